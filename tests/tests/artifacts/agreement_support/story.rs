//! Ranges and lives that a session must show: the order in which they begin and end, and the spans
//! that are visible around each begin. The times come from the trace.

use std::collections::{HashMap, HashSet};

use super::log::{Event, Log, Told};

/// Place of ends that are not in the session, in the order of a thread's events.
const NEVER: usize = usize::MAX;

/// Kind of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Sync,
    /// Poll of the life with this number.
    Poll(usize),
    /// Life of a future; `ready` is its outcome, `None` if it has not ended in the session.
    Life {
        ready: Option<bool>,
        is_older: bool,
    },
}

/// Range, poll or life of a future, as a session sees it.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) told: Told,
    pub(crate) what: What,
    pub(crate) thread: usize,
    /// Places of begin and end among the events of its thread.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
    /// Spans that are open around its begin, outermost first, without those of futures that are not
    /// being polled.
    pub(crate) around: Vec<usize>,
    /// Nanoseconds since the Unix epoch, from the trace.
    pub(crate) begin: u64,
    pub(crate) end: u64,
    /// Number `N`, if it is shown as `ProfilerStep#N`.
    pub(crate) number: Option<u64>,
}

/// Spans that a session must show.
#[derive(Debug, Default)]
pub(crate) struct Story {
    pub(crate) spans: Vec<Span>,
    /// Parts of each span except lives, after the number of the span: the periods in which its
    /// thread ran it. A guard that is held over `.await` does not run while its future waits.
    /// `around` has numbers of parts here.
    pub(crate) parts: Vec<(usize, Span)>,
    /// Number of ends of ranges and futures that earlier sessions recorded.
    pub(crate) began_before: u64,
}

impl Span {
    pub(crate) const fn is_finished(&self) -> bool {
        self.ended != NEVER
    }

    pub(crate) const fn duration(&self) -> u64 {
        self.end - self.begin
    }

    pub(crate) const fn is_life(&self) -> bool {
        matches!(self.what, What::Life { .. })
    }
}

impl Story {
    /// Returns the parts, with the times that their spans have by now.
    pub(crate) fn timed_parts(&self) -> Vec<(usize, Span)> {
        let mut moments = HashMap::new();
        for span in &self.spans {
            moments.insert((span.thread, span.begun), span.begin);
            moments.insert((span.thread, span.ended), span.end);
        }
        let timed = self.parts.iter().map(|(of, part)| {
            let (begin, end) = (moments[&(part.thread, part.begun)], moments[&(part.thread, part.ended)]);
            (*of, Span { begin, end, ..part.clone() })
        });
        timed.collect()
    }

    /// Creates the story of the session between two boundaries; `all` are all sessions.
    pub(crate) fn of(logs: &[Log], session: (usize, usize), all: &[(usize, usize)]) -> Self {
        let mut story = Self::default();
        for (thread, log) in logs.iter().enumerate() {
            let mut reader = Reader {
                thread,
                log,
                story: &mut story,
                recorded: HashSet::new(),
                polled: HashSet::new(),
                ranges: HashMap::new(),
                lives: HashMap::new(),
                visible: Vec::new(),
                waiting: HashMap::new(),
                running: HashMap::new(),
            };
            reader.read(session, all);
        }
        story
    }
}

/// Reader of the log of one thread.
struct Reader<'a> {
    thread: usize,
    log: &'a Log,
    story: &'a mut Story,
    /// Ranges that any session has recorded so far.
    recorded: HashSet<usize>,
    /// Futures that any session has recorded so far.
    polled: HashSet<usize>,
    /// Numbers of spans, by number of range and by number of future.
    ranges: HashMap<usize, usize>,
    lives: HashMap<usize, usize>,
    /// Spans that are visible, outermost first.
    visible: Vec<usize>,
    /// Spans that wait with their future until it is polled again.
    waiting: HashMap<usize, Vec<usize>>,
    /// Part of each visible span that has not ended.
    running: HashMap<usize, usize>,
}

