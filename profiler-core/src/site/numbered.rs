//! The sites that have numbers, in a list that only grows: a forked child can continue it, whatever
//! another thread of its parent was doing to it at that moment.

use std::alloc::Layout;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::process::{PerProcess, forever};

/// Sites per page, and pages: four million sites.
const PAGE: usize = 128;
const PAGES: usize = 32_768;

type Page<T> = [AtomicPtr<T>; PAGE];

/// A list of values that have numbers, from 1.
pub(crate) struct Numbered<T: 'static> {
    pages: [AtomicPtr<Page<T>>; PAGES],
    length: AtomicUsize,
}

/// Lock that orders additions. It is outside the list, which is all zeros and takes no room in a
/// program's file.
static TURN: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());

impl<T: Sync> Numbered<T> {
    pub(crate) const fn new() -> Self {
        let pages = [const { AtomicPtr::new(ptr::null_mut()) }; PAGES];
        Self { pages, length: AtomicUsize::new(0) }
    }

    /// Adds a site unless `present` returns a number, and calls `note` with the new number before
    /// anything else knows it. Returns the number; 0 if the list is full, or if there is no memory
    /// for it to grow.
    pub(crate) fn add(&self, site: &'static T, present: impl Fn() -> u32, note: impl FnOnce(u32)) -> u32 {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = present();
        if number != 0 {
            return number;
        }
        // ORDERING: under the lock.
        let index = self.length.load(Ordering::Relaxed);
        let Some(page) = self.pages.get(index / PAGE) else { return 0 };
        if page.load(Ordering::Relaxed).is_null() {
            // Zeros are null pointers.
            let Some(new) = forever(Layout::new::<Page<T>>()) else { return 0 };
            // ORDERING: published by the length.
            page.store(new.as_ptr().cast(), Ordering::Release);
        }
        if let Some(place) = self.place(index) {
            place.store(ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
        }
        // ORDERING: publishes the place to `get`.
        self.length.store(index + 1, Ordering::Release);
        // CAST: four million at most.
        let number = index as u32 + 1;
        note(number);
        number
    }

    /// Returns the site with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&'static T> {
        let index = (number as usize).checked_sub(1)?;
        // ORDERING: pairs with the store in `add`.
        if index >= self.length.load(Ordering::Acquire) {
            return None;
        }
        // SAFETY: `add` has stored a site there, which is never removed; sites are statics.
        unsafe { self.place(index)?.load(Ordering::Relaxed).as_ref() }
    }

    /// Returns every site, in order of number.
    pub(crate) fn all(&self) -> Vec<&'static T> {
        (1..).map_while(|number| self.get(number)).collect()
    }

    fn place(&self, index: usize) -> Option<&'static AtomicPtr<T>> {
        // ORDERING: see `add`.
        let page = self.pages.get(index / PAGE)?.load(Ordering::Acquire);
        // SAFETY: null, or a page that `add` has made and that is never freed.
        unsafe { page.as_ref() }.map(|page| &page[index % PAGE])
    }
}
