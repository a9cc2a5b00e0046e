//! Traces, range by range: written in two formats, and merged from several ranks.
//!
//! ```text
//!                    ┌─► chrome   trace_rank*.json    ─► merge (reads the output of chrome and writes one file)
//! metadata, events ──┤
//!                    └─► perfetto trace_rank*.pftrace
//! ```
//!
//! Both formats share [`events`](super::events) (descriptions of events and rows), [`metadata`]
//! (facts about the recording), the [`buffer`] that all text goes through, and the code that fills
//! pages of threads on several cores ([`partition`], [`parallel`]). `traces` plans the two writers;
//! [`merge`](merge::merge) is public.

mod buffer;
pub(super) mod chrome;
pub(super) mod merge;
mod metadata;
mod parallel;
mod partition;
pub(super) mod perfetto;
#[cfg(test)]
mod testing;
