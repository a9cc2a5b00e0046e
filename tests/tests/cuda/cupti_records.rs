//! CUPTI's raw records: kept in a file on request, and laid out by the double as NVIDIA's own
//! library expects them.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::ptr;

use libloading::{Library, Symbol};
use profiler_runtime::{ProfilerConfig, op, start_profile_with, stop_profile};
use profiler_tests::gpu::{Device, machine, make_context, perf};
use profiler_tests::{in_child, succeeded};
use tempfile::tempdir;

/// Produces one of every record, and more kernels than are kept.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn everything() {
    if !in_child() {
        return;
    }
    make_context();
    start_profile_with(ProfilerConfig::torch(perf()).torch_profiler_with_memory(true).cuda_sync_events(true)).unwrap();
    let device = Device::open();
    {
        let _op = op!("everything");
        device.fill(7, 4096, 2_000);
        device.runtime_kernel(c"softmax", 13, 30_000);
        device.copy(7, 1 << 20, 10_000);
        device.peer_copy(9, 1 << 10, 1_000);
        device.memory(1, 0x1000, 512);
        device.record_event(7, 1);
        device.wait_for_event(9, 1);
        device.wait(7);
    }
    for _ in 0..20 {
        device.kernel(c"_Z6vecAddPfS_S_i", 7, 20_000);
    }
    stop_profile().unwrap().wait().unwrap();
}

/// Returns the version, and the bytes and the name of every record.
fn kept(version: &str) -> (u32, Vec<(Vec<u8>, String)>) {
    let folder = tempdir().unwrap();
    let file = folder.path().join("kept.records");
    let mut command = machine("everything", folder.path());
    succeeded(command.env("PROFILER_CUPTI_RECORDS", &file).env("CUPTI_DOUBLE_VERSION", version));
    let text = fs::read_to_string(file).unwrap();
    let (head, lines) = text.split_once('\n').unwrap();
    let hex = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    let record = |line: &str| {
        let (bytes, name) = line.split_once(' ').unwrap_or((line, ""));
        (bytes.as_bytes().chunks(2).map(hex).collect(), name.to_owned())
    };
    let (totals, lines): (Vec<&str>, Vec<&str>) = lines.lines().partition(|line| line.starts_with("total "));
    assert!(totals.contains(&"total 10 21") && totals.contains(&"total 36 1"), "all are counted: {totals:?}");
    (head.strip_prefix("cupti ").unwrap().parse().unwrap(), lines.into_iter().map(record).collect())
}

fn kind(record: &[u8]) -> u32 {
    u32::from_ne_bytes(record[..4].try_into().unwrap())
}

#[test]
fn a_few_records_of_each_kind_are_kept_on_request() {
    let (version, records) = kept("13.5");
    assert_eq!(version, 130_500);
    let mut counts: HashMap<u32, usize> = HashMap::new();
    records.iter().for_each(|(bytes, _)| *counts.entry(kind(bytes)).or_default() += 1);
    let [kernels, events, copies] = [10, 36, 1].map(|kind| counts[&kind]);
    assert_eq!((kernels, events, copies), (8, 1, 1), "{counts:?}");
    let lengths: Vec<usize> =
        records.iter().filter(|record| kind(&record.0) == 10).map(|record| record.0.len()).collect();
    assert_eq!(lengths, [248; 8]);
    let names: Vec<&str> = records.iter().map(|record| record.1.as_str()).collect();
    for name in ["softmax", "_Z6vecAddPfS_S_i", "cuLaunchKernel", "cudaLaunchKernel_v7000"] {
        assert!(names.contains(&name), "`{name}` in {names:?}");
    }
}

/// NVIDIA's reader finds every record where the double has put it. `PROFILER_TESTS_CUPTI` is the
/// path of a libcupti of CUDA 11.7 to 13.5, `PROFILER_TESTS_CUPTI_VERSION` its version (12.9 if
/// unset). No driver is needed, and no double of one may be reachable, because newer versions ask
/// it.
#[test]
#[ignore = "needs NVIDIA's libcupti"]
fn nvidias_own_reader_finds_every_record_of_the_double() {
    let Some(library) = std::env::var_os("PROFILER_TESTS_CUPTI") else { return };
    let version = std::env::var("PROFILER_TESTS_CUPTI_VERSION").unwrap_or_else(|_| "12.9".to_owned());
    let (number, records) = kept(&version);
    let (theirs, found) = walk(&library, &records.iter().flat_map(|record| record.0.clone()).collect::<Vec<u8>>());
    assert_eq!(theirs, number, "the version");
    let starts = records.iter().scan(0, |end, (bytes, _)| {
        *end += bytes.len();
        Some((*end - bytes.len(), kind(bytes)))
    });
    let starts: Vec<(usize, u32)> = starts.collect();
    assert_eq!(found, starts, "offsets and kinds");
}

/// Returns the version of this libcupti, and the offset and the kind of each record that it finds
/// in a buffer.
fn walk(library: &OsStr, bytes: &[u8]) -> (u32, Vec<(usize, u32)>) {
    let mut buffer = vec![0_u64; bytes.len().div_ceil(8)];
    let start: *mut u8 = buffer.as_mut_ptr().cast();
    let (mut version, mut record, mut found) = (0, ptr::null_mut(), Vec::new());
    // SAFETY: the functions have these signatures in every version; the buffer holds the bytes, is
    // aligned to 8 and outlives the walk.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len());
        let library = Library::new(library).unwrap();
        let get_version: Symbol<'_, unsafe extern "C" fn(*mut u32) -> i32> = library.get(b"cuptiGetVersion\0").unwrap();
        let next: Symbol<'_, unsafe extern "C" fn(*mut u8, usize, *mut *mut u8) -> i32> =
            library.get(b"cuptiActivityGetNextRecord\0").unwrap();
        assert_eq!(get_version(&mut version), 0);
        while next(start, bytes.len(), &mut record) == 0 {
            found.push((record.addr() - start.addr(), record.cast::<u32>().read_unaligned()));
        }
        std::mem::forget(library);
    }
    (version, found)
}
