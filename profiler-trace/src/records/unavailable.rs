//! The reasons why there is no GPU part: each has a word for programs, and a sentence with the
//! remedy for people.

use std::borrow::Cow;
use std::fmt;

/// The reason why a source of GPU times delivers nothing, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    code: &'static str,
    why: Cow<'static, str>,
    is_surprising: bool,
}

impl Unavailable {
    /// The configuration does not want it.
    pub const NOT_WANTED: Self = Self::expected("off", "the configuration does not ask for it");
    /// The process controls a job, and its workers record it.
    pub const LEFT_TO_WORKERS: Self = Self::expected("left_to_workers", "the front-end leaves the GPU to the workers");
    /// The configuration wants CUDA events instead of a source that knows more.
    pub const EVENTS_WANTED: Self = Self::expected(
        "events_wanted",
        "the configuration asks for CUDA events (`gpu_timing`), which time the ranges that name their stream",
    );
    /// Nothing was recorded at all.
    pub const NOTHING_RECORDED: Self = Self::expected("nothing_recorded", "the session recorded nothing");
    /// The session goes on, and with it the GPU's part.
    pub const GOES_ON: Self =
        Self::expected("session_goes_on", "the session goes on: the GPU's records are read when it ends");
    /// The GPU's records were never read: the process ended.
    pub const PROCESS_GONE: Self =
        Self::expected("process_gone", "the process ended before the GPU's records were read");

    /// Creates a reason that need not be reported: a machine without a GPU has nothing to record.
    /// `code` is one word programs, `why` a sentence without a full stop.
    pub const fn expected(code: &'static str, why: &'static str) -> Self {
        Self { code, why: Cow::Borrowed(why), is_surprising: false }
    }

    /// Creates a reason that the user should know; `why` says what to do.
    pub fn surprising(code: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self { code, why: why.into(), is_surprising: true }
    }

    /// Returns one word for programs.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns whether the user should know it.
    pub const fn is_surprising(&self) -> bool {
        self.is_surprising
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
