//! A reader of Perfetto traces for tests. It follows the format packet by packet, independently of
//! the writer.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// A field: a number, or length-delimited bytes.
#[derive(Clone, Debug)]
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// Returns the fields of a message, in order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let field = match tag & 7 {
            0 => Field::Number(varint(&mut bytes)),
            1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
            2 => {
                let length = varint(&mut bytes) as usize;
                Field::Bytes(take(&mut bytes, length).to_vec())
            }
            other => panic!("wire type {other}"),
        };
        found.push((tag >> 3, field));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn text(field: &Field) -> String {
    String::from_utf8(bytes(field).to_vec()).unwrap()
}

fn bytes(field: &Field) -> &[u8] {
    let Field::Bytes(bytes) = field else { panic!("{field:?} is no message") };
    bytes
}

fn number(field: &Field) -> u64 {
    let Field::Number(number) = field else { panic!("{field:?} is no number") };
    *number
}

/// Returns a field of a message that may occur only once.
fn one(message: &[(u64, Field)], wanted: u64) -> Option<&Field> {
    let mut found = message.iter().filter(|(field, _)| *field == wanted);
    let first = found.next().map(|(_, field)| field);
    assert!(found.next().is_none(), "field {wanted} is there twice");
    first
}

/// Contents of a trace.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// `{name, cat, row, begin, end, depth, args}`, in order of begin; instants end when they
    /// begin.
    pub(super) slices: Vec<Value>,
    /// Track name, time and value.
    pub(super) samples: Vec<(String, u64, u64)>,
    /// Arrow id, and the name of the slice at its start.
    pub(super) flows: Vec<(u64, String)>,
    /// Arrow id, and the name of the slice at its end.
    pub(super) flow_ends: Vec<(u64, String)>,
    /// Names of all tracks, by id.
    pub(super) rows: HashMap<u64, String>,
}

/// State of a sequence.
#[derive(Default)]
struct Sequence {
    track: u64,
    now: u64,
    /// Interned words, by field of `InternedData` and id.
    words: HashMap<(u64, u64), String>,
}

struct Event {
    at: u64,
    kind: u64,
    track: u64,
    name: String,
    category: String,
    args: Map<String, Value>,
    flows: Vec<(bool, u64)>,
    samples: Vec<(u64, u64)>,
}

/// Reads a whole trace.
pub(super) fn read(trace: &[u8]) -> Seen {
    let (mut seen, mut sequences, mut events) = (Seen::default(), HashMap::<u64, Sequence>::new(), Vec::new());
    for (field, packet) in fields(trace) {
        assert_eq!(field, 1, "a trace is packets");
        let packet = fields(bytes(&packet));
        let id = number(one(&packet, 10).expect("a sequence"));
        if let Some(track) = one(&packet, 60) {
            let (id, name) = track_of(&fields(bytes(track)));
            assert!(seen.rows.insert(id, name).is_none(), "track {id} is described twice");
            continue;
        }
        if number(one(&packet, 13).expect("flags")) & 1 == 1 {
            assert!(sequences.insert(id, opened(&packet)).is_none(), "sequence {id} begins twice");
            continue;
        }
        let sequence = sequences.get_mut(&id).expect("an open sequence");
        for (field, entry) in one(&packet, 12).map(|data| fields(bytes(data))).unwrap_or_default() {
            let entry = fields(bytes(&entry));
            let id = number(one(&entry, 1).unwrap());
            let previous = sequence.words.insert((field, id), text(one(&entry, 2).unwrap()));
            assert!(previous.is_none(), "a word is interned once");
        }
        sequence.now += number(one(&packet, 8).expect("a time"));
        events.push(sequence.event(&fields(bytes(one(&packet, 11).expect("an event")))));
    }
    // Stable, as in Perfetto.
    events.sort_by_key(|event| event.at);
    seen.replay(events);
    seen
}

fn track_of(track: &[(u64, Field)]) -> (u64, String) {
    let thread = one(track, 4).map(|thread| fields(bytes(thread)));
    let process = one(track, 3).map(|process| fields(bytes(process)));
    let name = match (&thread, &process) {
        (Some(thread), _) => text(one(thread, 5).unwrap()),
        (_, Some(process)) => text(one(process, 6).unwrap()),
        _ => text(one(track, 2).unwrap()),
    };
    (number(one(track, 1).unwrap()), name)
}

