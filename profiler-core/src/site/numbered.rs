//! The sites that have numbers, in a list that only grows: a forked child goes on with it, whatever another thread of its
//! parent was doing to it at that moment.

use std::alloc::Layout;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Site;
use crate::process::PerProcess;
use crate::stream::slab::forever;

/// Sites of a page, and pages: four million sites.
const PAGE: usize = 128;
const PAGES: usize = 32_768;

type Page = [AtomicPtr<Site>; PAGE];

static LIST: [AtomicPtr<Page>; PAGES] = [const { AtomicPtr::new(ptr::null_mut()) }; PAGES];
static LENGTH: AtomicUsize = AtomicUsize::new(0);
/// Orders those who add.
static TURN: PerProcess<Mutex<()>> = PerProcess::new(|_| Mutex::default());

/// Adds a site unless `present` says that it has a number already, and tells `note` the new one, which nobody else knows
/// yet. Returns the number; 0 if the list is full, or if there is no memory for it to grow.
pub(crate) fn add(site: &'static Site, present: impl Fn() -> u32, note: impl FnOnce(u32)) -> u32 {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let number = present();
    if number != 0 {
        return number;
    }
    // ORDERING: under the lock.
    let index = LENGTH.load(Ordering::Relaxed);
    let Some(page) = LIST.get(index / PAGE) else { return 0 };
    if page.load(Ordering::Relaxed).is_null() {
        // Zeros are null pointers.
        let Some(new) = forever(Layout::new::<Page>()) else { return 0 };
        // ORDERING: published by the length.
        page.store(new.as_ptr().cast(), Ordering::Release);
    }
    if let Some(place) = place(index) {
        place.store(ptr::from_ref(site).cast_mut(), Ordering::Relaxed);
    }
    // ORDERING: publishes the place to `get`.
    LENGTH.store(index + 1, Ordering::Release);
    // CAST: four million at most.
    let number = index as u32 + 1;
    note(number);
    number
}

/// Returns the site with this number.
pub(crate) fn get(number: u32) -> Option<&'static Site> {
    let index = (number as usize).checked_sub(1)?;
    // ORDERING: pairs with the store in `add`.
    if index >= LENGTH.load(Ordering::Acquire) {
        return None;
    }
    // SAFETY: `add` has put a site there, which is never taken out; sites are statics.
    unsafe { place(index)?.load(Ordering::Relaxed).as_ref() }
}

/// Returns every site, in order of number.
pub(crate) fn all() -> Vec<&'static Site> {
    (1..).map_while(get).collect()
}

fn place(index: usize) -> Option<&'static AtomicPtr<Site>> {
    // ORDERING: see `add`.
    let page = LIST.get(index / PAGE)?.load(Ordering::Acquire);
    // SAFETY: null, or a page that `add` has made and that is never freed.
    unsafe { page.as_ref() }.map(|page| &page[index % PAGE])
}
