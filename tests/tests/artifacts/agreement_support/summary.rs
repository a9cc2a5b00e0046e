//! `summary_rank*.md`: the rows of its tables show the stages, as far as the page has room for
//! them.

use std::fs;

use profiler_runtime::artifacts::{ArtifactKind, Manifest};

use super::oracle::{self, Node, Path};
use super::story::Span;
use super::{Verdict, near, off};

pub(super) fn compare(spans: &[Span], window: (u64, u64), manifest: &Manifest) -> Verdict {
    let page = fs::read_to_string(&manifest.artifact(ArtifactKind::Summary).ok_or("no summary")?.path)
        .map_err(|e| e.to_string())?;
    let table = page.split("## Stages").nth(1).ok_or("no stages")?.split("\n## ").next().unwrap_or_default();
    let (nodes, unaccounted) = oracle::stages(spans, None, window);
    let mut left: Vec<(&Path, &Node)> = nodes.iter().collect();
    let mut rows = table.lines().filter(|line| line.starts_with('|')).skip(2);
    let heads: Vec<&str> = table.lines().find(|line| line.starts_with('|')).map(cells).unwrap_or_default();
    let at = |head: &str| heads.iter().position(|found| *found == head).unwrap_or_default();
    for line in rows.by_ref() {
        let cells = cells(line);
        let cell = |head: &str| cells[at(head)].to_owned();
        if cells[0] == "(unaccounted)" {
            if !near(&(cell("sum") + "ms"), unaccounted) {
                return Err(format!("summary: {line}\n  right: {unaccounted} ns"));
            }
            continue;
        }
        let agrees = |(path, node): &(&Path, &Node)| {
            let (depth, name) = (path.len() - 1, path.last().map_or("", |last| last.1));
            let shown = cells[0].trim_end_matches(" (async)");
            let times = [("sum", node.sum), ("self", node.own), ("min", node.min), ("max", node.max)];
            shown == format!("{}{name}", "· ".repeat(depth.min(8)))
                && cell("calls") == node.calls.to_string()
                && times.iter().all(|(head, ns)| near(&(cell(head) + "ms"), *ns))
        };
        // Takes the nearer of two rows that round to the same digits.
        let nearest = |(_, one): &(usize, &(&Path, &Node)), (_, other): &(usize, &(&Path, &Node))| {
            let off = |node: &Node| off(&(cell("sum") + "ms"), node.sum);
            off(one.1).total_cmp(&off(other.1))
        };
        let place = left.iter().enumerate().filter(|(_, row)| agrees(row)).min_by(nearest);
        let (place, _) = place.ok_or_else(|| format!("summary: {line}\n  right: {nodes:?}"))?;
        left.remove(place);
    }
    match left.as_slice() {
        [_, ..] if !page.contains("left out") => Err(format!("summary: no rows for {left:?}")),
        _ => Ok(()),
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}