fn opened(packet: &[(u64, Field)]) -> Sequence {
    let defaults = fields(bytes(one(packet, 59).unwrap()));
    assert_eq!(number(one(&defaults, 58).unwrap()), 64, "the sequence's own clock");
    let track = number(one(&fields(bytes(one(&defaults, 11).unwrap())), 11).unwrap());
    let clocks = fields(bytes(one(packet, 6).unwrap()));
    let times: Vec<_> = clocks.iter().filter(|(field, _)| *field == 1).map(|(_, clock)| fields(bytes(clock))).collect();
    let [real, own] = times.as_slice() else { panic!("{} clocks", times.len()) };
    let at = number(one(real, 2).unwrap());
    assert_eq!((at, number(one(own, 3).unwrap())), (number(one(own, 2).unwrap()), 1));
    Sequence { track, now: at, words: HashMap::new() }
}

impl Sequence {
    fn event(&self, event: &[(u64, Field)]) -> Event {
        let word = |kind, id: &Field| self.words[&(kind, number(id))].clone();
        let all = |wanted: u64| event.iter().filter(move |(field, _)| *field == wanted).map(|(_, field)| field);
        let track = one(event, 11).map_or(self.track, number);
        let mut samples: Vec<(u64, u64)> = all(31).map(number).zip(all(12).map(number)).collect();
        samples.extend(one(event, 30).map(|value| (track, number(value))));
        Event {
            at: self.now,
            kind: number(one(event, 9).unwrap()),
            track,
            name: one(event, 10).map(|id| word(2, id)).or(one(event, 23).map(text)).unwrap_or_default(),
            category: one(event, 3).map(|id| word(1, id)).unwrap_or_default(),
            args: all(4).map(|field| self.argument(&fields(bytes(field)))).collect(),
            flows: all(47).map(|id| (false, number(id))).chain(all(48).map(|id| (true, number(id)))).collect(),
            samples,
        }
    }

    fn argument(&self, argument: &[(u64, Field)]) -> (String, Value) {
        let name = one(argument, 1).map(|id| self.words[&(3, number(id))].clone()).or(one(argument, 10).map(text));
        (name.unwrap_or_default(), self.value(argument))
    }

    fn value(&self, argument: &[(u64, Field)]) -> Value {
        let all = |wanted: u64| argument.iter().filter(move |(field, _)| *field == wanted).map(|(_, field)| field);
        if let Some((field, value)) = argument.iter().find(|(field, _)| matches!(field, 2..=6 | 17)) {
            return match field {
                2 => json!(number(value) == 1),
                3 => json!(number(value)),
                4 => json!(number(value).cast_signed()),
                5 => json!(f64::from_bits(number(value))),
                6 => json!(text(value)),
                _ => json!(self.words[&(29, number(value))]),
            };
        }
        if all(11).next().is_some() {
            return all(11).map(|member| self.argument(&fields(bytes(member)))).collect();
        }
        all(12).map(|item| self.value(&fields(bytes(item)))).collect()
    }
}

impl Seen {
    fn replay(&mut self, events: Vec<Event>) {
        let mut open: HashMap<u64, Vec<usize>> = HashMap::new();
        for event in events {
            let row = self.rows.get(&event.track).expect("a described track").clone();
            for (track, value) in &event.samples {
                self.samples.push((self.rows[track].clone(), event.at, *value));
            }
            let stack = open.entry(event.track).or_default();
            match event.kind {
                1 | 3 => {
                    for (ends, id) in event.flows {
                        let list = if ends { &mut self.flow_ends } else { &mut self.flows };
                        list.push((id, event.name.clone()));
                    }
                    let (name, cat, at, args) = (event.name, event.category, event.at, event.args);
                    let slice = json!({"name": name, "cat": cat, "row": row, "begin": at, "end": at,
                        "depth": stack.len(), "args": args});
                    if event.kind == 1 {
                        stack.push(self.slices.len());
                    }
                    self.slices.push(slice);
                }
                2 => {
                    let slice = &mut self.slices[stack.pop().expect("an open slice")];
                    slice["end"] = event.at.into();
                    slice["args"].as_object_mut().unwrap().extend(event.args);
                }
                4 => {}
                other => panic!("event type {other}"),
            }
        }
        assert!(open.values().all(Vec::is_empty), "every slice ends");
    }
}
