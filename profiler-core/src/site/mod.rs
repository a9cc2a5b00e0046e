//! Sites: the annotated places in the code.
//!
//! Each is a `static` with everything that is known before it runs, linked into a list by
//! `inventory`, so that a program can list its stages before it runs them. A site gets a number
//! when it first records; records carry the number. Names made at run time are interned into leaked
//! sites, at most [`MAX_DYNAMIC`] of them, and only while there is memory.

mod numbered;
pub mod pinned;

use std::alloc::{Layout, alloc};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numbered::Numbered;

use crate::kind::Kind;
use crate::label;
use crate::ledger;
use crate::process::PerProcess;
use crate::stream::key::Key;

/// One annotated place in the code.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    kind: Kind,
    file: &'static str,
    line: u32,
    module: &'static str,
    /// Names of the site's own arguments.
    arguments: &'static [&'static str],
    /// 0 before the first record; [`OUT_OF_LINE`] is set where every range takes the out-of-line
    /// path.
    number: AtomicU32,
}

/// A site in the linked list.
#[derive(Debug)]
pub struct Registered(pub &'static Site);

inventory::collect!(Registered);

/// Maximum number of run-time names per process; ranges of further names are recorded under
/// [`OVERFLOW`].
pub const MAX_DYNAMIC: usize = 4096;
/// Maximum number of further names that are told apart, to report how many there were.
const MAX_MERGED: usize = 1 << 16;
const OVERFLOW: &str = "(too many dynamic names)";
/// Flag of steps and requests, which do more than record.
const OUT_OF_LINE: u32 = 1 << 31;

impl Site {
    /// Creates a site; the attributes and block macros put it into a `static`.
    #[must_use]
    pub const fn new(kind: Kind, name: &'static str, file: &'static str, line: u32, module: &'static str) -> Self {
        Self { name, kind, file, line, module, arguments: &[], number: AtomicU32::new(0) }
    }

    /// Returns the site with its own arguments.
    #[must_use]
    pub const fn with_arguments(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
    }

    /// Returns the names of the site's own arguments.
    pub const fn arguments(&self) -> &'static [&'static str] {
        self.arguments
    }

    /// Returns the name that artifacts show for an argument of the site's ranges.
    pub fn argument_name(&self, key: Key) -> Option<&'static str> {
        match key.own_place() {
            Some(place) => self.arguments.get(place).copied(),
            None => key.common_name(),
        }
    }

    /// Returns the name that artifacts show.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the kind of the site.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns whether the site is a stage or a step: these are the nodes of the stage tree.
    #[inline]
    pub const fn is_stage(&self) -> bool {
        self.kind.is_stage()
    }

    /// Returns the source file, as the compiler names it.
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// Returns the line in the file.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// Returns the module path.
    pub const fn module(&self) -> &'static str {
        self.module
    }

    /// Returns whether this site stands for all names beyond [`MAX_DYNAMIC`].
    pub fn is_overflow(&self) -> bool {
        self.line == 0 && self.name == OVERFLOW
    }

    /// Returns the number if the fast path may record it, else 0 or a number with the top bit set.
    #[inline(always)]
    pub(crate) fn fast_number(&self) -> u32 {
        // ORDERING: the number is the data; readers of records find the site through the lock.
        self.number.load(Ordering::Relaxed)
    }

    /// Returns the number, which the first call assigns.
    pub fn number(&'static self) -> u32 {
        let number = self.fast_number() & !OUT_OF_LINE;
        if number == 0 { self.enrol() } else { number }
    }

    #[cold]
    fn enrol(&'static self) -> u32 {
        let _own = ledger::own();
        // Names made at run time belong to no library.
        if !self.file.is_empty() {
            pinned::pin(self);
        }
        let publish = |number| {
            // Before the first record can be written.
            announce(&[(self, number)]);
            let flag = if matches!(self.kind, Kind::Step | Kind::Request) { OUT_OF_LINE } else { 0 };
            // ORDERING: see `fast_number`.
            self.number.store(number | flag, Ordering::Relaxed);
        };
        SITES.add(self, || self.fast_number() & !OUT_OF_LINE, publish)
    }
}

/// Returns whether a result of `fast_number` may go into a record unchanged.
#[inline(always)]
pub(crate) const fn is_fast(number: u32) -> bool {
    number.wrapping_sub(1) < OUT_OF_LINE - 1
}

/// Sites that have recorded.
static SITES: Numbered<Site> = Numbered::new();

