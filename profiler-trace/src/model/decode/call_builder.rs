//! Builder of a call's description from the entries before its begin.

use crate::model::slice::{CallArgs, Poll, Tensor};
use profiler_core::shape::Dtype;
use profiler_core::stream::entry::Entry;
use profiler_core::stream::key::Value;

/// Description of a range that starts.
#[derive(Default)]
pub(super) struct Description {
    pub(super) task: Option<Poll>,
    pub(super) call: Option<Box<CallArgs>>,
    /// Reading of the thread's CPU clock.
    pub(super) cpu_ns: Option<u64>,
}

/// A description under construction.
#[derive(Default)]
pub(super) struct CallBuilder {
    site: u32,
    call: Option<Box<CallArgs>>,
    /// Site and task of the next poll or task end.
    pub(super) task: Option<(u32, Poll)>,
    /// Site of the next begin or end, and the thread's CPU clock at it.
    pub(super) cpu_clock: Option<(u32, u64)>,
    /// Kind of the argument that is being read, and the number of its missing words.
    value: Option<Value>,
    words_left: usize,
    /// Text that is being read, and its length.
    text: Vec<u8>,
    length: usize,
    #[expect(clippy::vec_box, reason = "the boxes move into slices")]
    spare: Vec<Box<CallArgs>>,
}

impl CallBuilder {
    /// Returns whether the next range has no description.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.call.is_none() && self.task.is_none() && self.cpu_clock.is_none()
    }

    /// Takes the thread's CPU clock for a begin or end of the site with this number.
    #[inline]
    pub(super) fn take_cpu_clock(&mut self, number: u32) -> Option<u64> {
        self.cpu_clock.take().filter(|(site, _)| *site == number).map(|(_, ns)| ns)
    }

    /// Takes the description for a begin of the site with this number.
    pub(super) fn take(&mut self, number: u32) -> Description {
        // A signal handler may have started a range between the description and its begin.
        let task = self.task.take_if(|(site, _)| *site == number).map(|(_, poll)| poll);
        let call = if self.site == number { self.call.take() } else { None };
        Description { task, call, cpu_ns: self.take_cpu_clock(number) }
    }

    /// Keeps the memory of a description for a later one.
    pub(super) fn reuse(&mut self, mut call: Box<CallArgs>) {
        call.clear();
        self.spare.push(call);
    }

    /// Reads the first entry of an argument. Returns false if its key is unknown.
    #[cold]
    pub(super) fn begin_argument(&mut self, entry: Entry) -> bool {
        if self.site != entry.site() {
            self.site = entry.site();
            if let Some(call) = self.call.take() {
                self.reuse(call);
            }
        }
        let (key, spare) = (entry.key(), &mut self.spare);
        (self.value, self.words_left) = (key.value(), usize::from(entry.detail()));
        let Some(value) = self.value else { return false };
        let call = self.call.get_or_insert_with(|| spare.pop().unwrap_or_default());
        match value {
            Value::Number => call.set_number(entry),
            // CAST: the type is in one byte.
            Value::Shape => call.inputs.push(Tensor::new(Dtype::from_u8(entry.value() as u8))),
            Value::Strides => push_stride(&mut call.inputs, entry.value()),
            Value::Text => {
                self.text.clear();
                // CAST: the length of a `str`.
                self.length = entry.value() as usize;
            }
            Value::Stack => {
                call.stack.clear();
                call.stack.push(entry.value());
            }
        }
        true
    }

    /// Reads the next two words of the argument, or the last one.
    #[cold]
    pub(super) fn continue_argument(&mut self, entry: Entry) {
        let Some(call) = &mut self.call else { return };
        let words = &[entry.value(), entry.second()][..self.words_left.min(2)];
        self.words_left -= words.len();
        match self.value {
            Some(Value::Shape) => {
                if let Some(tensor) = call.inputs.last_mut() {
                    words.iter().for_each(|dim| tensor.push(*dim));
                }
            }
            Some(Value::Strides) => {
                let second = words.get(1).map(|word| word << 8);
                let extended = second.map(|word| (word.cast_signed() >> 8).cast_unsigned());
                words.iter().take(1).copied().chain(extended).for_each(|word| push_stride(&mut call.inputs, word));
            }
            Some(Value::Text) => {
                let [first, second] = [entry.value(), entry.second()].map(u64::to_le_bytes);
                self.text.extend_from_slice(&first);
                self.text.extend_from_slice(&second[..7]);
                if self.words_left == 0 {
                    self.text.truncate(self.length);
                    call.text = String::from_utf8_lossy(&self.text).into_owned();
                }
            }
            Some(Value::Stack) => call.stack.extend_from_slice(words),
            Some(Value::Number) | None => {}
        }
    }
}

fn push_stride(inputs: &mut [Tensor], stride: u64) {
    if let Some(tensor) = inputs.last_mut() {
        tensor.push_stride(stride.cast_signed());
    }
}
