//! Sites: annotated locations in the code, each with a name, a kind and, once it records, a number.
//!
//! A site is a `static` with everything that is known at compile time. `inventory` links all of
//! them into a list, so that a program can list its stages before it runs them. A site is assigned
//! a number when it first records, and entries carry that number. Run-time names are interned as
//! leaked sites, at most [`MAX_DYNAMIC`] of them, and only while there is memory.

mod numbered;
#[doc(hidden)]
pub mod pinned;
mod table;

pub use crate::kind::Kind;

use std::alloc::{Layout, alloc};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use numbered::Numbered;
use table::Table;

use crate::label;
use crate::ledger;
use crate::process::PerProcess;
use crate::stream::key::Key;

/// One annotated location in the code.
#[derive(Debug)]
pub struct Site {
    name: &'static str,
    kind: Kind,
    file: &'static str,
    line: u32,
    module: &'static str,
    /// Names of the site's user-defined arguments.
    arguments: &'static [&'static str],
    /// Number of the site, 0 before it first records. [`OUT_OF_LINE`] is set if its ranges cannot
    /// use the fast path.
    number: AtomicU32,
}

/// A site in the program's list of sites.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registered(pub &'static Site);

inventory::collect!(Registered);

/// Maximum number of run-time names per process; ranges with further names are recorded under
/// [`OVERFLOW`].
#[doc(hidden)]
pub const MAX_DYNAMIC: usize = 4096;
/// Maximum number of further names that are counted for the report.
const MAX_MERGED: usize = 1 << 16;
const OVERFLOW: &str = "(too many dynamic names)";
/// Flag of steps and requests, whose ranges do more than record.
const OUT_OF_LINE: u32 = 1 << 31;

impl Site {
    /// Creates a site. The attributes and block macros place it in a `static`.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(kind: Kind, name: &'static str, file: &'static str, line: u32, module: &'static str) -> Self {
        Self { name, kind, file, line, module, arguments: &[], number: AtomicU32::new(0) }
    }

    /// Sets the names of the site's user-defined arguments.
    #[doc(hidden)]
    #[must_use]
    pub const fn with_arguments(self, arguments: &'static [&'static str]) -> Self {
        Self { arguments, ..self }
    }

    /// Returns the names of the site's user-defined arguments.
    #[doc(hidden)]
    pub const fn arguments(&self) -> &'static [&'static str] {
        self.arguments
    }

    /// Returns the name of an argument of the site's ranges, as artifacts show it.
    #[doc(hidden)]
    pub fn argument_name(&self, key: Key) -> Option<&'static str> {
        match key.own_index() {
            Some(index) => self.arguments.get(index).copied(),
            None => key.common_name(),
        }
    }

    /// Returns the site's name, as artifacts show it.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the site's kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns whether the site is a stage or a step, which are the nodes of the stage tree.
    #[doc(hidden)]
    #[inline]
    pub const fn is_stage(&self) -> bool {
        self.kind.is_stage()
    }

    /// Returns the path of the source file, as the compiler writes it.
    pub const fn file(&self) -> &'static str {
        self.file
    }

    /// Returns the line in the source file.
    pub const fn line(&self) -> u32 {
        self.line
    }

    /// Returns the module path.
    pub const fn module(&self) -> &'static str {
        self.module
    }

    /// Returns whether this site stands for all names beyond [`MAX_DYNAMIC`].
    #[doc(hidden)]
    pub fn is_overflow(&self) -> bool {
        self.line == 0 && self.name == OVERFLOW
    }

    /// Returns the number if the fast path may use it, else 0 or a number with the top bit set.
    #[inline(always)]
    pub(crate) fn fast_number(&self) -> u32 {
        // ORDERING: the number itself is the data; readers of entries find the site under the lock.
        self.number.load(Ordering::Relaxed)
    }

    /// Returns the site's number, which the first call assigns; 0 if there is no memory for one.
    #[doc(hidden)]
    pub fn number(&'static self) -> u32 {
        let number = self.fast_number() & !OUT_OF_LINE;
        if number == 0 { self.assign_number() } else { number }
    }

    #[cold]
    fn assign_number(&'static self) -> u32 {
        let _own = ledger::own();
        // Run-time names belong to no library.
        if !self.file.is_empty() {
            pinned::pin(self);
        }
        let publish = |number| {
            // Announced before the first entry that names the site can be written.
            announce(&[(self, number)]);
            let flag = if matches!(self.kind, Kind::Step | Kind::Request) { OUT_OF_LINE } else { 0 };
            // ORDERING: see `fast_number`.
            self.number.store(number | flag, Ordering::Relaxed);
        };
        SITES.add(self, || self.fast_number() & !OUT_OF_LINE, publish)
    }
}

