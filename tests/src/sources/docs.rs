//! Checks how the documentation of functions begins. It should begin with a third-person verb
//! ("Returns …"), as RFC 1574 recommends.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::Source;

/// A documented function.
#[derive(Debug)]
pub struct Documented {
    /// Line of its name.
    pub line: usize,
    /// Name of the function.
    pub name: String,
    /// First line of its documentation.
    pub opening: String,
}

impl Documented {
    /// Returns whether the documentation opens with a third-person verb.
    pub fn opens_with_a_verb(&self) -> bool {
        let mut words = self.opening.split([' ', ',', '.', ':', ';']).filter(|word| !word.is_empty());
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let shaped = first.ends_with('s')
            && !first.ends_with("ss")
            && first.starts_with(|letter: char| letter.is_ascii_uppercase())
            && first[1..].chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
        // Some words can be either; before a joining word they are nouns ("Names of threads", but
        // "Names a thread").
        let noun = NOUNS.contains(&first) || (BOTH.contains(&first) && JOINING.contains(&second));
        shaped && !noun
    }
}

/// Words that look like verbs but open a noun phrase.
const NOUNS: [&str; 14] = [
    "Arguments",
    "Artifacts",
    "Bytes",
    "Categories",
    "Columns",
    "Files",
    "Entries",
    "Kinds",
    "Lines",
    "Microseconds",
    "Nanoseconds",
    "Seconds",
    "This",
    "Threads",
];
/// Words that can be a verb or a noun.
const BOTH: [&str; 9] = ["Counts", "Labels", "Marks", "Names", "Places", "Records", "Steps", "Stops", "Times"];
/// Words after which the one before is a noun.
const JOINING: [&str; 8] = ["and", "by", "for", "in", "of", "per", "that", "which"];

/// Returns the documented functions of a file, except for those that only tests compile.
pub fn documented(source: &Source) -> Vec<Documented> {
    let mut found = Vec::new();
    let tokens: TokenStream = source.text.parse().unwrap_or_default();
    collect(&tokens.into_iter().collect::<Vec<_>>(), &mut found);
    let product = source.code_lines();
    found.retain(|function| product.contains(&function.line));
    found
}

fn collect(tokens: &[TokenTree], found: &mut Vec<Documented>) {
    let mut opening = None;
    let mut after_fn = false;
    let mut tokens = tokens.iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                if let Some(TokenTree::Group(group)) = tokens.peek()
                    && group.delimiter() == Delimiter::Bracket
                {
                    if let Some(line) = doc_line(&group.stream().into_iter().collect::<Vec<_>>()) {
                        opening.get_or_insert(line);
                    }
                    tokens.next();
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' => opening = None,
            TokenTree::Ident(name) if after_fn => {
                if let Some(opening) = opening.take() {
                    found.push(Documented { line: name.span().start().line, name: name.to_string(), opening });
                }
                after_fn = false;
            }
            TokenTree::Ident(word) => after_fn = word == "fn",
            TokenTree::Group(group) => {
                after_fn = false;
                if group.delimiter() == Delimiter::Brace {
                    opening = None;
                }
                if group.delimiter() != Delimiter::Bracket {
                    collect(&group.stream().into_iter().collect::<Vec<_>>(), found);
                }
            }
            _ => after_fn = false,
        }
    }
}

/// Returns the text of a `doc` attribute's tokens.
fn doc_line(tokens: &[TokenTree]) -> Option<String> {
    match tokens {
        [TokenTree::Ident(doc), TokenTree::Punct(_), TokenTree::Literal(text)] if doc == "doc" => {
            Some(text.to_string().trim_matches(['"', ' ']).to_owned())
        }
        _ => None,
    }
}
