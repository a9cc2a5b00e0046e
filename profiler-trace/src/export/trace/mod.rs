//! The trace, range by range: written in two formats, and several ranks' merged.
//!
//! ```text
//!                ┌─► chrome   trace_rank*.json    ─► merge (reads what chrome writes, and writes it again)
//! head, events ──┤
//!                └─► perfetto trace_rank*.pftrace
//! ```
//!
//! What both formats say is said once: [`events`](super::events) (what happened, and the rows it is
//! on), [`metadata`] (the recording's facts), [`call_stack`], the [`buffer`] that all text goes
//! through, and how threads' pages are filled on several cores ([`partition`], [`parallel`]).
//! `plan` calls the two writers; [`merge`](merge::merge) is public.

mod buffer;
mod call_stack;
pub(super) mod chrome;
mod devices;
pub(super) mod merge;
mod metadata;
mod parallel;
mod partition;
pub(super) mod perfetto;
#[cfg(test)]
mod testing;
