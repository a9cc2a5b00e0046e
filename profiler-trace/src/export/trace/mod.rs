//! The trace, range by range: written in two formats, and several ranks' merged.
//!
//! ```text
//!                ┌─► chrome   trace_rank*.json    ─► merge (reads what chrome writes, and writes it again)
//! head, gpu, … ──┤
//!                └─► perfetto trace_rank*.pftrace
//! ```
//!
//! What both formats say is said once, here: [`head`] (the recording's facts), [`gpu`] (rows and names of devices),
//! [`processes`] (names and numbers of processes), [`memory`] (its changes), [`call_stack`], the [`page`] that all text goes through, and how threads' pages are filled on
//! several cores ([`parts`], [`turns`]). `plan` calls the two writers; [`merge`](merge::merge) is public.

mod call_stack;
pub(super) mod chrome;
mod devices;
mod gpu;
mod head;
mod memory;
pub(super) mod merge;
mod page;
mod parts;
pub(super) mod perfetto;
mod processes;
#[cfg(test)]
mod testing;
mod turns;
