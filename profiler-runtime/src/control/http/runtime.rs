//! Imports everything that HTTP uses of the rest of the runtime, which are the dependencies of a
//! future crate.
//!
//! The types of `job` are public. The others are not: the tables of fields and upstream names for
//! reading bodies, tokens, the throttled log, threads, and logging.

pub(super) use crate::config::{Field, Kind, Location, Origin, Treatment, UpstreamName, nearest};
pub(super) use crate::control::job::{
    ControlError, Controller, LocalController, Report, Selection, SessionWishes, WorkerState,
};
pub(super) use crate::control::options::options;
pub(super) use crate::control::throttled_log::ThrottledLog;
pub(super) use crate::control::token::Token;
pub(super) use crate::control::{configured, threads, trigger};
pub(super) use crate::error::Error;
pub(super) use crate::logging;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    fn no_other_file_of_http_names_the_runtime() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/control/http");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let others: Vec<_> = files.filter(|path| !path.ends_with("runtime.rs")).collect();
        assert!(others.len() > 10, "the test reads the wrong place");
        for path in others {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let found = code.into_iter().find(|line| line.contains("crate::") || line.contains("super::super"));
            assert_eq!(found, None, "{}", path.display());
        }
    }
}
