//! Reasons why GPU times are missing: each has a code for programs, and a sentence with the remedy
//! for people.

use std::borrow::Cow;
use std::fmt;

/// Reason why a source of GPU times delivers nothing, or why there is no source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    code: &'static str,
    why: Cow<'static, str>,
    is_surprising: bool,
}

impl Unavailable {
    /// The configuration disables GPU times.
    pub const NOT_WANTED: Self = Self::expected("off", "the configuration does not ask for it");
    /// The process is a job's front-end; its workers record the GPU.
    pub const LEFT_TO_WORKERS: Self = Self::expected("left_to_workers", "the front-end leaves the GPU to the workers");
    /// The configuration selects CUDA events instead of a more detailed source.
    pub const EVENTS_WANTED: Self = Self::expected(
        "events_wanted",
        "the configuration asks for CUDA events (`gpu_timing`), which time the ranges that name their stream",
    );
    /// Nothing was recorded at all.
    pub const NOTHING_RECORDED: Self = Self::expected("nothing_recorded", "the session recorded nothing");
    /// The session is still running, and so is the recording of the GPU.
    pub const GOES_ON: Self =
        Self::expected("session_goes_on", "the session goes on: the GPU's records are read when it ends");
    /// The process ended before the GPU's records were read.
    pub const PROCESS_GONE: Self =
        Self::expected("process_gone", "the process ended before the GPU's records were read");

    /// Creates a reason that is not reported: a machine without a GPU has nothing to record. `code`
    /// is one word for programs, `why` a sentence without a full stop.
    pub const fn expected(code: &'static str, why: &'static str) -> Self {
        Self { code, why: Cow::Borrowed(why), is_surprising: false }
    }

    /// Creates a reason that is reported to the user; `why` says what to do.
    pub fn surprising(code: &'static str, why: impl Into<Cow<'static, str>>) -> Self {
        Self { code, why: why.into(), is_surprising: true }
    }

    /// Returns the code for programs, one word.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Returns whether the reason is reported to the user.
    pub const fn is_surprising(&self) -> bool {
        self.is_surprising
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}
