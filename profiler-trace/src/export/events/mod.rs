//! Descriptions of a trace's events, shared by both formats: category, name, arguments, row and
//! times.
//!
//! ```text
//! model ─► events: Range, Life, BareStep, Op, Call, … ─► chrome    text, with a cached prefix per site
//!                                                      └► perfetto  packets, with interned words
//! ```
//!
//! An [`Event`] describes itself to the [`Args`] of a format; a format handles values and does not
//! depend on particular events. So a new argument or kind of event is added here, and both formats
//! write it under the same name. The code is monomorphised for each pair of event and format, so a
//! description costs no more than writing by hand.

pub(super) mod calls;
pub(super) mod gpu;
mod keys;
pub(super) mod memory;
pub(super) mod occupancy;
pub(super) mod processes;
pub(super) mod ranges;
mod rows;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::Tensor;
use crate::records::frames::Symbols;
use profiler_core::__private::Integer;
use profiler_core::site::Site;

pub(super) use keys::{Category, Key};
pub(super) use rows::{GpuRow, Row};

/// An event of a trace.
pub(super) trait Event {
    /// Returns Kineto's category of the event, and its name.
    fn title(&self) -> (Category, Name<'_>);

    /// Adds the event's arguments, at least one, in the order in which they are shown.
    fn args(&self, args: &mut impl Args);
}

/// An event with its own row. Ranges of a thread do not implement this: their row is known
/// before they are read.
pub(super) trait OnRow: Event {
    /// Returns the row, and the start and end in nanoseconds since the Unix epoch.
    fn row_and_times(&self) -> (Row, (u64, u64));
}

/// Name of an event, in a form by which a format can recognise a name that it wrote before.
pub(super) enum Name<'a> {
    /// Name of a site.
    Site(&'static Site),
    /// Name in the GPU's records, with its index there.
    Gpu(u32, &'a str),
    /// Another name that several events share.
    Shared(Cow<'a, str>),
    /// An iteration of the loop that drives the schedule.
    Step(u64),
}

impl Name<'_> {
    /// Returns the name as text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Site(site) => site.name().into(),
            Self::Gpu(_, name) => (*name).into(),
            Self::Shared(name) => (**name).into(),
            Self::Step(number) => format!("ProfilerStep#{number}").into(),
        }
    }
}

/// Value of an argument.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// Nanoseconds, shown as microseconds.
    Micros(u64),
    Text(&'a str),
    True,
    Dims(&'a Tensor),
    Strides(&'a Tensor),
}

/// Receiver of an event's arguments.
pub(super) trait Args {
    /// Adds an argument.
    fn value<'v>(&mut self, key: Key, value: impl Into<Value<'v>>);

    /// Adds an argument that the program named. The name may come from a damaged spool.
    fn custom(&mut self, name: &'static str, value: Value<'_>);

    /// Adds an argument that is a list.
    fn list<'v>(&mut self, key: Key, items: impl Iterator<Item = Value<'v>>);

    /// Adds the call stack, unless all its functions are hidden.
    fn stack(&mut self, stack: &[u64], symbols: &Symbols);

    /// Adds the inputs of a call of `site`. Successive calls of a site usually have the same
    /// inputs.
    fn inputs(&mut self, _site: &'static Site, inputs: &[Tensor]) {
        self.tensors(inputs);
    }

    /// Adds tensors as Kineto does: lists with one entry per tensor.
    fn tensors(&mut self, tensors: &[Tensor]) {
        self.list(Key::ConcreteInputs, tensors.iter().map(|_| Value::Text("")));
        self.list(Key::InputType, tensors.iter().map(|tensor| Value::Text(tensor.dtype.torch_name())));
        self.list(Key::InputStrides, tensors.iter().map(Value::Strides));
        self.list(Key::InputDims, tensors.iter().map(Value::Dims));
    }

    /// Adds an argument unless its value is `None`.
    #[inline]
    fn some<'v>(&mut self, key: Key, value: Option<impl Into<Value<'v>>>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    /// Adds an argument with the value true, if it is true.
    #[inline]
    fn flag(&mut self, key: Key, is_true: bool) {
        self.some(key, is_true.then_some(Value::True));
    }
}

/// Returns a call stack in Kineto's form: leaf first, with `;` after every frame; empty if all its
/// functions are hidden.
pub(super) fn stack_text(stack: &[u64], symbols: &Symbols) -> String {
    let mut text = String::new();
    for frame in symbols.frames(stack) {
        // Readers split at `;`, which Rust uses in array types. Writing to a `String` cannot fail.
        let _ = write!(text, "{};", frame.to_string().replace(';', ","));
    }
    text
}

macro_rules! values {
    ($($type:ty => $variant:ident),+) => {
        $(impl<'a> From<$type> for Value<'a> {
            #[inline]
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

impl From<Integer> for Value<'_> {
    #[inline]
    fn from(Integer { bits, is_negative }: Integer) -> Self {
        if is_negative { Self::Signed(bits.cast_signed()) } else { Self::Unsigned(bits) }
    }
}

values!(u32 => Unsigned, u64 => Unsigned, i32 => Signed, i64 => Signed, f64 => Float, &'a str => Text);
