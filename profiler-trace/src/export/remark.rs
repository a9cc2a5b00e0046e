//! What people should hear of an export: the exporters know no log, so whoever asked for the artifacts says it.

/// A sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How much it matters.
    pub weight: Weight,
    /// The sentence.
    pub text: String,
}

/// How much a remark matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// An artifact is missing.
    Error,
    /// Something is not as it should be.
    Warning,
    /// For those who keep a log.
    Info,
}

impl Remark {
    pub(super) const fn error(text: String) -> Self {
        Self { weight: Weight::Error, text }
    }

    pub(super) const fn warning(text: String) -> Self {
        Self { weight: Weight::Warning, text }
    }

    pub(super) const fn info(text: String) -> Self {
        Self { weight: Weight::Info, text }
    }
}
