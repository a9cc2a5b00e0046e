//! Locates the test doubles: shared libraries that replace third-party ones, built with the tests.

use std::path::PathBuf;

/// Returns the path of a double's library. The crate that builds it is a development dependency of
/// the tests.
pub fn double(name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let test = std::env::current_exe().expect("the test binary");
    let file = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
    // Tests are in the folder of the libraries that they depend on, examples in a sibling folder.
    let sibling = test.with_file_name(&file);
    let path = if sibling.exists() { sibling } else { test.with_file_name("../deps").join(file) };
    assert!(path.exists(), "{} is built with the tests", path.display());
    path
}
