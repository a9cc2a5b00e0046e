//! Records the same program by Nsight Systems and by the profiler: both must have the same kernels
//! and the same busy time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::{Bench, millis, succeeded, this_program};
use crate::findings::{Findings, Outcome};

use super::parts::{OPS, STEPS, story};

/// Maximum size of a report that is kept.
const MAX_BYTES: u64 = 15 << 20;

/// Returns the command, or the reason why it cannot be used.
pub(super) fn nsys() -> Result<PathBuf, &'static str> {
    if std::env::var_os("CUDA_DOUBLE_LOG").is_some() {
        return Err("Nsight Systems has no double, and cannot watch the others");
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).map(|folder| folder.join("nsys"));
    places.find(|path| path.is_file()).ok_or("`nsys` is not on this machine")
}

pub(super) fn run(bench: &Bench) -> Outcome {
    let nsys = nsys()?;
    let report = bench.place("busy.nsys-rep");
    let mut command = Command::new(&nsys);
    command.args(["profile", "--trace=cuda,nvtx", "--sample=none", "--cpuctxsw=none", "--force-overwrite=true", "-o"]);
    succeeded(command.arg(&report).arg(this_program()).args(["part", "story"]).arg(&bench.out))?;
    if fs::metadata(&report).is_ok_and(|file| file.len() <= MAX_BYTES) {
        fs::copy(&report, bench.out.join("busy.nsys-rep")).map_err(|error| error.to_string())?;
    }
    let recorded = bench.record(bench.config(), || story(bench))?;
    let mut found = Findings::default();
    let kernels = table(&nsys, "cuda_gpu_kern_sum", &report)?;
    let (count, ns) = kernels.figures("Name", "spin", "Instances", "Total Time (ns)");
    found.demand_count("kernels in its report", count as u64, (STEPS * OPS + 1) as u64);
    let ours = recorded.timing["gpu"]["gpu_busy_ns"].as_f64().map_or(f64::NAN, millis);
    compare(&mut found, "busy time, ours to its", ours, ns / 1e6);
    let ranges = table(&nsys, "nvtx_gpu_proj_sum", &report)?;
    for stage in ["transformer", "vae.decode"] {
        let (_, ns) = ranges.figures("Range", stage, "Range Instances", "Total Proj Time (ns)");
        let ours = recorded.stage(stage, "gpu_busy_ns").map_or(f64::NAN, millis);
        compare(&mut found, &format!("busy time of `{stage}`, ours to its projection"), ours, ns / 1e6);
    }
    Ok(found)
}

fn compare(found: &mut Findings, what: &str, ours: f64, theirs: f64) {
    let ratio = ours / theirs;
    found.demand(what, ratio, "", ("0.9 to 1.1", (0.9..1.1).contains(&ratio)));
}

/// A table of `nsys stats`.
#[derive(Debug)]
struct Table {
    rows: Vec<Vec<String>>,
}

fn table(nsys: &Path, name: &str, report: &Path) -> Result<Table, String> {
    let mut command = Command::new(nsys);
    command.args(["stats", "--force-export=true", "--format", "csv", "--report", name]).arg(report);
    let output = succeeded(&mut command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Table { rows: text.lines().map(cells).collect() })
}

/// Splits a line into cells. A quoted comma is part of its cell.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            letter => cells.last_mut().into_iter().for_each(|cell| cell.push(letter)),
        }
    }
    cells
}

impl Table {
    /// Returns the sums of two columns over the rows whose `key` column is `name`, with or without
    /// a domain before it.
    fn figures(&self, key: &str, name: &str, count: &str, ns: &str) -> (f64, f64) {
        let head = self.rows.iter().find(|row| row.iter().any(|cell| cell == key));
        let column = |wanted: &str| head.and_then(|head| head.iter().position(|cell| cell == wanted));
        let (Some(key), Some(count), Some(ns)) = (column(key), column(count), column(ns)) else {
            return (f64::NAN, f64::NAN);
        };
        let is_it = |row: &&Vec<String>| row.get(key).is_some_and(|cell| cell.rsplit(':').next() == Some(name));
        let sum = |at: usize| {
            let cells = self.rows.iter().filter(is_it).filter_map(|row| row.get(at));
            cells.filter_map(|cell| cell.parse::<f64>().ok()).sum()
        };
        (sum(count), sum(ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_the_names_of_its_columns() {
        let text = "Processing [x]\n\nTime (%),Total Time (ns),Instances,Name\n90.0,2000,4,\"spin\"\n10.0,9,1,\"f(int, int)\"\n";
        let table = Table { rows: text.lines().map(cells).collect() };
        assert_eq!(table.figures("Name", "spin", "Instances", "Total Time (ns)"), (4.0, 2000.0));
        assert_eq!(table.figures("Name", "f(int, int)", "Instances", "Total Time (ns)"), (1.0, 9.0));
        assert!(table.figures("Range", "spin", "Instances", "Total Time (ns)").0.is_nan());
        let ranges = Table { rows: ["Range,Style,N,T", "profiler:vae.decode,PushPop,1,5"].map(cells).into() };
        assert_eq!(ranges.figures("Range", "vae.decode", "N", "T"), (1.0, 5.0));
    }
}
