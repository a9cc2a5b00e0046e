//! Oracle: parents, self times and sums, computed only from the begin and end of each span and from
//! the spans that were visible around it. Uses no code of the profiler.

use std::collections::{BTreeMap, HashMap};

use profiler_runtime::site::Kind;

use super::story::{Span, What};

/// Kinds and names of a stage and of the stages around it, outermost first.
pub(crate) type Path = Vec<(Kind, &'static str)>;

/// Statistics of a stage at one path. Times are in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) calls: u64,
    pub(crate) sum: u64,
    pub(crate) own: u64,
    pub(crate) min: u64,
    pub(crate) max: u64,
    pub(crate) busy: u64,
    pub(crate) polls: u64,
}

/// One row of an operator table. Times are in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) count: u64,
    pub(crate) total: u64,
    pub(crate) own: u64,
}

/// Key of a row of the operator table: kind, name, and true for a future's row.
pub(crate) type RowKey = (Kind, String, bool);

/// Returns the innermost of the wanted spans that is open when this one begins *and* when it ends.
/// The life of a future may go on elsewhere, so that its first poll counts in place of it.
pub(crate) fn parent(spans: &[Span], span: usize, wanted: impl Fn(&Span) -> bool) -> Option<usize> {
    let Span { around, .. } = &spans[span];
    let ended = spans[span + usize::from(spans[span].is_life())].ended;
    around.iter().rev().copied().find(|&outer| wanted(&spans[outer]) && spans[outer].ended >= ended)
}

/// Returns the time that at least one of the intervals covers.
pub(crate) fn union(mut intervals: Vec<(u64, u64)>) -> u64 {
    intervals.sort_unstable();
    let (mut covered, mut until) = (0, 0);
    for (begin, end) in intervals {
        covered += end.saturating_sub(begin.max(until));
        until = until.max(end);
    }
    covered
}

/// Returns the time of each span that none of its direct children covers.
fn own(spans: &[Span], parent: impl Fn(usize) -> Option<usize>) -> Vec<u64> {
    let mut inside: HashMap<usize, Vec<(u64, u64)>> = HashMap::new();
    for (at, span) in spans.iter().enumerate() {
        if let Some(outer) = parent(at) {
            let within = (span.begin.max(spans[outer].begin), span.end.min(spans[outer].end));
            inside.entry(outer).or_default().push(within);
        }
    }
    let covered = |at| union(inside.get(&at).cloned().unwrap_or_default());
    spans.iter().enumerate().map(|(at, span)| span.duration().saturating_sub(covered(at))).collect()
}

/// Returns whether a span is a stage or a step: a function, a guard, or the life of a future.
pub(crate) fn is_stage(span: &Span) -> bool {
    matches!(span.told.kind, Kind::Stage | Kind::Step) && !matches!(span.what, What::Poll(_))
}

/// Returns whether a span is a request: a guard, or the life of a future.
pub(crate) fn is_request(span: &Span) -> bool {
    span.told.kind == Kind::Request && !matches!(span.what, What::Poll(_))
}

/// Returns the stages of the session or of a request by path, and the time that none of them
/// covers.
pub(crate) fn stages(spans: &[Span], request: Option<usize>, window: (u64, u64)) -> (BTreeMap<Path, Node>, u64) {
    let own = own(spans, |at| parent(spans, at, is_stage).filter(|_| is_stage(&spans[at])));
    let is_in = |at: usize| is_stage(&spans[at]) && (request.is_none() || parent(spans, at, is_request) == request);
    let (mut nodes, mut all) = (BTreeMap::<Path, Node>::new(), Vec::new());
    for (at, span) in spans.iter().enumerate().filter(|(at, _)| is_in(*at)) {
        all.push((span.begin, span.end.min(window.1)));
        let polls = || spans.iter().filter(|poll| poll.what == What::Poll(at));
        let node = nodes.entry(path(spans, at)).or_insert_with(|| Node { min: u64::MAX, ..Node::default() });
        (node.calls, node.sum, node.own) = (node.calls + 1, node.sum + span.duration(), node.own + own[at]);
        (node.min, node.max) = (node.min.min(span.duration()), node.max.max(span.duration()));
        (node.busy, node.polls) =
            (node.busy + polls().map(Span::duration).sum::<u64>(), node.polls + polls().count() as u64);
    }
    (nodes, window.1 - window.0 - union(all))
}

/// Returns the path of a stage: the stages around it, outermost first, and the stage itself.
fn path(spans: &[Span], at: usize) -> Path {
    let outer = std::iter::successors(Some(at), |&at| parent(spans, at, is_stage));
    let mut path: Path = outer.map(|at| (spans[at].told.kind, spans[at].told.name)).collect();
    path.reverse();
    path
}

/// Returns the time in which threads ran any range, summed over the threads.
pub(crate) fn busy(parts: &[(usize, Span)]) -> u64 {
    let mut threads = BTreeMap::<usize, Vec<(u64, u64)>>::new();
    for (_, part) in parts {
        threads.entry(part.thread).or_default().push((part.begin, part.end));
    }
    threads.into_values().map(union).sum()
}

/// Returns the operator table. It counts calls, and lives of futures, and sums the time in which
/// threads ran them.
pub(crate) fn rows(spans: &[Span], parts: &[(usize, Span)]) -> BTreeMap<RowKey, Row> {
    let of = |at: usize| match spans[at].what {
        What::Poll(life) => &spans[life],
        _ => &spans[at],
    };
    let key = |span: &Span| {
        let name = if span.number.is_some() { "ProfilerStep*" } else { span.told.name };
        (span.told.kind, name.to_owned(), span.is_life())
    };
    let mut rows = BTreeMap::<RowKey, Row>::new();
    for span in spans.iter().filter(|span| !matches!(span.what, What::Poll(_))) {
        rows.entry(key(span)).or_default().count += 1;
    }
    let (whole, parts): (Vec<usize>, Vec<Span>) = parts.iter().cloned().unzip();
    // A poll encloses the parts that run in it. Any other part encloses another if its whole span
    // does.
    let encloses = |outer: usize, part: usize| match parts[outer].what {
        What::Poll(_) => parts[outer].ended >= parts[part].ended,
        _ => spans[whole[outer]].ended >= spans[whole[part]].ended,
    };
    let own = own(&parts, |at| parts[at].around.iter().rev().copied().find(|&outer| encloses(outer, at)));
    for ((&at, part), own) in whole.iter().zip(&parts).zip(own) {
        let row = rows.entry(key(of(at))).or_default();
        (row.total, row.own) = (row.total + part.duration(), row.own + own);
    }
    rows
}
