//! What has been said about the call that begins next: the entries before its begin, gathered.

use crate::model::slice::{CallArgs, Poll, Tensor};
use profiler_core::Dtype;
use profiler_core::stream::entry::{Entry, Tag};

/// Description of a range that begins.
#[derive(Default)]
pub(super) struct Said {
    pub(super) task: Option<Poll>,
    pub(super) call: Option<Box<CallArgs>>,
    /// The thread's CPU clock.
    pub(super) cpu_ns: Option<u64>,
}

/// A request's id on its way: eight bytes an entry.
#[derive(Default)]
struct Text {
    left: usize,
    bytes: Vec<u8>,
}

/// A description under construction.
#[derive(Default)]
pub(super) struct Pending {
    site: u32,
    call: Option<Box<CallArgs>>,
    /// The task that the next poll or end of a site belongs to.
    pub(super) task: Option<(u32, Poll)>,
    /// The thread's CPU clock before the begin or end of a site.
    pub(super) cpu_clock: Option<(u32, u64)>,
    dims_left: u8,
    frames_left: usize,
    text: Text,
    #[expect(clippy::vec_box, reason = "the boxes move into slices")]
    spare: Vec<Box<CallArgs>>,
}

impl Pending {
    /// Returns whether nothing was said.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.call.is_none() && self.task.is_none() && self.cpu_clock.is_none()
    }

    /// Takes the thread's CPU clock at the begin or end of the site with this number.
    #[inline]
    pub(super) fn take_cpu_clock(&mut self, number: u32) -> Option<u64> {
        self.cpu_clock.take().filter(|(site, _)| *site == number).map(|(_, ns)| ns)
    }

    /// Takes what was said about the site with this number, which begins.
    pub(super) fn take(&mut self, number: u32) -> Said {
        // A signal handler may have begun a range between the two.
        let task = self.task.take_if(|(site, _)| *site == number).map(|(_, poll)| poll);
        let call = if self.site == number { self.call.take() } else { None };
        Said { task, call, cpu_ns: self.take_cpu_clock(number) }
    }

    /// Takes back the memory of a description that has been read.
    pub(super) fn reuse(&mut self, mut call: Box<CallArgs>) {
        call.clear();
        self.spare.push(call);
    }

    /// Takes up the next entry of a description.
    #[cold]
    pub(super) fn describe(&mut self, tag: Tag, entry: Entry) {
        if !matches!(tag, Tag::Dims | Tag::Frames) && self.site != entry.site() {
            self.site = entry.site();
            if let Some(call) = self.call.take() {
                self.reuse(call);
            }
        }
        let spare = &mut self.spare;
        let call = self.call.get_or_insert_with(|| spare.pop().unwrap_or_default());
        match tag {
            Tag::Flops => call.flops = Some(entry.value()),
            Tag::Index => call.index = Some(entry.value()),
            Tag::Shape => {
                // CAST: the writer packs two bytes.
                self.dims_left = entry.value() as u8;
                call.inputs.push(Tensor::new(Dtype::from_u8((entry.value() >> 8) as u8)));
            }
            Tag::Dims => push_dims(&mut self.dims_left, &[entry.value(), entry.second()], &mut call.inputs),
            Tag::Stride => {
                if let Some(tensor) = call.inputs.last_mut() {
                    // CAST: the writer's signed number.
                    tensor.push_stride(entry.value() as i64);
                }
            }
            Tag::TextLength => self.text.begin(entry.value()),
            Tag::Text => {
                if let Some(text) = self.text.push(entry.value()) {
                    call.text = text;
                }
            }
            Tag::Stack => {
                // CAST: 24 bits.
                self.frames_left = entry.argument() as usize;
                call.stack.clear();
                push_frames(&mut self.frames_left, &[entry.value()], &mut call.stack);
            }
            Tag::Frames => push_frames(&mut self.frames_left, &[entry.value(), entry.second()], &mut call.stack),
            Tag::Begin | Tag::End | Tag::Task | Tag::TaskEnd | Tag::StepMark | Tag::CpuTime => {}
            Tag::Memory | Tag::Block | Tag::Timed | Tag::OnStream | Tag::Measured | Tag::MeasuredAt => {}
        }
    }
}

impl Text {
    fn begin(&mut self, length: u64) {
        // CAST: the length of a `str`.
        self.left = length as usize;
        self.bytes.clear();
    }

    /// Takes up the next bytes. Returns the text if these are the last.
    fn push(&mut self, bytes: u64) -> Option<String> {
        let bytes = bytes.to_le_bytes();
        let count = self.left.min(bytes.len());
        self.left -= count;
        self.bytes.extend_from_slice(&bytes[..count]);
        (self.left == 0).then(|| String::from_utf8_lossy(&self.bytes).into_owned())
    }
}

/// Takes up as many of `dims` as the last input still lacks.
fn push_dims(left: &mut u8, dims: &[u64], inputs: &mut [Tensor]) {
    let Some(tensor) = inputs.last_mut() else { return };
    for dim in dims.iter().take(usize::from(*left)) {
        tensor.push(*dim);
        *left -= 1;
    }
}

/// Takes up as many of `addresses` as the stack still lacks.
fn push_frames(left: &mut usize, addresses: &[u64], stack: &mut Vec<u64>) {
    let count = addresses.len().min(*left);
    *left -= count;
    stack.extend_from_slice(&addresses[..count]);
}
