//! How many instructions this product may need per span: what CI holds it to.
//!
//! Counts, not times: they repeat to a tenth on any x86-64 machine. A change that needs more has to raise the figure here,
//! and say why.

use crate::subjects::OURS;
use crate::{Counted, bare_call};
use profiler_benches::Result;
use profiler_benches::scenario::Scenario;
use std::collections::BTreeMap;

/// The most per span, less the bare call. A compiler's next version may move an instruction or two.
const BUDGET: [(Scenario, f64); 5] = [
    (Scenario::Off, 6.0),
    (Scenario::On, 43.0),
    (Scenario::Nested, 43.0),
    (Scenario::Shapes, 340.0),
    (Scenario::Block, 50.0),
];
/// Allocations per span, in steady state.
const ALLOCATIONS: f64 = 0.005;

/// Compares what was counted with the budget.
///
/// # Errors
///
/// It is exceeded, or this product was not counted; all that is wrong is named.
pub(crate) fn check(all: &BTreeMap<&str, Counted>) -> Result<()> {
    let counted = all.get(OURS).ok_or_else(|| format!("no budget without `{OURS}` among the subjects"))?;
    let bare = bare_call(all);
    let mut over = Vec::new();
    for (scenario, most) in BUDGET {
        let needed = counted.instructions.get(&scenario).map(|instructions| instructions - bare);
        match needed {
            Some(needed) if needed <= most => {}
            Some(needed) => over.push(format!("{scenario}: {needed:.1} instructions, the budget is {most}")),
            None => over.push(format!("{scenario}: not counted")),
        }
    }
    let allocations = counted.heap.map_or(f64::INFINITY, |heap| heap.allocations);
    if allocations > ALLOCATIONS {
        over.push(format!("{allocations} allocations a span"));
    }
    if over.is_empty() { Ok(()) } else { Err(format!("over budget: {}", over.join("; ")).into()) }
}
