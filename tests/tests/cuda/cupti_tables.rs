//! GPU time in the operator tables and folded stacks: trace, workbook, text and library agree. Each
//! scenario is a process of its own, on a machine made of doubles.

#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::cupti_support::run;
use calamine::{Data, Reader, Xlsx, open_workbook};
use profiler_runtime::artifacts::{GroupBy, KeyAverage, SortBy};
use profiler_runtime::config::PrintSummary;
use profiler_runtime::{ProfilerConfig, profiled_op, profiled_stage, stage, start_profile_with, step, stop_profile};
use profiler_tests::gpu::{Device, make_context, perf};
use profiler_tests::{Trace, in_child};
use serde_json::Value;

#[profiled_op("attention", shapes(x), flops = 8_000_000)]
fn attention(device: &Device, x: &[f32]) {
    device.kernel(c"_Z6vecAddPfS_S_i", 7, 20_500 + x.len() as u64);
    device.runtime_kernel(c"softmax", 13, 30_500);
}

/// Works on the host alone.
#[profiled_op("tokenize", flops = 1_000)]
fn tokenize(x: &[f32]) -> f32 {
    std::hint::black_box(x.iter().sum())
}

#[profiled_stage("transformer")]
fn transformer(device: &Device, x: &[f32]) {
    device.fill(7, 4096, 2_500);
    attention(device, x);
    tokenize(x);
}

/// Runs a pipeline, and checks its tables as the library returns them.
#[test]
#[ignore = "run by the other tests, as a process of its own"]
fn pipeline() {
    if !in_child() {
        return;
    }
    make_context();
    let config = ProfilerConfig::torch(perf()).torch_profiler_record_shapes(true).torch_profiler_with_stack(true);
    let config = config.print_summary(PrintSummary::Always);
    let config = config.torch_profiler_with_flops(true).torch_profiler_dump_cuda_time_total(true);
    start_profile_with(config.torch_profiler_with_memory(true)).unwrap();
    let device = Device::open();
    for count in [4, 8, 8] {
        let _step = step!("denoise_step");
        transformer(&device, &vec![1.0; count]);
    }
    {
        let _stage = stage!("vae.decode");
        device.copy(7, 1 << 20, 10_500);
        device.memory(1, 0x1000, 512);
    }
    std::thread::scope(|scope| drop(scope.spawn(|| device.kernel(c"of_nobody", 21, 5_500))));
    let manifest = stop_profile().unwrap().wait().unwrap();
    assert_eq!(manifest.errors, [""; 0]);
    if manifest.key_averages(GroupBy::Name).self_cuda_time_total().is_some() {
        check_library(&manifest.key_averages(GroupBy::Name).sort_by(SortBy::SelfCudaTime));
    }
}

/// Returns whether two times are equal up to the rounding of an op's begin and end to the ranges'
/// clock.
fn near(found: u64, expected: u64) -> bool {
    found.abs_diff(expected) <= 12
}

/// Rows of the operator table: name, own GPU time, total GPU time, and true for the GPU's own rows.
const TIMES: [(&str, u64, u64, bool); 10] = [
    ("attention", ATTENTION, ATTENTION, false),
    ("transformer", 7_500, 7_500 + ATTENTION, false),
    ("ProfilerStep*", 0, 7_500 + ATTENTION, false),
    ("vae.decode", 10_500, 10_500, false),
    ("tokenize", 0, 0, false),
    ("softmax", 91_500, 91_500, true),
    ("vecAdd(float*, float*, float*, int)", 61_520, 61_520, true),
    ("Memset (Device)", 7_500, 7_500, true),
    ("Memcpy HtoD (Pageable -> Device)", 10_500, 10_500, true),
    ("of_nobody", 5_500, 5_500, true),
];
const ATTENTION: u64 = 3 * (20_500 + 30_500) + 20;

