//! Files as memory, and locks on files: the system's services for a spool. Linux only; elsewhere a
//! spool is refused.

#[cfg(all(target_os = "linux", not(miri)))]
pub(super) mod fault;
#[cfg(all(target_os = "linux", not(miri)))]
mod linux;
#[cfg(not(all(target_os = "linux", not(miri))))]
#[path = "unsupported.rs"]
mod linux;

pub(crate) use linux::{Mapping, lock, may_reach};
