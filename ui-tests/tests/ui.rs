//! Every file in `pass` compiles and runs. Every file in `fail` and `diagnostics` is rejected with
//! exactly the errors in the `.stderr` file next to it.

use std::process::Command;

/// Release whose messages are in `diagnostics/*.stderr`.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn every_case_compiles_or_fails_as_expected() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/fail/*.rs");
    if compiler().starts_with(COMPILER) {
        // These files hold the compiler's own messages about annotated functions, and their
        // positions.
        cases.compile_fail("tests/diagnostics/*.rs");
    }
}

fn compiler() -> String {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