fn check_library(table: &profiler_runtime::artifacts::KeyAverages) {
    let row = |name: &str| table.rows().iter().find(|row| row.name == name).unwrap();
    let ns = |time: Option<Duration>| u64::try_from(time.unwrap().as_nanos()).unwrap();
    for (name, own, total, is_cuda) in TIMES {
        let row = row(name);
        assert!(near(ns(row.self_cuda_time), own) && near(ns(row.cuda_time), total), "{row:?}");
        assert!(row.is_cuda == is_cuda && (!is_cuda || row.self_cpu_time + row.cpu_time == Duration::ZERO), "{row:?}");
    }
    assert_eq!(table.rows().len(), TIMES.len());
    let sum = |of_gpu: bool| {
        let rows = table.rows().iter().filter(|row| row.is_cuda == of_gpu);
        rows.map(|row| ns(row.self_cuda_time)).sum::<u64>()
    };
    assert_eq!(ns(table.self_cuda_time_total()), sum(true));
    assert_eq!(sum(true) - ns(row("of_nobody").cuda_time), sum(false), "what ranges launched");
    // An op's FLOPs are divided by the time of its kernels, or by its own time if it launched none.
    let rate_of = |row: &KeyAverage, time: Duration| row.flops.unwrap() as f64 / time.as_secs_f64();
    let of_kernels = rate_of(row("attention"), row("attention").cuda_time.unwrap());
    assert!((row("attention").flops_per_second.unwrap() / of_kernels - 1.0).abs() < 1e-9);
    let of_host = rate_of(row("tokenize"), row("tokenize").cpu_time);
    assert!((row("tokenize").flops_per_second.unwrap() / of_host - 1.0).abs() < 1e-9);
    let kernel = row("softmax");
    assert_eq!(kernel.count, 3);
    assert_eq!(row("vae.decode").cuda_memory, Some(512), "CUDA's own records, where no framework reports");
    assert_eq!(row("attention").cuda_memory, Some(0));
    assert_eq!((kernel.cuda_memory, kernel.self_cpu_memory), (None, None));
}

/// Returns the nanoseconds of GPU work by name, as the trace shows them.
fn kernels(trace: &Trace) -> HashMap<String, u64> {
    let mut sums = HashMap::new();
    for event in trace.json["traceEvents"].as_array().unwrap() {
        if ["kernel", "gpu_memcpy", "gpu_memset"].contains(&event["cat"].as_str().unwrap_or_default()) {
            let ns = (event["dur"].as_f64().unwrap() * 1000.0).round() as u64;
            *sums.entry(event["name"].as_str().unwrap().to_owned()).or_default() += ns;
        }
    }
    sums
}

/// Returns the rows of a sheet, each as a map from the names of its columns.
fn sheet(folder: &Path, name: &str) -> Vec<HashMap<String, Data>> {
    let mut workbook: Xlsx<_> = open_workbook(folder.join("ops_rank0.xlsx")).unwrap();
    let range = workbook.worksheet_range(name).unwrap();
    let heads: Vec<String> = range.rows().next().unwrap().iter().map(ToString::to_string).collect();
    range.rows().skip(1).map(|row| heads.iter().cloned().zip(row.iter().cloned()).collect()).collect()
}

fn ns(row: &HashMap<String, Data>, column: &str) -> u64 {
    let Some(Data::Float(us)) = row.get(column) else { panic!("`{column}` is no number in {row:?}") };
    (us * 1000.0).round() as u64
}

#[test]
fn every_sheet_tells_the_gpu_times_of_the_trace() {
    let ran = run(&[]);
    let in_trace = kernels(&ran.trace);
    let whole: u64 = in_trace.values().sum();
    for name in ["summary", "by_shape", "by_stack"] {
        let rows = sheet(&ran.session, name);
        let (on_gpu, ranges): (Vec<_>, Vec<_>) =
            rows.iter().partition(|row| row["device_type"] == Data::String("DeviceType.CUDA".to_owned()));
        let mut shown = HashMap::new();
        for row in &on_gpu {
            assert_eq!((ns(row, "self_cpu_time_total_us"), ns(row, "cpu_time_total_us")), (0, 0), "{row:?}");
            assert_eq!(ns(row, "self_cuda_time_total_us"), ns(row, "cuda_time_total_us"));
            shown.insert(row["name"].to_string(), ns(row, "cuda_time_total_us"));
        }
        assert_eq!(shown, in_trace, "{name}");
        let launched: u64 = ranges.iter().map(|row| ns(row, "self_cuda_time_total_us")).sum();
        assert_eq!(launched + in_trace["of_nobody"], whole, "{name}");
    }
    let shapes = sheet(&ran.session, "by_shape");
    let mut attention: Vec<u64> = shapes
        .iter()
        .filter(|row| row["name"] == Data::String("attention".to_owned()))
        .map(|row| ns(row, "self_cuda_time_total_us"))
        .collect();
    attention.sort_unstable();
    assert!(near(attention[0], 51_004) && near(attention[1], 2 * 51_008), "by shape: {attention:?}");
}

