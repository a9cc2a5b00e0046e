//! `#[profiled_all]`: puts an attribute on every function of an `impl`, a trait or a module.
//!
//! The block is not parsed. It is split into its items, and an attribute goes before each function
//! with a body. So every function gets what its own attribute would do, its errors included, and
//! the user's tokens stay as they are.

mod options;
mod pattern;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::{ItemImpl, Type};

use crate::arguments;
use crate::fragment;
use crate::function::{braces, flattened, is_ident, is_punct, item_keyword, name_after};
use crate::kind::{Form, Kind};
use crate::mistakes::Mistakes;
use crate::root::Root;
use options::Options;

/// Checks one use of the attribute and, if `recording`, puts the attributes on the functions.
pub(crate) fn apply(root: Root, arguments: TokenStream, item: TokenStream, recording: bool) -> TokenStream {
    let mut mistakes = Mistakes::default();
    let arguments = arguments::read(Form::Attribute(Kind::Op), arguments, &mut mistakes);
    let options = options::read(arguments, &mut mistakes);
    let mut walk = Walk { root, options: &options, seen: Vec::new() };
    let annotated = walk.item(&item, &mut mistakes);
    if annotated.is_some() && mistakes.is_empty() {
        options.check_patterns(&walk.seen, &mut mistakes);
    }
    match mistakes.finish(annotated) {
        Ok(annotated) if recording => annotated,
        Ok(_) => item,
        Err(errors) => [errors, item].into_iter().collect(),
    }
}

/// The search for functions.
struct Walk<'a> {
    root: Root,
    options: &'a Options,
    /// Names of the functions found so far.
    seen: Vec<String>,
}