/// Receiver of each site before the first record that names it.
pub trait Listener: Send + Sync {
    /// Announces sites that have got numbers, some maybe again. Must not need the program's memory
    /// for a single site.
    fn announce_sites(&self, sites: &[(&'static Site, u32)]);
}

static LISTENER: PerProcess<Mutex<Option<Arc<dyn Listener>>>> = PerProcess::new(|_| Mutex::default());

/// Announces all sites with numbers, and from now on those that get one, to this listener, or to
/// none.
pub fn announce_to(listener: Option<Arc<dyn Listener>>) {
    let is_one = listener.is_some();
    let before = std::mem::replace(&mut *LISTENER.lock().unwrap_or_else(PoisonError::into_inner), listener);
    drop(before);
    if is_one {
        announce(&SITES.all().into_iter().zip(1..).collect::<Vec<_>>());
    }
}

fn announce(sites: &[(&'static Site, u32)]) {
    let listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(listener) = listener {
        listener.announce_sites(sites);
    }
}

/// Returns every site that has recorded, in order of number (the first has number 1).
pub fn numbered() -> Vec<&'static Site> {
    SITES.all()
}

/// Returns the site with this number.
pub fn by_number(number: u32) -> Option<&'static Site> {
    SITES.get(number)
}

/// Returns every site that is linked into the program, whether or not it has run, in no particular
/// order.
pub fn sites() -> impl Iterator<Item = &'static Site> {
    once_around(inventory::iter::<Registered>.into_iter().map(|registered| registered.0))
}

/// Ends the sequence where a site repeats: a library that is unloaded before it records, and then
/// loaded again, enters its sites twice, which turns the list into a ring.
fn once_around(all: impl Iterator<Item = &'static Site>) -> impl Iterator<Item = &'static Site> {
    let (mut known, mut since, mut until) = (ptr::null(), 0_u64, 1_u64);
    let is_new = move |site: &&'static Site| {
        if ptr::eq(*site, known) {
            return false;
        }
        since += 1;
        if since == until {
            (known, since, until) = (ptr::from_ref(*site), 0, until * 2);
        }
        true
    };
    all.take_while(is_new)
}

/// Sites of run-time names.
#[derive(Default)]
struct Interned {
    sites: HashMap<(Kind, &'static str), &'static Site>,
    /// Hashes of names that got no site of their own, at most [`MAX_MERGED`].
    merged: HashSet<u64>,
}

/// Interned sites of this process: a child makes its own for the names that it uses.
static INTERNED: PerProcess<Mutex<Interned>> = PerProcess::new(|_| Mutex::default());

fn interned() -> MutexGuard<'static, Interned> {
    INTERNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the site of a run-time name, one per kind and name. Takes a lock; keep the result where
/// it runs often.
pub fn dynamic_site(kind: Kind, name: &str) -> &'static Site {
    label::with_cut(name, |name| intern(kind, name))
}

fn intern(kind: Kind, name: &str) -> &'static Site {
    let _own = ledger::own();
    let mut interned = interned();
    if let Some(known) = interned.sites.get(&(kind, name)) {
        return known;
    }
    let has_room = interned.sites.len() < MAX_DYNAMIC && interned.sites.try_reserve(1).is_ok();
    let Some(site) = (if has_room { leak(kind, name) } else { None }) else {
        interned.merge(&(kind, name));
        return overflow(kind);
    };
    interned.sites.insert((kind, site.name), site);
    site
}

/// Creates a site, with its name, that lives for ever; `None` if there is no memory.
fn leak(kind: Kind, name: &str) -> Option<&'static Site> {
    let (layout, at) = Layout::new::<Site>().extend(Layout::for_value(name)).ok()?;
    // SAFETY: the layout's size is not zero.
    let memory = NonNull::new(unsafe { alloc(layout) })?;
    // SAFETY: the name is `at` bytes after the site, and no other code has either.
    unsafe {
        let text = memory.add(at);
        text.copy_from_nonoverlapping(NonNull::from(name).cast(), name.len());
        let name = str::from_utf8_unchecked(slice::from_raw_parts(text.as_ptr(), name.len()));
        let site = memory.cast::<Site>();
        site.write(Site::new(kind, name, "", 0, ""));
        Some(site.as_ref())
    }
}

/// Returns the site of all names of a kind that have no site of their own.
fn overflow(kind: Kind) -> &'static Site {
    static SITES: [Site; 4] = [
        Site::new(Kind::Stage, OVERFLOW, "", 0, ""),
        Site::new(Kind::Step, OVERFLOW, "", 0, ""),
        Site::new(Kind::Op, OVERFLOW, "", 0, ""),
        Site::new(Kind::Request, OVERFLOW, "", 0, ""),
    ];
    match kind {
        Kind::Stage => &SITES[0],
        Kind::Step => &SITES[1],
        Kind::Op => &SITES[2],
        Kind::Request => &SITES[3],
    }
}

/// Returns the number of names that the process has used beyond [`MAX_DYNAMIC`], up to 65,536.
pub fn merged_names() -> u64 {
    let _own = ledger::own();
    interned().merged.len() as u64
}

impl Interned {
    /// Counts a name that gets no site of its own, if there is memory to recognize it again.
    fn merge(&mut self, key: &(Kind, &str)) {
        if self.merged.len() < MAX_MERGED && self.merged.try_reserve(1).is_ok() {
            let hash = self.sites.hasher().hash_one(key);
            self.merged.insert(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G8: iteration ends when sites were entered twice.
    #[test]
    fn a_ring_of_sites_ends() {
        static SITES: [Site; 3] = [const { Site::new(Kind::Op, "", "", 0, "") }; 3];
        let [first, ring @ ..] = &SITES;
        for count in [0, 1, 2] {
            let found = once_around(std::iter::once(first).chain(ring[..count].iter().cycle())).count();
            assert!((1 + count..10).contains(&found), "{found}");
        }
        assert_eq!(once_around(SITES.iter()).count(), 3);
    }
}
