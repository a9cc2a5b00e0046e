//! The part of an event that is the same for every range of a site on a row: made once, then copied.

use crate::export::events::Category;
use profiler_core::site::Site;

use super::escape::push_string;
use super::number::push_integer;

/// Where an event stands: `pid` and `tid`.
pub(super) type Place = (u64, u64);

/// Heads by the number of their site, of the row that it was seen on last.
#[derive(Default)]
pub(super) struct Heads(Vec<Head>);

#[derive(Default)]
struct Head {
    /// `tid` 0, which no row of the program has, before it is made.
    place: Place,
    text: Vec<u8>,
}

impl Heads {
    /// Returns [`push_head`] of a range of `site`.
    #[inline]
    pub(super) fn of(&mut self, category: Category, site: &'static Site, place: Place) -> &[u8] {
        let number = site.number() as usize;
        if self.0.get(number).is_none_or(|head| head.place != place) {
            self.make(number, category, site, place);
        }
        &self.0[number].text
    }

    #[cold]
    fn make(&mut self, number: usize, category: Category, site: &Site, place: Place) {
        if self.0.len() <= number {
            self.0.resize_with(number + 1, Head::default);
        }
        let head = &mut self.0[number];
        head.place = place;
        head.text.clear();
        push_head(&mut head.text, category, site.name(), place);
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
