//! Messages of an export for the user. Exporters do not log; the caller of the export reports what
//! they return.

/// A message for the user, by severity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// An artifact is missing.
    Error(String),
    /// Something is wrong, but no artifact is missing.
    Warning(String),
    /// Information for the log.
    Info(String),
}
