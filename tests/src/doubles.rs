//! The test doubles: shared libraries that stand in for other people's, built beside the test
//! binary.

use std::path::PathBuf;

/// Path of a double's library; the crate that builds it is a development dependency of the tests.
pub fn double(name: &str) -> PathBuf {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let test = std::env::current_exe().expect("the test binary");
    let file = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
    // Tests lie beside the libraries that they depend on, examples in a folder next to these.
    let beside = test.with_file_name(&file);
    let path = if beside.exists() { beside } else { test.with_file_name("../deps").join(file) };
    assert!(path.exists(), "{} is built with the tests", path.display());
    path
}
