//! Tracks: their names, and their places in a viewer.
//!
//! The process has its threads, and beside them named tracks for what no thread shows: async lanes,
//! bare steps, counters. Every device is a group of its own with a track for each row. Track ids
//! hold the rank, so that the traces of a job can be put into one file.

use std::collections::{HashMap, HashSet};

use crate::export::events::{Row, processes};
use crate::model::Trace;
use profiler_core::memory::Device;

use super::schema::{counter, process, thread, track};
use super::wire::{push_message, push_number, push_signed, push_text};
use super::writer::Writer;

/// First of our own thread ids, above every one of Linux (at most 2^22): two threads may have had
/// the same id, one after the other.
const FIRST_MADE_UP: u64 = 5_000_000;
/// Places among the process's tracks.
const STEPS: i64 = 1;
const LANES: i64 = 10;

/// The content of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Track {
    /// A row of slices.
    Row(Row),
    /// The session itself.
    Session,
    /// A device, or what CUDA and the profiler spent on themselves.
    Device(Option<u32>),
    /// A counter of the process.
    Counter(Counter),
}

/// The quantity that a counter shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counter {
    /// Memory that the program reported.
    Reported(Device),
    /// Memory of a device that CUDA gave.
    CudaMemory(u32),
    /// How full a device is of running kernels.
    Occupancy(u32),
}

/// The tracks in use.
pub(super) struct Tracks<'a> {
    trace: &'a Trace,
    known: HashMap<Track, u64>,
    thread_ids: HashSet<u64>,
    next: u64,
    process: u64,
    /// The track of the first lane of async ranges, and how many lanes are known.
    lanes: (u64, u32),
}

impl<'a> Tracks<'a> {
    /// Creates the process's track, and no others yet.
    pub(super) fn new(writer: &mut Writer<'_>, trace: &'a Trace) -> Self {
        let first = (u64::from(trace.context.rank) + 1) << 32 | 1;
        let tracks = Self {
            trace,
            known: HashMap::new(),
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

    /// Returns the track's id, and describes the track if it is new.
    pub(super) fn of(&mut self, writer: &mut Writer<'_>, what: Track) -> u64 {
        if let Some(&id) = self.known.get(&what) {
            return id;
        }
        let id = self.next;
        self.next += 1;
        self.known.insert(what, id);
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
                let parent = self.of(writer, Track::Row(Row::Thread(index, 0)));
                describe(writer, (id, parent), &name, lane.into());
            }
            Row::Steps => describe(writer, (id, self.process), &name, STEPS),
            Row::OfDevice(device, row) => {
                let parent = self.of(writer, Track::Device(device));
                // The field has 32 bits.
                let rank = i32::try_from(row.sort_index()).unwrap_or(i32::MAX);
                describe(writer, (id, parent), name.trim_end(), rank.into());
            }
        }
    }

    /// Returns the track of a lane of async ranges, from 1. There may be as many lanes as ranges:
    /// they come in order, and no other track is made between them.
    pub(super) fn of_lane(&mut self, writer: &mut Writer<'_>, lane: u32) -> u64 {
        let (first, known) = &mut self.lanes;
        if *known == 0 {
            *first = self.next;
        }
        let id = *first + u64::from(lane - 1);
        if lane > *known {
            *known = lane;
            self.next = id + 1;
            describe(writer, (id, self.process), &format!("async lane {lane}"), LANES + i64::from(lane));
        }
        id
    }

    fn describe_thread(&mut self, writer: &mut Writer<'_>, id: u64, os_id: u64, name: &str) {
        let mut tid = os_id;
        if tid == 0 || !self.thread_ids.insert(tid) {
            tid = FIRST_MADE_UP + id % (1 << 32);
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
            Counter::Reported(device) => {
                let of = device.index().map_or("CPU".to_owned(), |index| format!("CUDA {index}"));
                (None, format!("memory allocated ({of})"))
            }
            Counter::CudaMemory(device) => (Some(device), "memory taken from CUDA".to_owned()),
            Counter::Occupancy(device) => (Some(device), "est. achieved occupancy".to_owned()),
        };
        let parent = device.map_or(self.process, |device| self.of(writer, Track::Device(Some(device))));
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

/// Describes a track that has nothing but a name and a place among its siblings.
fn describe(writer: &mut Writer<'_>, (id, parent): (u64, u64), name: &str, rank: i64) {
    writer.describe(|out| {
        push_number(out, track::ID, id);
        push_number(out, track::PARENT, parent);
        push_text(out, track::NAME, name);
        push_signed(out, track::RANK, rank);
    });
}
