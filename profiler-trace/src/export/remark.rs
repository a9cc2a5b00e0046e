//! What people should hear of an export: the exporters know no log, so whoever asked for the artifacts says it.

/// A sentence for people, by how much it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// An artifact is missing.
    Error(String),
    /// Something is not as it should be.
    Warning(String),
    /// For those who keep a log.
    Info(String),
}
