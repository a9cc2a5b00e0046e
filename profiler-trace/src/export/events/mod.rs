//! Every event of a trace, said once: its category, its name and its arguments, its row and its
//! times.
//!
//! ```text
//! model ─► events: Range, Life, BareStep, Op, Call, … ─► chrome    one text, the begin of a site's made once
//!                                                      └► perfetto  packets, words interned
//! ```
//!
//! A description is an [`Event`], which tells its [`Args`] to whichever format writes it; a format
//! knows values, and no event. So a new argument, or a new kind of event, is said here, and both
//! formats have it under the same name. Both are compiled for each event, so that a description
//! costs what writing by hand would.

pub(super) mod calls;
pub(super) mod gpu;
mod keys;
pub(super) mod memory;
pub(super) mod occupancy;
pub(super) mod processes;
pub(super) mod ranges;
mod rows;

use std::borrow::Cow;

use crate::model::Tensor;
use crate::records::frames::Symbols;
use profiler_core::__private::Integer;
use profiler_core::site::Site;

pub(super) use keys::{Category, Key};
pub(super) use rows::{GpuRow, Row};

/// An event that both formats show.
pub(super) trait Event {
    /// Returns Kineto's category of the event, and its name.
    fn title(&self) -> (Category, Name<'_>);

    /// Adds its arguments, in the order in which they are shown. There is at least one.
    fn args(&self, args: &mut impl Args);
}

/// An event that knows where it stands. A range of a thread does not: its row is known before it is
/// read.
pub(super) trait OnRow: Event {
    /// Returns its row, and its begin and its end in nanoseconds since the Unix epoch.
    fn place(&self) -> (Row, (u64, u64));
}

/// The name of an event, by which a format recognises one that it has written before.
pub(super) enum Name<'a> {
    /// The name of a site.
    Site(&'static Site),
    /// The name of one of the GPU's records, with its number there.
    Gpu(u32, &'a str),
    /// Another name that several events have.
    Shared(Cow<'a, str>),
    /// An iteration of the loop that drives the schedule.
    Step(u64),
}

impl Name<'_> {
    /// Returns the text.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Site(site) => site.name().into(),
            Self::Gpu(_, name) => (*name).into(),
            Self::Shared(name) => (**name).into(),
            Self::Step(number) => format!("ProfilerStep#{number}").into(),
        }
    }
}

/// The value of an argument.
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

/// Takes the arguments of an event.
pub(super) trait Args {
    /// Adds an argument.
    fn value<'v>(&mut self, key: Key, value: impl Into<Value<'v>>);

    /// Adds an argument that a call has named. A name may come from a damaged spool.
    fn own(&mut self, name: &'static str, value: Value<'_>);

    /// Adds an argument that is a list.
    fn list<'v>(&mut self, key: Key, items: impl Iterator<Item = Value<'v>>);

    /// Adds the call stack, if anything of it is shown.
    fn stack(&mut self, stack: &[u64], symbols: &Symbols);

    /// Adds the inputs of a call of `site`. Most calls of a site have those of the call before.
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

    /// Adds an argument, if there is a value.
    #[inline]
    fn some<'v>(&mut self, key: Key, value: Option<impl Into<Value<'v>>>) {
        if let Some(value) = value {
            self.value(key, value);
        }
    }

    /// Adds that something is so, if it is.
    #[inline]
    fn flag(&mut self, key: Key, is_so: bool) {
        self.some(key, is_so.then_some(Value::True));
    }
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
