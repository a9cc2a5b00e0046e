//! Texts that are formatted once for a site, then copied: above all the part of an event that is
//! the same for every range of the site on a row.

use crate::export::events::Category;
use profiler_core::site::Site;

use super::escape::push_string;
use super::number::push_integer;

/// Place of an event: `pid` and `tid`.
pub(super) type Place = (u64, u64);

/// A text for every site, by the site's number, with the value that it was made from.
pub(super) struct Cache<T>(Vec<(T, Vec<u8>)>);

/// The heads of sites' ranges: `tid` 0, which no row of the program has, before it is made.
pub(super) type Heads = Cache<Place>;

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> Cache<T> {
    /// Returns the text, if `is_same` accepts the value that it was made from.
    #[inline]
    pub(super) fn get(&self, site: &'static Site, is_same: impl FnOnce(&T) -> bool) -> Option<&[u8]> {
        let (of, text) = self.0.get(site.number() as usize)?;
        is_same(of).then_some(text)
    }

    /// Returns the entry of a site: the value, and the text made from it.
    pub(super) fn entry(&mut self, site: &'static Site) -> &mut (T, Vec<u8>) {
        let number = site.number() as usize;
        if self.0.len() <= number {
            self.0.resize_with(number + 1, Default::default);
        }
        &mut self.0[number]
    }
}

impl Heads {
    /// Appends [`push_head`] of a range of `site`.
    #[inline]
    pub(super) fn push(&mut self, out: &mut Vec<u8>, category: Category, site: &'static Site, place: Place) {
        match self.get(site, |known| *known == place) {
            Some(text) => out.extend_from_slice(text),
            None => self.make(out, category, site, place),
        }
    }

    #[cold]
    fn make(&mut self, out: &mut Vec<u8>, category: Category, site: &'static Site, place: Place) {
        let (known, text) = self.entry(site);
        *known = place;
        text.clear();
        push_head(text, category, site.name(), place);
        out.extend_from_slice(text);
    }
}

/// Appends `{"ph":"X","cat":…,"name":…,"pid":…,"tid":…,"ts":`.
pub(super) fn push_head(out: &mut Vec<u8>, category: Category, name: &str, place: Place) {
    out.extend_from_slice(b"{\"ph\":\"X\",");
    out.extend_from_slice(category.json().as_bytes());
    out.extend_from_slice(b",\"name\":");
    push_string(out, name);
    push_place(out, place);
}

/// Appends `,"pid":…,"tid":…,"ts":`.
pub(super) fn push_place(out: &mut Vec<u8>, (pid, tid): Place) {
    out.extend_from_slice(b",\"pid\":");
    push_integer(out, pid);
    out.extend_from_slice(b",\"tid\":");
    push_integer(out, tid);
    out.extend_from_slice(b",\"ts\":");
}
