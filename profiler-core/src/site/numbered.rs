//! Append-only list of the sites that have numbers. A forked child can continue it, even if another
//! thread of its parent was adding to it at the moment of the fork.

use std::alloc::Layout;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::process::{PerProcess, alloc_leaked};

/// Sites per page, which is one page of memory. With [`PAGES`] pages the list holds four million
/// sites.
const PAGE: usize = 512;
const PAGES: usize = 8_192;

type Page<T> = [AtomicPtr<T>; PAGE];

/// An append-only list of values, numbered from 1.
pub(crate) struct Numbered<T: 'static> {
    pages: [AtomicPtr<Page<T>>; PAGES],
    length: AtomicUsize,
}

/// Lock that serializes additions. It lies outside the list, which is all zeros and so takes no
/// space in the executable.
static ADDITIONS: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());

impl<T: Sync> Numbered<T> {
    pub(crate) const fn new() -> Self {
        let pages = [const { AtomicPtr::new(ptr::null_mut()) }; PAGES];
        Self { pages, length: AtomicUsize::new(0) }
    }

    /// Adds a site unless `present` returns its number, and calls `announce` with the new number
    /// before any other code sees it. Returns the number; 0 if the list is full or cannot grow for
    /// lack of memory.
    pub(crate) fn add(&self, site: &'static T, present: impl Fn() -> u32, announce: impl FnOnce(u32)) -> u32 {
        let _lock = ADDITIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let number = present();
        if number != 0 {
            return number;
        }
        // ORDERING: under the lock.
        let index = self.length.load(Ordering::Relaxed);
        let Some(page) = self.pages.get(index / PAGE) else { return 0 };
        if page.load(Ordering::Relaxed).is_null() {
            // Zeroed memory is an array of null pointers.
            let Some(new) = alloc_leaked(Layout::new::<Page<T>>()) else { return 0 };
            // ORDERING: published by the length.
            page.store(new.as_ptr().cast(), Ordering::Release);
        }
        if let Some(slot) = self.slot(index) {
            slot.store(ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
        }
        // ORDERING: publishes the slot to `get`.
        self.length.store(index + 1, Ordering::Release);
        // CAST: four million at most.
        let number = index as u32 + 1;
        announce(number);
        number
    }

    /// Returns the site with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&'static T> {
        let index = (number as usize).checked_sub(1)?;
        // ORDERING: pairs with the store in `add`.
        if index >= self.length.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: `add` has stored a reference to a static there, which is never removed.
        unsafe { self.slot(index)?.load(Ordering::Relaxed).as_ref() }
    }

    /// Returns every site, in order of number.
    pub(crate) fn all(&self) -> Vec<&'static T> {
        (1..).map_while(|number| self.get(number)).collect()
    }

    fn slot(&self, index: usize) -> Option<&'static AtomicPtr<T>> {
        // ORDERING: see `add`.
        let page = self.pages.get(index / PAGE)?.load(Ordering::Acquire);
        // SAFETY: null, or a page that `add` has allocated and that is never freed.
        unsafe { page.as_ref() }.map(|page| &page[index % PAGE])
    }
}
