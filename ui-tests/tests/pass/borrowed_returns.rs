//! Functions that return what they borrow, with elided and with named lifetimes.

#![forbid(unsafe_code)]
#![deny(warnings, rust_2018_idioms)]

use std::borrow::Cow;
use std::cell::{Ref, RefCell};
use std::collections::HashMap;

use profiler_runtime::profiled_stage;

struct Cache {
    entries: HashMap<String, String>,
    shared: RefCell<Vec<u8>>,
}

impl Cache {
    #[profiled_stage]
    fn get(&self, key: &str) -> Option<&String> {
        self.entries.get(key)
    }

    #[profiled_stage]
    fn entry(&mut self, key: &str) -> &mut String {
        if key.is_empty() {
            return self.entries.entry("empty".to_owned()).or_default();
        }
        self.entries.entry(key.to_owned()).or_default()
    }

    #[profiled_stage]
    fn both<'a>(&'a mut self, other: &'a mut String) -> (&'a mut String, &'a mut String) {
        (self.entries.entry(String::new()).or_default(), other)
    }

    #[profiled_stage]
    fn borrow(&self) -> Ref<'_, [u8]> {
        Ref::map(self.shared.borrow(), |bytes| &bytes[..])
    }

    #[profiled_stage]
    fn temporary_in_the_tail(&self) -> usize {
        self.shared.borrow().len()
    }
}

#[profiled_stage]
fn longest<'a>(a: &'a str, b: &'a str) -> &'a str {
    if a.len() > b.len() { a } else { b }
}

#[profiled_stage]
fn trimmed(text: &str) -> Cow<'_, str> {
    Cow::Borrowed(text.trim())
}

#[profiled_stage]
fn last<T>(items: &mut [T]) -> Option<&mut T> {
    items.last_mut()
}

#[profiled_stage]
fn callback<'a>(prefix: &'a str) -> Box<dyn Fn(&str) -> String + 'a> {
    Box::new(move |text| format!("{prefix}{text}"))
}

fn main() {
    let mut cache = Cache { entries: HashMap::new(), shared: RefCell::new(vec![1, 2]) };
    cache.entry("a").push('x');
    assert_eq!(cache.get("a").map(String::as_str), Some("x"));
    let mut other = String::from("other");
    let (first, second) = cache.both(&mut other);
    std::mem::swap(first, second);
    assert_eq!(other, "");
    assert_eq!(&*cache.borrow(), [1, 2]);
    assert_eq!(cache.temporary_in_the_tail(), 2);
    assert_eq!(longest("ab", "c"), "ab");
    assert_eq!(trimmed(" a "), "a");
    assert_eq!(last(&mut [1, 2]), Some(&mut 2));
    assert_eq!(callback("a")("b"), "ab");
}
