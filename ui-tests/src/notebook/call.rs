//! What a call tells about itself.

use std::fmt::{Debug, Display};

use profiler_runtime::__private::Integer;

use super::{DETAILS, Site, write};

/// Takes one call's description.
#[derive(Debug)]
pub struct Call(&'static Site);

/// Lets generated code describe the call that begins next.
pub fn describe(site: &'static Site, tell: impl FnOnce(&mut Call)) {
    tell(&mut Call(site));
}

impl Call {
    /// Whether a shape may be computed.
    pub fn wants_shapes(&self) -> bool {
        DETAILS.get()
    }

    /// Whether FLOPs may be computed.
    pub fn wants_flops(&self) -> bool {
        DETAILS.get()
    }

    /// Whether arguments of its own may be computed.
    pub fn is_recorded(&self) -> bool {
        DETAILS.get()
    }

    /// Arguments of its own.
    pub fn arguments<const COUNT: usize>(&mut self, values: [Integer; COUNT]) {
        for (name, value) in self.0.arguments.iter().zip(values) {
            write(format!("{name} {} of {}", value.bits as i64, self.0.name));
        }
    }

    /// One input: its debug form stands for its shape.
    pub fn shape(&mut self, input: &(impl Debug + ?Sized)) {
        write(format!("shape {input:?} of {}", self.0.name));
    }

    /// Floating point operations.
    pub fn flops(&mut self, flops: impl NotebookNumber) {
        write(format!("flops {flops} of {}", self.0.name));
    }

    /// The index of a step.
    pub fn index(&mut self, index: impl NotebookNumber) {
        write(format!("index {index} of {}", self.0.name));
    }
}

/// A number of operations or an index.
pub trait NotebookNumber: Display {}

impl NotebookNumber for u64 {}
impl NotebookNumber for usize {}
impl NotebookNumber for i32 {}
impl NotebookNumber for f64 {}
impl NotebookNumber for profiler_runtime::__private::Count {}
