//! Containment of panics: a writer that panics loses its own artifact, but not the session's
//! others. With `panic = "abort"` a panic still aborts the host, so writers must not panic.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Returns the result of `write`, or its panic as an error.
pub(super) fn caught<T>(write: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let panicked = |panic: Box<dyn Any + Send>| {
        io::Error::other(format!(
            "its writer panicked: {}; free disk space if the disk is full, otherwise report this as a bug",
            panic_text(&*panic)
        ))
    };
    catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|panic| Err(panicked(panic)))
}

/// Returns the message of a panic's payload.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a value that is not text".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic)]
    fn a_panic_is_an_error_with_its_text() {
        let result: io::Result<()> = caught(|| panic!("no room for {}", "this"));
        assert_eq!(
            result.map_err(|error| error.to_string()),
            Err("its writer panicked: no room for this; free disk space if the disk is full, otherwise report this as a bug".to_owned())
        );
        assert!(matches!(caught(|| Ok(7)), Ok(7)));
    }
}
