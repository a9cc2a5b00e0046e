//! Descriptions of calls.

use std::fmt::{Debug, Display};

use profiler_runtime::__private::Integer;

use super::{DETAILS, Site, write};

/// Receiver of one call's description.
#[derive(Debug)]
pub struct Call(&'static Site);

/// Runs the description of the next call.
pub fn describe(site: &'static Site, description: impl FnOnce(&mut Call)) {
    description(&mut Call(site));
}

impl Call {
    /// Returns whether shapes are computed.
    pub fn wants_shapes(&self) -> bool {
        DETAILS.get()
    }

    /// Returns whether FLOPs are computed.
    pub fn wants_flops(&self) -> bool {
        DETAILS.get()
    }

    /// Returns whether user-defined arguments are computed.
    pub fn is_recorded(&self) -> bool {
        DETAILS.get()
    }

    /// Writes the user-defined arguments.
    pub fn arguments<const COUNT: usize>(&mut self, values: [Integer; COUNT]) {
        for (name, value) in self.0.arguments.iter().zip(values) {
            write(format!("{name} {} of {}", value.bits as i64, self.0.name));
        }
    }

    /// Writes one input, in its debug form.
    pub fn shape(&mut self, input: &(impl Debug + ?Sized)) {
        write(format!("shape {input:?} of {}", self.0.name));
    }

    /// Writes the number of floating point operations.
    pub fn flops(&mut self, flops: impl NotebookNumber) {
        write(format!("flops {flops} of {}", self.0.name));
    }

    /// Writes the index of a step.
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
