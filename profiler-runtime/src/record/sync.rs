//! What threads share a stream through: the standard library's, everywhere but in a model.
//!
//! `cursor`, `stream` and `run` take it from here, so that the loom models in `tests` check these very files: there
//! this module is loom's.

pub(super) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
pub(super) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