#[test]
fn the_text_table_is_sorted_by_the_gpus_time() {
    let ran = run(&[]);
    let text = fs::read_to_string(ran.session.join("profiler_out_0.txt")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let heads: Vec<&str> = lines[1].split("  ").map(str::trim).filter(|head| !head.is_empty()).collect();
    assert_eq!(heads[5..10], ["CPU time avg", "Self CUDA", "Self CUDA %", "CUDA total", "CUDA time avg"], "{text}");
    assert!(lines[3].trim_start().starts_with("attention ") && lines[3].contains("  153.0"), "{text}");
    assert!(lines[4].trim_start().starts_with("softmax ") && lines[4].contains("  51.8"), "{text}");
    assert!(text.contains("\nSelf CUDA time total: 176.5") && !text.contains("no GPU records"), "{text}");
}

/// E10: the summary has a GPU column for ops and says what each `self` means, and the printed
/// summary has the column, too.
#[test]
fn the_summary_tells_the_gpu_time_of_ops() {
    let ran = run(&[]);
    let page = fs::read_to_string(ran.session.join("summary_rank0.md")).unwrap();
    let ops = page.split("## Ops").nth(1).unwrap();
    assert!(ops.contains("Share of the self CUDA time total, 0.177 ms"), "{ops}");
    let cells = |name: &str| -> Vec<String> {
        let row = ops.lines().find(|line| line.starts_with(&format!("| {name} "))).unwrap();
        row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    assert_eq!(cells("op")[2..], ["self CPU", "CPU total", "self CUDA", "share"]);
    assert_eq!(cells("attention")[4..], ["0.153", "86.7 %"]);
    assert_eq!(cells("tokenize")[4..], ["0.000", "0.0 %"]);
    let heads: Vec<&str> = page.lines().filter(|line| line.contains(" self |")).collect();
    assert!(heads.iter().all(|head| head.starts_with("| stage ")), "one meaning: {heads:?}");
    assert!(page.contains("`self`: in no stage inside it") && page.contains("`self CPU`: in nothing else recorded"));
    let row = ran.printed.lines().find(|line| line.starts_with("attention ")).unwrap();
    assert!(row.contains("0.153  86.7%") && ran.printed.contains("self CUDA"), "{}", ran.printed);
}

#[test]
fn stacks_lead_to_the_kernels_that_they_launched() {
    let ran = run(&[]);
    let text = fs::read_to_string(ran.session.join("stacks_cuda_rank0.txt")).unwrap();
    let lines: Vec<(Vec<&str>, u64)> = text
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(frames, micros)| (frames.split(';').collect(), micros.parse().unwrap()))
        .collect();
    let of = |leaf: &'static str| lines.iter().filter(move |(frames, _)| *frames.last().unwrap() == leaf);
    assert_eq!(of("softmax").map(|line| line.1).sum::<u64>(), 91);
    assert_eq!(of("vecAdd(float*,_float*,_float*,_int)").map(|line| line.1).sum::<u64>(), 61);
    for (frames, _) in of("softmax") {
        assert_eq!(frames[frames.len() - 2], "attention");
        let place = |function: &str| frames.iter().position(|frame| frame.contains(function)).unwrap();
        assert!(place("cupti_tables::transformer") < place("cupti_tables::attention"), "{frames:?}");
    }
    assert_eq!(of("of_nobody").next().unwrap(), &(vec!["(no_range)", "of_nobody"], 5));
    let total: u64 = lines.iter().map(|line| line.1).sum();
    assert_eq!(total, 91 + 61 + 7 + 10 + 5, "all of the GPU's time, in whole microseconds of each line");
    let picture = fs::read_to_string(ran.session.join("flame_cuda_rank0.svg")).unwrap();
    assert!(picture.contains(&format!("total_samples=\"{total}\"")) && picture.contains("GPU time of "), "{total}");
    assert!(picture.contains("<title>softmax ("));
}

#[test]
fn a_gpu_that_is_not_recorded_is_empty_cells_and_no_rate() {
    let ran = run(&[("CUPTI_DOUBLE_FAIL", "cuptiSubscribe=39")]);
    for row in sheet(&ran.session, "summary") {
        assert_eq!((&row["self_cuda_time_total_us"], &row["cuda_time_total_us"]), (&Data::Empty, &Data::Empty));
        assert_eq!(row["achieved_flops_per_s"], Data::Empty, "a launch's time is not the kernel's: {row:?}");
    }
    let text = fs::read_to_string(ran.session.join("profiler_out_0.txt")).unwrap();
    assert!(
        text.contains("Sorted by self CPU time: there are no GPU records.") && !text.contains("Self CUDA"),
        "{text}"
    );
    let missing = &ran.manifest["missing"];
    for name in ["stacks_cuda_rank0.txt", "flame_cuda_rank0.svg"] {
        let entry = missing.as_array().unwrap().iter().find(|missing| missing["name"] == name).unwrap();
        let reason = Value::as_str(&entry["reason"]).unwrap();
        assert!(reason.starts_with("no GPU was recorded: CUPTI serves another tool"), "{reason}");
    }
}