impl Walk<'_> {
    /// Returns the item with attributes on its functions; reports an item that holds no functions.
    fn item(&mut self, item: &TokenStream, mistakes: &mut Mistakes) -> Option<TokenStream> {
        let trees: Vec<_> = flattened(item.clone()).into_iter().collect();
        let keyword = item_keyword(&trees);
        let Some((body, head)) = trees.split_last().and_then(|(last, head)| Some((braces(last.clone())?, head))) else {
            let what = "`#[profiled_all]` goes on a block with functions in it: put it on an `impl`, a trait or an \
                        inline module";
            mistakes.at(keyword, what);
            return None;
        };
        let Some(name) = block_name(head) else {
            let instead = match &keyword {
                Some(keyword) if keyword == "fn" => "write `#[profiled_op]` on a function",
                _ => "put it on an `impl`, a trait or an inline module",
            };
            let shown = keyword.as_ref().map_or_else(|| "this item".to_owned(), |keyword| format!("`{keyword}`"));
            mistakes
                .at(keyword, format!("`#[profiled_all]` goes on a block with functions, not on {shown}: {instead}"));
            return None;
        };
        let prefix = self.options.prefix.as_ref().map_or(name, syn::LitStr::value);
        let body = self.block(&body, &prefix);
        if self.seen.is_empty() {
            mistakes.at(keyword, "there is no function here that could be timed: remove `#[profiled_all]`");
        }
        Some(head.iter().cloned().chain([TokenTree::Group(body)]).collect())
    }

    /// Returns a block with attributes on its functions.
    fn block(&mut self, block: &Group, prefix: &str) -> Group {
        let mut stream = TokenStream::new();
        for item in items(block.stream()) {
            stream.extend(self.attribute(&item, prefix));
            match self.inner(&item) {
                Some((name, inner)) => {
                    let inner = self.block(&inner, &joined(prefix, &name));
                    stream.extend(item[..item.len() - 1].iter().cloned().chain([TokenTree::Group(inner)]));
                }
                None => stream.extend(fragment::types(&item)),
            }
        }
        let mut annotated = Group::new(Delimiter::Brace, stream);
        annotated.set_span(block.span());
        annotated
    }

    /// Returns the name and the braces of an item whose functions are annotated with the block's.
    fn inner(&self, item: &[TokenTree]) -> Option<(String, Group)> {
        let keyword = item_keyword(item)?;
        let is_module = keyword == "mod";
        if (is_module && !self.options.is_nested) || has_own_attribute(item) {
            return None;
        }
        let (last, head) = item.split_last()?;
        Some((block_name(head)?, braces(last.clone())?))
    }

    /// Returns the attribute for an item, if it is a function to be timed.
    fn attribute(&mut self, item: &[TokenTree], prefix: &str) -> Option<TokenStream> {
        let keyword = item_keyword(item).filter(|keyword| keyword == "fn")?;
        let has_body = item.last().is_some_and(|last| braces(last.clone()).is_some());
        let before: Vec<_> = item.iter().take_while(|tree| !is_ident(tree, "fn")).collect();
        if !has_body || before.iter().any(|tree| is_ident(tree, "const")) || is_naked(item) || has_own_attribute(item) {
            return None;
        }
        let function = name_after(&keyword, item)?.unraw().to_string();
        self.seen.push(function.clone());
        if !self.options.wants(&function) {
            return None;
        }
        let name = joined(prefix, &function);
        let krate = self.options.krate.clone();
        let path = krate.clone().unwrap_or_else(|| self.root.path());
        let attribute = Ident::new(&format!("profiled_{}", self.options.kind.function()), Span::call_site());
        let krate = krate.map(|krate| quote_spanned!(Span::call_site()=> , crate = #krate));
        Some(quote_spanned!(Span::call_site()=> #[#path::#attribute(#name #krate)]))
    }
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// Splits a block into its items. A part of an item that ends with braces of its own may be apart;
/// it has no `fn` before it.
fn items(block: TokenStream) -> Vec<Vec<TokenTree>> {
    let (mut items, mut item) = (Vec::new(), Vec::new());
    for tree in block.into_iter().flat_map(unwrapped) {
        let ends =
            is_punct(&tree, ';') || matches!(&tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        item.push(tree);
        if ends {
            items.push(std::mem::take(&mut item));
        }
    }
    if !item.is_empty() {
        items.push(item);
    }
    items
}

/// Removes the invisible delimiters around an item or a body that is a macro's fragment.
fn unwrapped(tree: TokenTree) -> Vec<TokenTree> {
    match &tree {
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            let trees: Vec<_> = group.stream().into_iter().collect();
            let ends_with_braces =
                matches!(trees.last(), Some(TokenTree::Group(last)) if last.delimiter() == Delimiter::Brace);
            if ends_with_braces { trees } else { vec![tree] }
        }
        _ => vec![tree],
    }
}

/// Returns the name of a block's type, trait or module.
fn block_name(head: &[TokenTree]) -> Option<String> {
    let keyword = item_keyword(head)?;
    if keyword == "trait" || keyword == "mod" {
        return Some(name_after(&keyword, head)?.unraw().to_string());
    }
    if keyword != "impl" {
        return None;
    }
    let empty = TokenTree::Group(Group::new(Delimiter::Brace, TokenStream::new()));
    let header = head.iter().cloned().chain([empty]).collect();
    Some(syn::parse2::<ItemImpl>(header).ok().map_or_else(|| "impl".to_owned(), |item| type_name(&item.self_ty)))
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map_or_else(String::new, |last| last.ident.unraw().to_string()),
        Type::Reference(inner) => type_name(&inner.elem),
        Type::Group(inner) => type_name(&inner.elem),
        Type::Paren(inner) => type_name(&inner.elem),
        Type::Slice(inner) => type_name(&inner.elem),
        Type::Array(inner) => type_name(&inner.elem),
        _ => "impl".to_owned(),
    }
}

fn is_naked(item: &[TokenTree]) -> bool {
    mentioned(item, &|ident| ident == "naked")
}

/// Returns whether the item has an attribute of the profiler already.
fn has_own_attribute(item: &[TokenTree]) -> bool {
    mentioned(item, &|ident| ident.to_string().starts_with("profiled_"))
}

/// Returns whether one of the item's attributes mentions such an identifier.
fn mentioned(item: &[TokenTree], is: &impl Fn(&Ident) -> bool) -> bool {
    item.windows(2).any(|pair| match pair {
        [sign, TokenTree::Group(group)] if is_punct(sign, '#') && group.delimiter() == Delimiter::Bracket => {
            crate::flow::mentions(group.stream(), is)
        }
        _ => false,
    })
}
