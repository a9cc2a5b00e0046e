//! Tracks: assigns their ids, and writes their names and order in viewers.
//!
//! The process has its threads and also named tracks for async lanes, bare steps and counters. Each
//! device is a group with one track per row. Track ids contain the rank, so that the traces of a
//! job can be concatenated.

use std::collections::{HashMap, HashSet};

use crate::export::events::{Row, processes};
use crate::model::Trace;
use profiler_core::memory::Device;

use super::schema::{counter, process, thread, track};
use super::wire::{push_message, push_number, push_signed, push_text};
use super::writer::Writer;

/// First synthetic thread id, above all ids of Linux (at most 2^22); used if two threads had the
/// same id one after the other.
const FIRST_SYNTHETIC: u64 = 5_000_000;
/// Sort order among the process's tracks.
const STEPS: i64 = 1;
const LANES: i64 = 10;

/// Content of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Track {
    /// A row of slices.
    Row(Row),
    /// The session.
    Session,
    /// A device, or the overhead of CUDA and the profiler if there is no device.
    Device(Option<u32>),
    /// A counter of the process.
    Counter(Counter),
}

/// Quantity that a counter shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counter {
    /// Memory that the program reported for a device.
    ProgramMemory(Device),
    /// Memory that CUDA allocated on a device.
    CudaMemory(u32),
    /// Occupancy of a device by running kernels.
    Occupancy(u32),
}

/// Tracks that have been described.
pub(super) struct Tracks<'a> {
    trace: &'a Trace,
    ids: HashMap<Track, u64>,
    thread_ids: HashSet<u64>,
    next: u64,
    process: u64,
    /// Track of the first lane of async ranges, and the number of described lanes.
    lanes: (u64, u32),
}

impl<'a> Tracks<'a> {
    /// Describes the process's track; others are described on first use.
    pub(super) fn new(writer: &mut Writer<'_>, trace: &'a Trace) -> Self {
        let first = (u64::from(trace.context.rank) + 1) << 32 | 1;
        let tracks = Self {
            trace,
            ids: HashMap::new(),
            thread_ids: HashSet::new(),
            next: first + 1,
            process: first,
            lanes: (0, 0),
        };
        writer.describe(|out| {
            push_number(out, track::ID, first);
            push_message(out, track::PROCESS, |out| {
                push_number(out, process::PID, u64::from(trace.context.pid));
                push_text(out, process::NAME, &processes::host_name(trace));
            });
            push_number(out, track::CHILD_ORDER, track::BY_RANK);
        });
        tracks
    }

    /// Returns the id of a track, describing the track on first use.
    pub(super) fn id(&mut self, writer: &mut Writer<'_>, what: Track) -> u64 {
        if let Some(&id) = self.ids.get(&what) {
            return id;
        }
        let id = self.next;
        self.next += 1;
        self.ids.insert(what, id);
        match what {
            Track::Row(row) => self.describe_row(writer, id, row),
            Track::Session => describe(writer, (id, self.process), "session", 0),
            Track::Device(device) => writer.describe(|out| {
                push_number(out, track::ID, id);
                push_text(out, track::NAME, &processes::device_name(self.trace, device));
                push_number(out, track::CHILD_ORDER, track::BY_RANK);
            }),
            Track::Counter(counter) => self.describe_counter(writer, id, counter),
        }
        id
    }

    fn describe_row(&mut self, writer: &mut Writer<'_>, id: u64, row: Row) {
        let name = row.name(self.trace);
        match row {
            Row::Thread(index, 0) => self.describe_thread(writer, id, self.trace.threads[index].identity.os_id, &name),
            Row::Caller(os_id) => self.describe_thread(writer, id, os_id.into(), &name),
            Row::Thread(index, lane) => {
                let parent = self.id(writer, Track::Row(Row::Thread(index, 0)));
                describe(writer, (id, parent), &name, lane.into());
            }
            Row::Steps => describe(writer, (id, self.process), &name, STEPS),
            Row::OfDevice(device, row) => {
                let parent = self.id(writer, Track::Device(device));
                // The field has 32 bits.
                let rank = i32::try_from(row.sort_index()).unwrap_or(i32::MAX);
                describe(writer, (id, parent), name.trim_end(), rank.into());
            }
        }
    }

    /// Returns the track of a lane of async ranges, starting at 1. There may be as many lanes as
    /// ranges, so their ids are consecutive: lanes come in order, and no other track is described
    /// in between.
    pub(super) fn lane(&mut self, writer: &mut Writer<'_>, lane: u32) -> u64 {
        let (first, count) = &mut self.lanes;
        if *count == 0 {
            *first = self.next;
        }
        let id = *first + u64::from(lane - 1);
        if lane > *count {
            *count = lane;
            self.next = id + 1;
            describe(writer, (id, self.process), &format!("async lane {lane}"), LANES + i64::from(lane));
        }
        id
    }

    fn describe_thread(&mut self, writer: &mut Writer<'_>, id: u64, os_id: u64, name: &str) {
        let mut tid = os_id;
        if tid == 0 || !self.thread_ids.insert(tid) {
            tid = FIRST_SYNTHETIC + id % (1 << 32);
        }
        let (process, pid) = (self.process, u64::from(self.trace.context.pid));
        writer.describe(|out| {
            push_number(out, track::ID, id);
            push_number(out, track::PARENT, process);
            push_message(out, track::THREAD, |out| {
                push_number(out, thread::PID, pid);
                push_number(out, thread::TID, tid);
                push_text(out, thread::NAME, name);
            });
        });
    }

    fn describe_counter(&mut self, writer: &mut Writer<'_>, id: u64, what: Counter) {
        let (device, name) = match what {
            Counter::ProgramMemory(device) => {
                let memory = device.index().map_or("CPU".to_owned(), |index| format!("CUDA {index}"));
                (None, format!("memory allocated ({memory})"))
            }
            Counter::CudaMemory(device) => (Some(device), "memory taken from CUDA".to_owned()),
            Counter::Occupancy(device) => (Some(device), "est. achieved occupancy".to_owned()),
        };
        let parent = device.map_or(self.process, |device| self.id(writer, Track::Device(Some(device))));
        writer.describe(|out| {
            push_number(out, track::ID, id);
            push_number(out, track::PARENT, parent);
            push_text(out, track::NAME, &name);
            push_message(out, track::COUNTER, |out| match what {
                Counter::Occupancy(_) => push_text(out, counter::UNIT_NAME, "%"),
                _ => push_number(out, counter::UNIT, counter::BYTES),
            });
        });
    }
}

/// Describes a track that only has a name and an order among its siblings.
fn describe(writer: &mut Writer<'_>, (id, parent): (u64, u64), name: &str, rank: i64) {
    writer.describe(|out| {
        push_number(out, track::ID, id);
        push_number(out, track::PARENT, parent);
        push_text(out, track::NAME, name);
        push_signed(out, track::RANK, rank);
    });
}
