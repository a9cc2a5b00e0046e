//! The place of `workbook` where its feature is off.

use std::io::{self, Write};

use crate::model::Trace;

/// Why there is no workbook.
pub(in crate::export) const OFF: Option<&str> =
    Some("the crate feature `xlsx` is off: switch it on, or ask for the text (`torch_profiler_dump_cuda_time_total`)");

/// Never called: [`OFF`] says why.
pub(in crate::export) fn write(_trace: &Trace, _out: &mut dyn Write) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::export::{Gauge, write_session};
    use crate::model::testing::Script;
    use crate::model::{Content, Trace};

    #[test]
    fn a_workbook_without_its_feature_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let mut script = Script::new();
        script.context.options.content = Content::Everything;
        let mut trace = Trace::build(script.finish());
        let (manifest, remarks) = write_session(&mut trace, folder.path(), &Gauge::default());
        assert!(manifest.artifact("ops").is_none() && manifest.artifact("timing").is_some());
        assert!(manifest.missing[0].reason.contains("`xlsx` is off"), "{:?}", manifest.missing);
        assert_eq!(remarks, [], "it is no error");
    }
}