impl Reader<'_> {
    fn read(&mut self, session: (usize, usize), all: &[(usize, usize)]) {
        let mut passed = 0;
        for (at, &event) in self.log.events.iter().enumerate() {
            // Boundary `n` lies behind an event if `n + 1` boundaries have passed.
            let within = |&(from, to): &(usize, usize)| from < passed && passed <= to;
            let (is_shown, is_recorded) = (within(&session), all.iter().any(within));
            match event {
                Event::Boundary => passed += 1,
                Event::Begin(range) => {
                    if is_shown {
                        self.begin(range, at);
                    }
                    if is_recorded {
                        self.recorded.insert(range);
                        self.polled.extend(self.log.ranges[range].task);
                    }
                }
                Event::End(range) if is_shown => self.end(range, at),
                Event::TaskEnd(task, ready) if is_shown => self.end_task(task, at, ready),
                Event::End(_) | Event::TaskEnd(..) => {}
            }
        }
    }

    fn begin(&mut self, range: usize, at: usize) {
        let told = self.log.ranges[range].clone();
        let Some(task) = told.task else {
            let span = self.span(told, What::Sync, at);
            self.ranges.insert(range, span);
            return self.show(span, at);
        };
        let life = match self.lives.get(&task) {
            Some(&life) => life,
            None => {
                let what = What::Life { ready: None, is_older: self.polled.contains(&task) };
                let life = self.span(self.log.tasks[task].clone(), what, at);
                self.lives.insert(task, life);
                life
            }
        };
        self.visible.push(life);
        let poll = self.span(told, What::Poll(life), at);
        self.ranges.insert(range, poll);
        self.show(poll, at);
        self.waiting.remove(&task).unwrap_or_default().into_iter().for_each(|span| self.show(span, at));
    }

    /// Begins a part of the span, which its thread runs from now on.
    fn show(&mut self, span: usize, at: usize) {
        let around = self.visible.iter().filter_map(|outer| self.running.get(outer).copied()).collect();
        let part = Span { begun: at, ended: NEVER, around, ..self.story.spans[span].clone() };
        self.running.insert(span, self.story.parts.len());
        self.story.parts.push((span, part));
        self.visible.push(span);
    }

    /// Ends the part of the span, which its thread does not run any more.
    fn hide(&mut self, span: usize, at: usize) {
        if let Some(part) = self.running.remove(&span) {
            self.story.parts[part].1.ended = at;
        }
    }

    fn end(&mut self, range: usize, at: usize) {
        let Some(&span) = self.ranges.get(&range) else {
            self.story.began_before += u64::from(self.recorded.contains(&range));
            return;
        };
        self.story.spans[span].ended = at;
        self.hide(span, at);
        for open in self.waiting.values_mut() {
            open.retain(|open| *open != span);
        }
        let Some(place) = self.visible.iter().position(|open| *open == span) else { return };
        self.visible.remove(place);
        if let Some(task) = self.log.ranges[range].task {
            let waiting = self.visible.split_off(place);
            waiting.iter().for_each(|&span| self.hide(span, at));
            self.waiting.insert(task, waiting);
            // Removes the life, which is right before its poll.
            self.visible.pop();
        }
    }

    fn end_task(&mut self, task: usize, at: usize, ready: bool) {
        let Some(&life) = self.lives.get(&task) else {
            self.story.began_before += u64::from(self.polled.contains(&task));
            return;
        };
        let span = &mut self.story.spans[life];
        span.ended = at;
        if let What::Life { ready: outcome, .. } = &mut span.what {
            *outcome = Some(ready);
        }
    }

    fn span(&mut self, told: Told, what: What, begun: usize) -> usize {
        let around = self.visible.clone();
        let Self { thread, .. } = *self;
        let span = Span { told, what, thread, begun, ended: NEVER, around, begin: 0, end: 0, number: None };
        self.story.spans.push(span);
        self.story.spans.len() - 1
    }
}
