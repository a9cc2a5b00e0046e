//! All functions still exist with recording off, and a program runs as without the profiler.

use std::path::Path;

use futures::executor::block_on;
use profiler_off_test::{Linear, boxed, checked, denoise, encode, later, sums};
use profiler_runtime::site::sites;
use profiler_runtime::{Error, ProfilerConfig, start_profile_with, stop_profile};

#[test]
fn annotated_functions_behave_as_written() {
    let mut linear = Linear { weight: vec![1.0, 2.0], width: 2 };
    assert_eq!(linear.forward(&[3.0, 4.0]), [11.0]);
    assert_eq!(linear.row(0).map(|row| row.len()), Some(2));
    assert_eq!(denoise(1, &mut [4.0]), Ok(4.0));
    assert!(denoise(1001, &mut []).is_err());
    assert_eq!(checked(1).line(), line!());
    assert_eq!(sums(1), 5.0);
    assert!(block_on(boxed("1")) && block_on(encode("x")).is_err());
    assert_eq!(block_on(later(1)), 2);
}

#[test]
fn no_site_is_left() {
    assert!(!sites().any(|site| site.module().starts_with("profiler_off_test")));
}

#[test]
fn a_session_cannot_start_and_says_so() {
    let config = ProfilerConfig::torch(env!("CARGO_TARGET_TMPDIR"));
    assert!(matches!(start_profile_with(config), Err(Error::Disabled)));
    assert!(stop_profile().is_err());
}

#[test]
fn a_format_without_its_feature_is_an_error_that_names_it() {
    for (name, feature) in [("profiler.yaml", "yaml"), ("profiler.yml", "yaml"), ("profiler.toml", "toml")] {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        assert!(std::fs::write(&file, "").is_ok());
        let said = ProfilerConfig::from_file(file).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(said.contains(&format!("the crate feature `{feature}`")), "{said}");
    }
}
