//! Operator tables: the key averages, the text, the workbook, and the folded stacks.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use calamine::{Data, Reader, Xlsx, open_workbook};
use profiler_runtime::artifacts::{ArtifactKind, GroupBy, Manifest};
use profiler_runtime::site::Kind;

use super::oracle::{self, Row, RowKey};
use super::story::{Span, Story};
use super::{Verdict, near, off, same};

/// Rows of a table: name, true for a future's row, true for an op (none if the table does not
/// tell), and sums.
type Rows = Vec<(String, bool, Option<bool>, Row)>;

pub(super) fn compare(story: &Story, manifest: &Manifest) -> Verdict {
    let right = oracle::rows(&story.spans, &story.timed_parts());
    let table = manifest.key_averages(GroupBy::Name);
    let seen = table.rows().iter().map(|row| {
        let sums = Row { count: row.count, total: ns(row.cpu_time), own: ns(row.self_cpu_time) };
        (row.name.clone(), row.is_async, Some(row.is_op), sums)
    });
    compare_rows("key averages", seen.collect(), &right)?;
    let total = oracle::busy(&story.timed_parts());
    same("self CPU time total", &ns(table.self_cpu_time_total()), &total)?;
    compare_rows("the workbook", workbook(manifest)?, &right)?;
    compare_text(&table.table(), &right)?;
    compare_folded(&story.spans, manifest, &right)
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn compare_rows(what: &str, mut seen: Rows, right: &BTreeMap<RowKey, Row>) -> Verdict {
    let tells_kind = seen.first().is_some_and(|row| row.2.is_some());
    let right = right.iter().map(|((kind, name, is_async), row)| {
        (name.clone(), *is_async, tells_kind.then_some(*kind == Kind::Op), row.clone())
    });
    let mut right: Rows = right.collect();
    // Orders rows that the table does not distinguish, like a stage and a request of one name.
    let order = |row: &(String, bool, Option<bool>, Row)| (row.0.clone(), row.1, row.2, row.3.total, row.3.own);
    seen.sort_by_key(order);
    right.sort_by_key(order);
    if let Some((seen, right)) = seen.iter().zip(&right).find(|(seen, right)| seen != right) {
        return same(what, seen, right);
    }
    same(&format!("rows of {what}"), &seen.len(), &right.len())
}

fn workbook(manifest: &Manifest) -> Result<Rows, String> {
    let path = &manifest.artifact(ArtifactKind::Ops).ok_or("no workbook")?.path;
    let mut workbook: Xlsx<_> = open_workbook(path).map_err(|error| format!("{error:?}"))?;
    let sheet = workbook.worksheet_range("summary").map_err(|error| format!("{error:?}"))?;
    let heads: Vec<String> = sheet.rows().next().ok_or("no head")?.iter().map(ToString::to_string).collect();
    let rows = sheet.rows().skip(1).map(|row| {
        let cell = |head: &str| heads.iter().position(|found| found == head).map_or(Data::Empty, |at| row[at].clone());
        let number = |head: &str| if let Data::Float(number) = cell(head) { number } else { f64::NAN };
        let ns = |head: &str| (number(head) * 1000.0).round() as u64;
        let (total, own) = (ns("cpu_time_total_us"), ns("self_cpu_time_total_us"));
        let sums = Row { count: number("count") as u64, total, own };
        (cell("name").to_string(), cell("is_async") == Data::Bool(true), None, sums)
    });
    Ok(rows.collect())
}

/// Compares the text table, which shows three decimals of the unit that fits.
fn compare_text(table: &str, right: &BTreeMap<RowKey, Row>) -> Verdict {
    let mut left: Vec<(&RowKey, &Row)> = right.iter().collect();
    let body = table.split_inclusive('\n').skip(3).take_while(|line| !line.starts_with("---"));
    for line in body {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let [name, _, own, _, total, _, count, ..] = cells[..] else { return Err(format!("no row: {line}")) };
        let (name, is_async) = name.strip_suffix(" (async)").map_or((name, false), |name| (name, true));
        let agrees = |(key, row): &(&RowKey, &Row)| {
            let times = near(own, row.own) && near(total, row.total);
            (key.1.as_str(), key.2) == (name, is_async) && times && row.count.to_string() == count
        };
        // Takes the nearer of two rows that round to the same digits.
        let nearest = |(_, one): &(usize, &(&RowKey, &Row)), (_, other): &(usize, &(&RowKey, &Row))| {
            off(total, one.1.total).total_cmp(&off(total, other.1.total))
        };
        let place = left.iter().enumerate().filter(|(_, row)| agrees(row)).min_by(nearest);
        let (place, _) = place.ok_or_else(|| format!("text: {line}  right: {right:?}"))?;
        left.remove(place);
    }
    same("rows that the text has not", &left, &Vec::new())
}

/// Compares the folded stacks. A line has whole microseconds of one stack, so that the sum may be
/// too small by one microsecond per range.
fn compare_folded(spans: &[Span], manifest: &Manifest, right: &BTreeMap<RowKey, Row>) -> Verdict {
    let Some(artifact) = manifest.artifact(ArtifactKind::StacksCpu) else { return Ok(()) };
    let text = fs::read_to_string(&artifact.path).map_err(|error| error.to_string())?;
    let mut seen = BTreeMap::<&str, u64>::new();
    for line in text.lines() {
        let (stack, micros) = line.rsplit_once(' ').ok_or("no number")?;
        let name = stack.rsplit(';').next().unwrap_or_default();
        *seen.entry(name).or_default() += micros.parse::<u64>().map_err(|error| format!("{line}: {error}"))?;
    }
    let mut own = BTreeMap::<&str, u64>::new();
    let names = |name: &str| spans.iter().find(|span| span.told.name == name).map(|span| span.told.name);
    for ((_, name, _), row) in right.iter().filter(|((_, name, _), _)| name != "ProfilerStep*") {
        *own.entry(names(name).unwrap_or_default()).or_default() += row.own;
    }
    for (name, own) in own {
        let ranges = spans.iter().filter(|span| span.told.name == name).count() as u64;
        let micros = seen.get(name).copied().unwrap_or(0);
        let is_numbered = spans.iter().any(|span| span.told.name == name && span.number.is_some());
        let agrees = (micros..=micros + ranges).contains(&(own / 1000));
        if !is_numbered && !agrees {
            return Err(format!("folded stacks: {name} has {micros} us of {own} ns"));
        }
    }
    Ok(())
}
