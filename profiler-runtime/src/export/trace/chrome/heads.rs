//! The part of an event that is the same for every range of a site: made once, then copied.

use crate::record::{Kind, Site};

use super::escape::push_string;
use super::number::push_signed;

/// Heads by the number of their site.
pub(super) struct Heads {
    pid: u32,
    by_number: Vec<Vec<u8>>,
}

impl Heads {
    pub(super) const fn new(pid: u32) -> Self {
        Self { pid, by_number: Vec::new() }
    }

    /// `{"ph":"X","cat":…,"name":…,"pid":…,"tid":` for a range of `site`.
    #[inline]
    pub(super) fn of(&mut self, site: &'static Site) -> &[u8] {
        let number = site.number() as usize;
        if self.by_number.get(number).is_none_or(Vec::is_empty) {
            self.make(number, site);
        }
        &self.by_number[number]
    }

    #[cold]
    fn make(&mut self, number: usize, site: &Site) {
        if self.by_number.len() <= number {
            self.by_number.resize_with(number + 1, Vec::new);
        }
        // Kineto's categories.
        let category = if site.kind() == Kind::Op { "cpu_op" } else { "user_annotation" };
        push_head(&mut self.by_number[number], category, site.name(), i64::from(self.pid));
    }
}

/// Appends `{"ph":"X","cat":…,"name":…,"pid":…,"tid":`.
pub(super) fn push_head(out: &mut Vec<u8>, category: &str, name: &str, pid: i64) {
    out.extend_from_slice(b"{\"ph\":\"X\",\"cat\":\"");
    out.extend_from_slice(category.as_bytes());
    out.extend_from_slice(b"\",\"name\":");
    push_string(out, name);
    out.extend_from_slice(b",\"pid\":");
    push_signed(out, pid);
    out.extend_from_slice(b",\"tid\":");
}
