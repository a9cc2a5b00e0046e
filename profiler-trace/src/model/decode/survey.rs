//! A glance at a thread's stream before it is decoded: whether its ranges nest, and how much their
//! descriptions hold.
//!
//! On most threads every range ends before the one around it. Such a thread needs no reading for
//! what crosses, and the decoder has less to do for each of its ranges. The glance does as little
//! as possible for an entry: it converts no times and looks up no sites.

use std::collections::BTreeSet;

use crate::model::by_task::TaskNumbers;
use profiler_core::__private::LISTS_DIMS;
use profiler_core::stream::entry::{Entry, Tag};
use profiler_core::stream::key::Value;
use profiler_core::stream::registry::ThreadLog;

/// The number of arguments and call stacks that calls recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Number of arguments: shapes of inputs, numbers and ids of requests.
    pub(crate) descriptions: u64,
    /// Number of call stacks.
    pub(crate) stacks: u64,
}

/// The findings about the threads' streams.
#[derive(Debug, Default)]
pub(in crate::model) struct Survey {
    /// True if all ranges of a thread end in the reverse order of their begins, by thread: then
    /// nothing crosses.
    pub(in crate::model) nests: Vec<bool>,
    /// Number of arguments and call stacks of all calls.
    pub(in crate::model) told: Told,
    /// Numbers of the sites that have recorded the shape of a list of dims.
    pub(in crate::model) listed_dims: BTreeSet<u32>,
    /// Numbers of the tasks.
    pub(in crate::model) tasks: TaskNumbers,
}

impl Survey {
    /// Reads all threads.
    pub(in crate::model) fn of(threads: &[ThreadLog]) -> Self {
        let mut survey = Self::default();
        for thread in threads {
            let mut open: Vec<Entry> = Vec::new();
            let mut nests = true;
            thread.pages().for_each(|page| nests &= survey.read(page, &mut open));
            survey.nests.push(nests);
        }
        survey
    }

    /// Reads on; `open` are the begins that have no end yet. Returns whether every end is that of
    /// the last begin.
    fn read(&mut self, page: &[Entry], open: &mut Vec<Entry>) -> bool {
        let (mut entries, mut nests) = (page.iter(), true);
        while let Some(&entry) = entries.next() {
            if entry.is(Tag::Begin) {
                // Most ranges hold no other: the next entry is their end.
                match entries.as_slice() {
                    [end, ..] if end.is_end() && end.ends(entry) => {
                        let _end = entries.next();
                    }
                    _ => open.push(entry),
                }
            } else if entry.is_end() {
                nests &= open.pop().is_some_and(|begin| entry.ends(begin));
            } else {
                self.hear(entry);
            }
        }
        nests
    }

    /// Counts a part of a call's description.
    #[inline]
    fn hear(&mut self, entry: Entry) {
        match entry.tag() {
            Some(Tag::Argument) => match entry.key().value() {
                Some(Value::Stack) => self.told.stacks += 1,
                Some(Value::Number | Value::Text) => self.told.descriptions += 1,
                Some(Value::Shape) => {
                    self.told.descriptions += 1;
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
        Survey::of(&script.finish().log.threads)
    }

    /// A1: whether a thread is read for what crosses.
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
        assert_eq!(survey.told, Told { descriptions: 3, stacks: 1 });
        assert_eq!(survey.listed_dims, BTreeSet::from([2]));
    }
}