/// Returns whether a result of `fast_number` may go into an entry unchanged.
#[inline(always)]
pub(crate) const fn is_fast(number: u32) -> bool {
    number.wrapping_sub(1) < OUT_OF_LINE - 1
}

/// Sites that have a number.
static SITES: Numbered<Site> = Numbered::new();

/// Receiver of every site, called before the first entry that names it.
#[doc(hidden)]
pub trait Listener: Send + Sync {
    /// Announces sites with their numbers; may repeat some. Must not allocate from the program's
    /// allocator for a single site.
    fn announce_sites(&self, sites: &[(&'static Site, u32)]);
}

static LISTENER: PerProcess<Mutex<Option<Arc<dyn Listener>>>> = PerProcess::new(|_| Mutex::default());

/// Sets the listener, or none. Announces to it all sites that have numbers, and from now on every
/// site that is assigned one.
#[doc(hidden)]
pub fn announce_to(listener: Option<Arc<dyn Listener>>) {
    let is_set = listener.is_some();
    let before = std::mem::replace(&mut *LISTENER.lock().unwrap_or_else(PoisonError::into_inner), listener);
    drop(before);
    if is_set {
        announce(&SITES.all().into_iter().zip(1..).collect::<Vec<_>>());
    }
}

fn announce(sites: &[(&'static Site, u32)]) {
    let listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(listener) = listener {
        listener.announce_sites(sites);
    }
}

/// Returns every site that has a number, in order of number, from 1.
#[doc(hidden)]
pub fn numbered() -> Vec<&'static Site> {
    SITES.all()
}

/// Returns the site with this number.
#[doc(hidden)]
pub fn by_number(number: u32) -> Option<&'static Site> {
    SITES.get(number)
}

/// Returns every site that is linked into the program, whether or not it has run, in no particular
/// order.
pub fn sites() -> impl Iterator<Item = &'static Site> {
    until_repeat(inventory::iter::<Registered>.into_iter().map(|registered| registered.0))
}

/// Ends the sequence where a site repeats. A library that is unloaded before it records, and then
/// loaded again, adds its sites twice and turns the linked list into a ring. Brent's algorithm
/// finds the repetition.
fn until_repeat(all: impl Iterator<Item = &'static Site>) -> impl Iterator<Item = &'static Site> {
    let (mut saved, mut steps, mut limit) = (ptr::null(), 0_u64, 1_u64);
    let is_new = move |site: &&'static Site| {
        if ptr::eq(*site, saved) {
            return false;
        }
        steps += 1;
        if steps == limit {
            (saved, steps, limit) = (ptr::from_ref(*site), 0, limit * 2);
        }
        true
    };
    all.take_while(is_new)
}

/// Interned sites of run-time names.
#[derive(Default)]
struct Interned {
    sites: HashMap<(Kind, &'static str), &'static Site>,
    /// Hashes of names without a site of their own, at most [`MAX_MERGED`].
    merged: HashSet<u64>,
}

/// Interned sites of this process; a forked child interns the names that it uses again.
static INTERNED: PerProcess<Mutex<Interned>> = PerProcess::new(|_| Mutex::default());

fn interned() -> MutexGuard<'static, Interned> {
    INTERNED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Interned sites by their names, for readers without the lock. A forked child keeps its parent's.
static BY_NAME: Table<Site> = Table::new();

const _: () = assert!(table::SLOTS >= 2 * MAX_DYNAMIC, "the table has room for every name");

/// Sites of the names that [`static_site`] was given.
static BY_ADDRESS: Table<Addressed> = Table::new();

/// A name at its address, and its site, whose own name may lie elsewhere.
struct Addressed {
    name: &'static str,
    site: &'static Site,
}

/// Returns the site of a run-time name, one per kind and name. Takes a lock the first time only.
#[doc(hidden)]
pub fn dynamic_site(kind: Kind, name: &str) -> &'static Site {
    label::with_truncated(name, |name| {
        let hash = table::hash(kind as u64, name.as_bytes());
        let known = BY_NAME.find(hash, |site| site.kind == kind && site.name == name);
        known.unwrap_or_else(|| intern(kind, name, hash))
    })
}

/// Returns the site of a name that lives as long as the program, which is known by its address and
/// length after the first time.
#[doc(hidden)]
#[inline]
pub fn static_site(kind: Kind, name: &'static str) -> &'static Site {
    let hash = table::hash_of_address(kind as u64, name);
    let known = BY_ADDRESS.find(hash, |known| ptr::eq(known.name, name) && known.site.kind == kind);
    known.map_or_else(|| find_and_remember(kind, name, hash), |known| known.site)
}

#[cold]
#[inline(never)]
fn find_and_remember(kind: Kind, name: &'static str, hash: usize) -> &'static Site {
    let site = dynamic_site(kind, name);
    // The sites of names without one of their own are not remembered, so that each name is counted.
    if !site.is_overflow() {
        let _own = ledger::own();
        // Another library must not be loaded at this address.
        if let Some(first) = name.as_bytes().first() {
            pinned::pin(first);
        }
        // SAFETY: the layout's size is not zero.
        let memory = NonNull::new(unsafe { alloc(Layout::new::<Addressed>()) });
        if let Some(memory) = memory.map(NonNull::cast::<Addressed>) {
            // SAFETY: the memory is new, and has the layout of the value.
            unsafe {
                memory.write(Addressed { name, site });
                BY_ADDRESS.add(hash, memory.as_ref());
            }
        }
    }
    site
}

#[cold]
fn intern(kind: Kind, name: &str, hash: usize) -> &'static Site {
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
    BY_NAME.add(hash, site);
    site
}

/// Allocates a site with its name, which are never freed; returns `None` if there is no memory.
fn leak(kind: Kind, name: &str) -> Option<&'static Site> {
    let (layout, at) = Layout::new::<Site>().extend(Layout::for_value(name)).ok()?;
    // SAFETY: the layout's size is not zero.
    let memory = NonNull::new(unsafe { alloc(layout) })?;
    // SAFETY: the name lies `at` bytes after the site, and no other code has a pointer to either.
    unsafe {
        let text = memory.add(at);
        text.copy_from_nonoverlapping(NonNull::from(name).cast(), name.len());
        let name = str::from_utf8_unchecked(slice::from_raw_parts(text.as_ptr(), name.len()));
        let site = memory.cast::<Site>();
        site.write(Site::new(kind, name, "", 0, ""));
        Some(site.as_ref())
    }
}

/// Returns the site that stands for all names of a kind without a site of their own.
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

/// Returns the number of names beyond [`MAX_DYNAMIC`] that the process has used, counted up to
/// 65,536.
#[doc(hidden)]
pub fn merged_names() -> u64 {
    let _own = ledger::own();
    interned().merged.len() as u64
}

impl Interned {
    /// Counts a name without a site of its own once, if there is memory to recognize it.
    fn merge(&mut self, key: &(Kind, &str)) {
        if self.merged.len() < MAX_MERGED && self.merged.try_reserve(1).is_ok() {
            let hash = self.sites.hasher().hash_one(key);
            self.merged.insert(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    /// G8: iteration ends when sites were entered twice.
    #[test]
    fn a_ring_of_sites_ends() {
        static SITES: [Site; 3] = [const { Site::new(Kind::Op, "", "", 0, "") }; 3];
        let [first, ring @ ..] = &SITES;
        for count in [0, 1, 2] {
            let found = until_repeat(std::iter::once(first).chain(ring[..count].iter().cycle())).count();
            assert!((1 + count..10).contains(&found), "{found}");
        }
        assert_eq!(until_repeat(SITES.iter()).count(), 3);
    }

    #[test]
    fn a_known_name_is_found_without_the_lock() {
        const NAME: &str = "found without the lock";
        let long = "x".repeat(1000);
        let all = move || [dynamic_site(Kind::Op, NAME), dynamic_site(Kind::Op, &long), static_site(Kind::Op, NAME)];
        let first = all();
        let (sender, receiver) = std::sync::mpsc::channel();
        let lock = interned();
        std::thread::spawn(move || sender.send(all()));
        let again = receiver.recv_timeout(std::time::Duration::from_secs(20));
        drop(lock);
        let again = again.expect("a known name needs no lock");
        assert!(std::iter::zip(first, again).all(|(first, again)| ptr::eq(first, again)));
        assert!(ptr::eq(first[0], first[2]), "one site per kind and name");
        assert!(!ptr::eq(first[0], static_site(Kind::Stage, NAME)));
    }

    #[test]
    fn equal_names_at_two_addresses_have_one_site() {
        let copy: &'static str = String::from("at two addresses").leak();
        assert!(ptr::eq(static_site(Kind::Step, "at two addresses"), static_site(Kind::Step, copy)));
        assert_eq!(static_site(Kind::Step, copy).name(), copy);
    }
}
