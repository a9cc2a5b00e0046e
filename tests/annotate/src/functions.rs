//! Finds the functions of a file, and decides which of them get an attribute.

use std::fmt::{self, Display};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, ForeignItemFn, ImplItemFn, ItemFn, Macro, Signature, TraitItemFn, Visibility};

/// Attribute, which is inserted on the function's line to keep the line numbers.
const ATTRIBUTE: &str = "#[::recorded::profiled_stage(crate = ::recorded)] ";

/// Number of annotated functions, and of functions left out, by reason.
#[derive(Default)]
pub(crate) struct Count {
    annotated: usize,
    constant: usize,
    foreign: usize,
    in_macros: usize,
}

impl Display for Count {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { annotated, constant, foreign, in_macros } = self;
        write!(out, "{annotated} {constant} {foreign} {in_macros}")
    }
}

/// Returns the text with its functions annotated.
pub(crate) fn annotate(text: &str, count: &mut Count) -> syn::Result<String> {
    let mut functions = Functions { begins: Vec::new(), count };
    functions.visit_file(&syn::parse_file(text)?);
    let mut begins = functions.begins;
    begins.sort_unstable();
    let mut annotated = text.to_owned();
    for begin in begins.into_iter().rev() {
        annotated.insert_str(begin, ATTRIBUTE);
    }
    Ok(annotated)
}

struct Functions<'a> {
    /// Offsets at which attributes are inserted.
    begins: Vec<usize>,
    count: &'a mut Count,
}

impl Functions<'_> {
    /// Records a function, whose first token after its attributes is that of `head`.
    fn add(&mut self, attributes: &[Attribute], signature: &Signature, head: TokenStream) {
        if signature.constness.is_some() || attributes.iter().any(|attribute| attribute.path().is_ident("naked")) {
            self.count.constant += 1;
            return;
        }
        if let Some(first) = head.into_iter().next() {
            self.begins.push(first.span().byte_range().start);
            self.count.annotated += 1;
        }
    }
}

fn head(visibility: &Visibility, signature: &Signature) -> TokenStream {
    let mut head = visibility.to_token_stream();
    signature.to_tokens(&mut head);
    head
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.add(&function.attrs, &function.sig, head(&function.vis, &function.sig));
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        let mut tokens = function.vis.to_token_stream();
        function.modifiers.defaultness.to_tokens(&mut tokens);
        function.sig.to_tokens(&mut tokens);
        self.add(&function.attrs, &function.sig, tokens);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(Block { .. }) = function.default {
            self.add(&function.attrs, &function.sig, function.sig.to_token_stream());
        }
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_foreign_item_fn(&mut self, _: &'ast ForeignItemFn) {
        self.count.foreign += 1;
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.count.in_macros += functions_in(invocation.tokens.clone());
    }
}

/// Counts the `fn name` at any depth, including those of `macro_rules!`.
fn functions_in(tokens: TokenStream) -> usize {
    let mut after_fn = false;
    let mut found = 0;
    for tree in tokens {
        let is_name =
            matches!(&tree, TokenTree::Ident(_)) || matches!(&tree, TokenTree::Punct(p) if p.as_char() == '$');
        found += usize::from(after_fn && is_name);
        after_fn = matches!(&tree, TokenTree::Ident(ident) if ident == "fn");
        if let TokenTree::Group(group) = tree {
            found += functions_in(group.stream());
        }
    }
    found
}

#[test]
fn every_function_with_a_body_is_annotated_and_others_counted() {
    let text = "/// Doc.\n#[inline]\npub fn a() { fn b() {} }\ntrait T { fn c(); fn d() {} }\n\
                impl T for u8 { fn c() {} }\nconst fn e() {}\nextern \"C\" { fn f(); }\nm! { fn g() {} }";
    let mut count = Count::default();
    let annotated = annotate(text, &mut count).unwrap();
    assert_eq!(count.to_string(), "4 1 1 1");
    assert_eq!(annotated.matches(ATTRIBUTE).count(), 4);
    assert!(annotated.contains(&format!("#[inline]\n{ATTRIBUTE}pub fn a() {{ {ATTRIBUTE}fn b() {{}} }}")));
    assert!(annotated.contains(&format!("fn c(); {ATTRIBUTE}fn d()")));
}
