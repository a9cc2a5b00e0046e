//! A survey of the threads' streams before decoding: whether ranges nest, how many arguments calls
//! recorded, and which tasks occur.
//!
//! On most threads every range ends before the range around it. Such a thread needs no search for
//! crossings, and less work per range in the decoder. The survey does as little per entry as
//! possible: it converts no times and looks up no sites.

use std::collections::BTreeSet;

use crate::model::task_numbers::TaskNumbers;
use profiler_core::__private::LISTS_DIMS;
use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::key::Value;
use profiler_core::stream::registry::ThreadLog;

/// Numbers of arguments and call stacks that calls recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArgumentCounts {
    /// Number of arguments: shapes of inputs, numbers, and ids of requests.
    pub(crate) descriptions: u64,
    /// Number of call stacks.
    pub(crate) stacks: u64,
}

/// Results of the survey.
#[derive(Debug, Default)]
pub(in crate::model) struct Survey {
    /// Per thread, true if all ranges end in the reverse order of their starts, so that none
    /// crosses another.
    pub(in crate::model) nests: Vec<bool>,
    /// Numbers of arguments and call stacks of all calls.
    pub(in crate::model) argument_counts: ArgumentCounts,
    /// Numbers of the sites that recorded the shape of a list of dims.
    pub(in crate::model) listed_dims: BTreeSet<u32>,
    /// Task numbers that occur.
    pub(in crate::model) tasks: TaskNumbers,
}

impl Survey {
    /// Reads all threads.
    pub(in crate::model) fn new(threads: &[ThreadLog]) -> Self {
        let mut survey = Self::default();
        for thread in threads {
            let mut open: Vec<Entry> = Vec::new();
            let mut nests = true;
            thread.pages().for_each(|page| nests &= survey.read(page, &mut open));
            survey.nests.push(nests);
        }
        survey
    }

    /// Reads one page; `open` holds the begins without an end so far. Returns whether every end
    /// matches the last open begin.
    fn read(&mut self, page: &[Entry], open: &mut Vec<Entry>) -> bool {
        let (mut entries, mut nests) = (page.iter(), true);
        while let Some(&entry) = entries.next() {
            if entry.is(Tag::Begin) {
                // Most ranges contain no other, so their end is the next entry.
                match entries.as_slice() {
                    [end, ..] if end.is_end() && end.ends(entry) => {
                        let _end = entries.next();
                    }
                    _ => open.push(entry),
                }
            } else if entry.is_end() {
                nests &= open.pop().is_some_and(|begin| entry.ends(begin));
            } else {
                self.count(entry);
            }
        }
        nests
    }

    /// Counts an entry of a call's description.
    #[inline]
    fn count(&mut self, entry: Entry) {
        match entry.tag() {
            Some(Tag::Argument) => match entry.key().value() {
                Some(Value::Stack) => self.argument_counts.stacks += 1,
                Some(Value::Number | Value::Text) => self.argument_counts.descriptions += 1,
                Some(Value::Shape) => {
                    self.argument_counts.descriptions += 1;
                    if entry.value() & LISTS_DIMS != 0 {
                        self.listed_dims.insert(entry.site());
                    }
                }
                Some(Value::Strides) | None => {}
            },
            Some(Tag::Task) => self.tasks.add(entry.value()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::Script;
    use profiler_core::site::Kind;
    use profiler_core::stream::key::Key;

    fn survey(write: impl FnOnce(&mut Script, [u32; 2])) -> Survey {
        let mut script = Script::new();
        let sites = ["outer", "inner"].map(|name| script.site(Kind::Stage, name));
        write(&mut script, sites);
        script.thread("main");
        Survey::new(&script.finish().log.threads)
    }

    /// A1: whether a thread is searched for crossings.
    #[test]
    fn a_glance_tells_whether_ranges_nest() {
        let nest = survey(|script, [outer, inner]| {
            script.begin(outer, 1).guard(inner, 2).drop_guard(inner, 2, 3).begin(inner, 4).begin(inner, 5);
            script.end(inner, 6).end(inner, 7).end(outer, 8).begin(outer, 9);
        });
        assert_eq!(nest.nests, [true]);
        let crossing = survey(|script, [outer, inner]| {
            script.guard(outer, 1).guard(inner, 2).drop_guard(outer, 1, 3).drop_guard(inner, 2, 4);
        });
        let reversed = survey(|script, [outer, _]| {
            script.guard(outer, 1).guard(outer, 2).drop_guard(outer, 1, 3).drop_guard(outer, 2, 4);
        });
        let begun_before = survey(|script, [outer, inner]| {
            script.end(outer, 1).begin(inner, 2).end(inner, 3);
        });
        assert_eq!([crossing, reversed, begun_before].map(|survey| survey.nests[0]), [false; 3]);
    }

    #[test]
    fn a_glance_counts_what_calls_said() {
        let survey = survey(|script, [outer, inner]| {
            script.words(Key::INPUT, inner, LISTS_DIMS, &[4]).number(Key::FLOPS, inner, 9);
            script.words(Key::STACK, outer, 7, &[]).words(Key::INPUT, outer, 0, &[]).begin(outer, 10).end(outer, 11);
        });
        assert_eq!(survey.argument_counts, ArgumentCounts { descriptions: 3, stacks: 1 });
        assert_eq!(survey.listed_dims, BTreeSet::from([2]));
    }
}
