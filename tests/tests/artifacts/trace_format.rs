//! `trace_format`: the trace files of a session, their names, and the memory that the export to
//! Perfetto's format needs. `export/perfetto/tests.rs` and `consumers/formats_reader.py` compare
//! the contents.

use std::fs;
use std::io::Read;

use flate2::bufread::GzDecoder;
use profiler_runtime::artifacts::{ArtifactKind, Manifest};
use profiler_runtime::config::TraceFormat;
use profiler_runtime::{ProfilerConfig, stage, start_profile_with, stop_profile};
use profiler_tests::{Bench, child_of, in_child, succeeded};

fn session(config: ProfilerConfig) -> Manifest {
    start_profile_with(config).unwrap();
    drop(stage!("work"));
    stop_profile().unwrap().wait().unwrap()
}

/// Returns kind and name of each trace of a session.
fn traces(manifest: &Manifest) -> Vec<(&str, &str)> {
    let traces = manifest.artifacts.iter().filter(|artifact| artifact.kind.as_str().starts_with("trace"));
    traces.map(|artifact| (artifact.kind.as_str(), artifact.name.as_str())).collect()
}

#[test]
fn each_format_is_a_file_and_both_are_two() {
    let bench = Bench::alone();
    for (format, expected) in [
        (TraceFormat::Chrome, &[("trace", "trace_rank0.json")][..]),
        (TraceFormat::Perfetto, &[("trace", "trace_rank0.pftrace")]),
        (TraceFormat::Both, &[("trace", "trace_rank0.json"), ("trace_perfetto", "trace_rank0.pftrace")]),
    ] {
        let manifest = session(bench.config().trace_format(format));
        assert_eq!(traces(&manifest), expected);
        let written = fs::read_to_string(&manifest.artifact(ArtifactKind::Manifest).unwrap().path).unwrap();
        assert!(written.contains(&format!("\"trace_format\": \"{format}\"")), "{written}");
    }
}

#[test]
fn a_compressed_trace_is_packets_too() {
    let bench = Bench::alone();
    let manifest = session(bench.config().trace_format(TraceFormat::Perfetto).torch_profiler_use_gzip(true));
    let trace = manifest.artifact(ArtifactKind::Trace).unwrap();
    assert_eq!(trace.name, "trace_rank0.pftrace.gz");
    let packed = fs::read(&trace.path).unwrap();
    let mut packets = Vec::new();
    GzDecoder::new(packed.as_slice()).read_to_end(&mut packets).unwrap();
    assert_eq!(packets[0], 0x0a, "a packet");
    assert!(packets.windows(4).any(|window| window == b"work"));
}

#[test]
fn a_name_of_the_users_gets_the_extension_of_the_format() {
    for (format, name, expected) in [
        (TraceFormat::Perfetto, "t{rank}.json", "t3.pftrace"),
        (TraceFormat::Perfetto, "t{rank}.pftrace", "t3.pftrace"),
        (TraceFormat::Both, "t{rank}.pftrace", "t3.json"),
        (TraceFormat::Chrome, "t{rank}.trace.json", "t3.trace.json"),
    ] {
        let config = ProfilerConfig::torch("/perf").trace_format(format).trace_file(name);
        assert_eq!(config.clone().validate().unwrap().config.trace_file_name(3, "r"), expected);
        let packed = config.trace_file(format!("{name}.gz")).torch_profiler_use_gzip(true).validate().unwrap();
        assert_eq!(packed.config.trace_file_name(3, "r"), format!("{expected}.gz"));
    }
}

#[test]
fn a_name_that_does_not_fit_the_format_is_refused() {
    for (format, name, expected) in [
        (TraceFormat::Chrome, "t{rank}.pftrace", "ends in `.pftrace`, but the trace is JSON; set `trace_format`"),
        (TraceFormat::Perfetto, "t{rank}.pftrace.gz", "the trace is not compressed"),
        (TraceFormat::Perfetto, "t{rank}.txt", "ends in `.pftrace` or `.pftrace.gz`"),
    ] {
        let config = ProfilerConfig::torch("/perf").trace_format(format).trace_file(name);
        let error = config.validate().expect_err(name).to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn an_unknown_format_is_refused_with_the_nearest_that_exists() {
    let error = ProfilerConfig::from_json(r#"{"trace_format": "perfeto"}"#).unwrap_err();
    let expected = "trace_format: expected \"chrome\", \"perfetto\" or \"both\", found the string \"perfeto\"; did you mean \
                    `perfetto`?";
    assert_eq!(error.problems[0].to_string(), expected);
}

#[test]
fn without_a_trace_the_format_does_nothing_and_says_so() {
    let parsed = ProfilerConfig::cuda().trace_format(TraceFormat::Both).validate().unwrap();
    assert!(parsed.warnings[0].to_string().contains("trace_format"), "{:?}", parsed.warnings);
    assert!(parsed.explain().contains("trace_format = \"both\""));
}

#[test]
#[cfg(target_os = "linux")]
fn exporting_a_million_ranges_takes_constant_memory() {
    succeeded(&mut child_of("records_a_million_ranges"));
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "runs in a process of its own"]
fn records_a_million_ranges() {
    if !in_child() {
        return;
    }
    let bench = Bench::alone();
    start_profile_with(bench.config().trace_format(TraceFormat::Perfetto)).unwrap();
    let (manifest, grown) = profiler_tests::million_ranges(|stopped| stopped.wait().unwrap());
    let bytes = manifest.artifact(ArtifactKind::Trace).unwrap().bytes;
    assert!((30_000_000..60_000_000).contains(&bytes), "{bytes} bytes, {} lost", manifest.ranges_lost);
    assert!(grown < 16 << 20, "the export took {grown} bytes");
}
