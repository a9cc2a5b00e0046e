//! Every file in `pass` compiles and runs; every file in `fail` and `diagnostics` is refused with exactly the errors
//! beside it.

use std::process::Command;

/// The release whose words are in `diagnostics/*.stderr`.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn the_attributes_accept_and_refuse_as_written() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/fail/*.rs");
    if compiler().starts_with(COMPILER) {
        // The compiler's own messages: what they say about an annotated function, and where they point.
        cases.compile_fail("tests/diagnostics/*.rs");
    }
}

fn compiler() -> String {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into())).arg("--version").output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}
