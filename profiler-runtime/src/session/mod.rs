//! Sessions, from [`start_profile`](crate::start_profile) to artifacts on disk: what
//! [`status`](crate::status) and [`stop_profile`](crate::stop_profile) return.

// ```text
// global: the one active session, its lock; status. timer, ending: who stops it beside the user
//   └─► active: one session ─► schedule: which iterations (pure)
//         │                    place: the process of a job, the name, the folder
//         │                    gpu, spool: what else is recorded, what survives a crash ─► recover
//         └─► window: the gate, the recorded part ─► export_job: artifacts, on a thread of their own
//                                                     dumps: the same while it goes on
// ```
//
// `control` calls `start`, `stop` and `status`; `profiler_core` calls back when a step ends.
// Nothing here panics, and a failed export costs the artifacts, not the host.

mod active;
mod artifacts;
mod dumps;
mod ending;
mod export_job;
mod global;
mod gpu;
mod iterations;
mod place;
pub(crate) mod recover;
mod schedule;
mod spool;
mod status;
mod timer;
mod window;

pub use crate::session_id::SessionId;
pub(crate) use active::Given;
pub use export_job::ExportHandle;
pub(crate) use global::{
    dump, last, reserve, start, status, step_call, stop, stop_guarded, stop_this, wait_for_exports,
};
pub(crate) use place::{host_name, of_this_process as this_rank};
#[doc(inline)]
pub use profiler_trace::export::ExportProgress;
pub use schedule::Phase;
pub use status::{Progress, Status};
