//! Maps and locks files, for the spool. Supported on Linux; other systems refuse a spool.

#[cfg(all(target_os = "linux", not(miri)))]
pub(super) mod fault;
#[cfg(not(all(target_os = "linux", not(miri))))]
mod unsupported;
#[cfg(not(all(target_os = "linux", not(miri))))]
use unsupported as platform;

#[cfg(all(target_os = "linux", not(miri)))]
mod linux;
#[cfg(all(target_os = "linux", not(miri)))]
use linux as platform;

pub(crate) use platform::{Mapping, lock, may_grow_to};
