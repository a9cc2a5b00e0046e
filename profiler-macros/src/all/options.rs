//! The options of `#[profiled_all]`.

use proc_macro2::Ident;
use syn::{Expr, LitStr, Path};

use super::pattern;
use crate::arguments::{Argument, Value};
use crate::kind::{Kind, form};
use crate::mistakes::Mistakes;
use crate::name::string;
use crate::nearest::nearest;

/// Choice of functions, and of the attribute that each gets.
pub(super) struct Options {
    pub(super) kind: Kind,
    pub(super) prefix: Option<LitStr>,
    /// The option `nested`: modules in the module are searched too.
    pub(super) is_nested: bool,
    pub(super) krate: Option<Path>,
    /// Patterns of the functions to be timed; all functions if there are none.
    only: Vec<LitStr>,
    except: Vec<LitStr>,
}

/// Every option, and how it is written.
const FORMS: [(&str, &str); 8] = [
    ("op", "op"),
    ("stage", "stage"),
    ("step", "step"),
    ("prefix", "prefix = \"unet\""),
    ("only", "only(\"forward*\")"),
    ("except", "except(\"new\")"),
    ("nested", "nested"),
    ("crate", ""),
];

/// Interprets the arguments.
pub(super) fn read(arguments: Vec<Argument>, mistakes: &mut Mistakes) -> Options {
    let (only, except) = (Vec::new(), Vec::new());
    let mut options = Options { kind: Kind::Op, prefix: None, is_nested: false, krate: None, only, except };
    let mut seen: Vec<String> = Vec::new();
    for argument in arguments {
        let key = match &argument {
            Argument::Positional(value) => {
                let what = "`#[profiled_all]` takes no name: write what the names begin with as `prefix = \"unet\"`";
                mistakes.at(value, what);
                continue;
            }
            Argument::Bare(key) | Argument::Assigned(key, _) | Argument::Listed(key, _) | Argument::Named(key, _) => {
                key.clone()
            }
        };
        let text = key.to_string();
        let slot = if kind(&key).is_some() { "kind".to_owned() } else { text.clone() };
        if seen.contains(&slot) {
            mistakes.at(&key, format!("the {slot} is given twice: keep one of them"));
            continue;
        }
        seen.push(slot);
        if !FORMS.iter().any(|(name, _)| *name == text) {
            mistakes.at(&key, unknown(&text));
        } else if !options.take(&key, argument, mistakes) {
            mistakes.at(&key, format!("`{text}` is written `{}`", written(&text)));
        }
    }
    options
}

fn kind(key: &Ident) -> Option<Kind> {
    [Kind::Op, Kind::Stage, Kind::Step].into_iter().find(|kind| key == kind.function())
}

fn written(name: &str) -> &'static str {
    let known = FORMS.iter().find(|(known, _)| *known == name).map_or("", |(_, form)| form);
    if known.is_empty() { form(name) } else { known }
}

fn unknown(text: &str) -> String {
    match nearest(text, FORMS.iter().map(|(name, _)| *name)) {
        Some(near) => format!("unknown option `{text}`: did you mean `{near}`?"),
        None => format!(
            "unknown option `{text}`: `#[profiled_all]` takes `op`, `stage` or `step`, and `prefix`, `only`, `except`, \
             `nested` and `crate`"
        ),
    }
}

impl Options {
    /// Takes an option; returns false if it is not written as it should be.
    fn take(&mut self, key: &Ident, argument: Argument, mistakes: &mut Mistakes) -> bool {
        match (key.to_string().as_str(), argument) {
            ("nested", Argument::Bare(_)) => self.is_nested = true,
            (_, Argument::Bare(_)) => match kind(key) {
                Some(kind) => self.kind = kind,
                None => return false,
            },
            ("prefix", Argument::Assigned(_, value)) => match string(&value.expression) {
                Some(prefix) => self.prefix = Some(prefix.clone()),
                None => return false,
            },
            ("crate", Argument::Assigned(_, Value { expression: Expr::Path(path), .. })) => {
                self.krate = Some(path.path)
            }
            ("only", Argument::Listed(_, values)) => return patterns(values, &mut self.only, mistakes),
            ("except", Argument::Listed(_, values)) => return patterns(values, &mut self.except, mistakes),
            _ => return false,
        }
        true
    }

    /// Returns whether a function is to be timed.
    pub(super) fn wants(&self, function: &str) -> bool {
        let is_among =
            |patterns: &[LitStr]| patterns.iter().any(|pattern| pattern::matches(&pattern.value(), function));
        (self.only.is_empty() || is_among(&self.only)) && !is_among(&self.except)
    }

    /// Reports patterns that match none of the functions.
    pub(super) fn check_patterns(&self, functions: &[String], mistakes: &mut Mistakes) {
        for pattern in self.only.iter().chain(&self.except) {
            let text = pattern.value();
            if !functions.iter().any(|function| pattern::matches(&text, function)) {
                let bare = text.replace(['*', '?'], "");
                let instead = match nearest(&bare, functions.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", listed(functions)),
                };
                mistakes.at(pattern, format!("`{text}` matches no function here: {instead}"));
            }
        }
    }
}

fn patterns(values: Vec<Value>, patterns: &mut Vec<LitStr>, mistakes: &mut Mistakes) -> bool {
    for value in &values {
        match string(&value.expression) {
            Some(pattern) => patterns.push(pattern.clone()),
            None => mistakes.at(value, "a pattern is a string, as in `only(\"forward*\")`"),
        }
    }
    !values.is_empty()
}

/// Returns the first functions' names, for a message.
fn listed(functions: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<_> = functions.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let rest = if functions.len() > SHOWN { " and others" } else { "" };
    shown.join(", ") + rest
}
