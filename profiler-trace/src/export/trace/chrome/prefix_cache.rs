//! The part of an event that is the same for every range of a site on a row: made once, then copied.

use profiler_core::site::Site;

use super::escape::push_string;
use super::number::push_integer;

/// Where an event stands: `pid` and `tid`.
pub(super) type Place = (u64, u64);

/// Heads by the number of their site, of the row that it was seen on last.
pub(super) struct Heads {
    pid: u32,
    by_number: Vec<Head>,
}

#[derive(Default)]
struct Head {
    /// 0, which no row has, before it is made.
    tid: u64,
    text: Vec<u8>,
}

impl Heads {
    pub(super) const fn new(pid: u32) -> Self {
        Self { pid, by_number: Vec::new() }
    }

    /// [`push_head`] of a range of `site`.
    #[inline]
    pub(super) fn of(&mut self, site: &'static Site, tid: u64) -> &[u8] {
        let number = site.number() as usize;
        if self.by_number.get(number).is_none_or(|head| head.tid != tid) {
            self.make(number, site, tid);
        }
        &self.by_number[number].text
    }

    #[cold]
    fn make(&mut self, number: usize, site: &Site, tid: u64) {
        if self.by_number.len() <= number {
            self.by_number.resize_with(number + 1, Head::default);
        }
        let head = &mut self.by_number[number];
        head.tid = tid;
        head.text.clear();
        push_head(&mut head.text, site.kind().category(), site.name(), (u64::from(self.pid), tid));
    }
}

/// Appends `{"ph":"X","cat":…,"name":…,"pid":…,"tid":…,"ts":`.
pub(super) fn push_head(out: &mut Vec<u8>, category: &str, name: &str, (pid, tid): Place) {
    out.extend_from_slice(b"{\"ph\":\"X\",\"cat\":\"");
    out.extend_from_slice(category.as_bytes());
    out.extend_from_slice(b"\",\"name\":");
    push_string(out, name);
    out.extend_from_slice(b",\"pid\":");
    push_integer(out, pid);
    out.extend_from_slice(b",\"tid\":");
    push_integer(out, tid);
    out.extend_from_slice(b",\"ts\":");
}
