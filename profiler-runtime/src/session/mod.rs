//! Sessions: from `start_profile()` to artifacts on disk.
//!
//! ```text
//! slot: the one active session, its lock
//!   └─► active: one session ─► schedule, driver: which iterations (pure)
//!         │                    place, ranks, host: whose, where
//!         └─► window: the gate, the recorded part ─► outcome: background export
//! ```
//!
//! `control` calls [`start`], [`stop`] and [`status`]; `record` calls back when a step ends. Nothing here panics, and a
//! failed export costs the artifacts, not the host.

mod active;
mod driver;
mod dumps;
mod ending;
mod gpu;
mod host;
mod id;
mod job;
mod outcome;
mod place;
mod ranks;
mod recover;
mod schedule;
mod slot;
mod spool;
mod status;
mod timer;
mod window;

pub(crate) use host::host_name;
pub use id::SessionId;
pub use outcome::Stopped;
pub(crate) use ranks::of_this_process as this_rank;
pub use recover::Recovered;
pub(crate) use recover::recover;
pub use schedule::Phase;
pub(crate) use slot::{dump, reserve, start, status, step_call, stop, stop_this, wait_for_exports};
pub use status::{Progress, Status};
