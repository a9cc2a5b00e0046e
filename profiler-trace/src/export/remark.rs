//! Remarks of an export for people: the exporters know no log, so the caller of the export reports
//! them.

/// A sentence for people, by how much it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// An artifact is missing.
    Error(String),
    /// Something is not as it should be.
    Warning(String),
    /// Something for those who keep a log.
    Info(String),
}
