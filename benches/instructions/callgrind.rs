//! Instruction counts from callgrind: of the recording thread inside the counted function or, for
//! an export, of everything else.

use crate::valgrind::{self, Tool};
use profiler_benches::Result;
use profiler_benches::child::Order;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::Subject;
use std::collections::HashMap;
use std::fs;

/// Returns the instructions per span, including the workload.
///
/// # Errors
/// Returns an error if callgrind cannot run the subject.
pub(crate) fn instructions(subject: &dyn Subject, scenario: Scenario) -> Result<f64> {
    let (before, counted) = if scenario.is_export() {
        valgrind::twice::<Callgrind>(subject, scenario)?
    } else {
        (0, valgrind::once::<Callgrind>(subject, scenario)?)
    };
    Ok(valgrind::per_span(scenario, before, counted))
}

/// Returns callgrind's options for a scenario. A toggled function switches counting on its own
/// thread while it runs.
fn collect_options(scenario: Scenario) -> &'static [&'static str] {
    if scenario.is_export() {
        &["--collect-atstart=yes", "--toggle-collect=*counted_spans*", "--toggle-collect=*uncounted_evidence*"]
    } else {
        &["--collect-atstart=no", "--toggle-collect=*counted_spans*"]
    }
}

/// Prefixes of the doubles' file names; libcuda's double has the driver's own name.
const DOUBLES: [&str; 3] = ["libnvtx_tool.", "libcupti_double.", "libcuda."];

struct Callgrind;

impl Tool for Callgrind {
    type Counts = u64;

    fn count(subject: &dyn Subject, order: &Order) -> Result<u64> {
        let dir = tempfile::tempdir()?;
        let out = dir.path().join("callgrind.out");
        let mut wrapper = vec!["valgrind".to_owned(), "--tool=callgrind".to_owned()];
        wrapper.extend(collect_options(order.scenario).iter().map(|option| (*option).to_owned()));
        wrapper.push(format!("--callgrind-out-file={}", out.display()));
        let mut child = order.command(&wrapper)?;
        subject.prepare(&mut child, dir.path())?;
        let output = child.output()?;
        order.check(&output)?;
        let profile = fs::read_to_string(out)?;
        let total = profile.lines().find_map(|line| line.strip_prefix("totals:"));
        let total = total.and_then(|rest| rest.split_whitespace().next()).ok_or("callgrind wrote no totals")?;
        match total.parse::<u64>()? {
            0 => Err(format!("callgrind counted nothing for {order:?}").into()),
            counted => Ok(counted - in_doubles(&profile)),
        }
    }
}

/// Returns the instructions of the tests' doubles and their callees, which a real tool or driver
/// does not have.
///
/// Reads a profile's calls from other objects into a double. `cob=` names the callee's object if it
/// differs from the caller's (`ob=`), and the line after `calls=` ends with the cost of the calls.
fn in_doubles(profile: &str) -> u64 {
    let mut doubles: HashMap<&str, bool> = HashMap::new();
    let (mut within, mut into, mut counted) = (false, false, 0);
    let mut lines = profile.lines();
    while let Some(line) = lines.next() {
        if let Some(object) = line.strip_prefix("ob=") {
            within = is_double(object, &mut doubles);
        } else if let Some(object) = line.strip_prefix("cob=") {
            into = is_double(object, &mut doubles);
        } else if line.starts_with("calls=") {
            let cost = lines.next().and_then(|line| line.split_whitespace().nth(1)).and_then(|cost| cost.parse().ok());
            counted += if into && !within { cost.unwrap_or(0) } else { 0 };
            into = false;
        }
    }
    counted
}

/// Returns whether an object is a double. Its first mention is `(1) /a/path`, later ones are `(1)`.
fn is_double<'a>(object: &'a str, doubles: &mut HashMap<&'a str, bool>) -> bool {
    let (number, path) = object.split_once(' ').unwrap_or((object, ""));
    let file = path.rsplit('/').next().unwrap_or(path);
    *doubles.entry(number).or_insert_with(|| DOUBLES.iter().any(|double| file.starts_with(double)))
}
