//! Sessions, from [`start_profile`](crate::start_profile) to artifacts on disk: what
//! [`status`](crate::status) and [`stop_profile`](crate::stop_profile) return.

// ```text
// global: the active session and its lock; status. timer, ending: end it without the user
//   └─► active: one session ─► schedule: which iterations are recorded (pure)
//         │                    place: rank in the job, name, folder
//         │                    gpu, spool: GPU recording, files that survive a crash ─► recover
//         └─► window: the gate and the recorded part ─► export_job: writes artifacts on a thread
//                                                       dumps: the same while recording goes on
// ```
//
// `control` calls `start`, `stop` and `status`; `profiler_core` calls back when a step ends.
// Nothing here panics. A failed export costs the artifacts, never the host.

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
pub(crate) use active::AssignedSession;
pub use export_job::ExportHandle;
pub(crate) use global::{
    dump, last, reserve, start, status, step_call, stop, stop_guarded, stop_this, wait_for_exports,
};
pub(crate) use place::current_process as this_rank;
#[doc(inline)]
pub use profiler_trace::export::ExportProgress;
pub use schedule::Phase;
pub use status::{Progress, Status};
