//! Instructions, from callgrind: of the recording thread only, and only inside the counted function.

use crate::valgrind::{self, Tool};
use profiler_benches::Result;
use profiler_benches::child::Order;
use profiler_benches::scenario::Scenario;
use profiler_benches::subject::Subject;
use std::fs;

/// Instructions per span, workload included.
///
/// # Errors
/// When callgrind cannot run the subject.
pub(crate) fn instructions(subject: &dyn Subject, scenario: Scenario) -> Result<f64> {
    let (once, twice) = valgrind::twice::<Callgrind>(subject, scenario)?;
    Ok(valgrind::per_span(once, twice))
}

struct Callgrind;

impl Tool for Callgrind {
    type Counts = u64;

    fn count(order: &Order) -> Result<u64> {
        let dir = tempfile::tempdir()?;
        let out = dir.path().join("callgrind.out");
        let wrapper = [
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            "--collect-atstart=no".to_owned(),
            "--toggle-collect=*counted_spans*".to_owned(),
            format!("--callgrind-out-file={}", out.display()),
        ];
        let output = order.command(&wrapper)?.output()?;
        order.check(&output)?;
        let profile = fs::read_to_string(out)?;
        let total = profile.lines().find_map(|line| line.strip_prefix("totals:"));
        let total = total.and_then(|rest| rest.split_whitespace().next()).ok_or("callgrind wrote no totals")?;
        match total.parse()? {
            0 => Err(format!("callgrind counted nothing for {order:?}").into()),
            counted => Ok(counted),
        }
    }
}
