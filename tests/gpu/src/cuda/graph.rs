//! Graphs of spinning kernels.

use std::ptr;

use super::functions::{Handle, UpdateResult};
use super::{Gpu, Stream, check};

/// A graph and its executable form, which [`Gpu::destroy`] frees.
#[derive(Debug)]
pub(crate) struct Graph {
    graph: Handle,
    executable: Handle,
}

impl Gpu {
    /// Captures `kernels` spins of `us` microseconds.
    pub(crate) fn graph(&self, stream: Stream, kernels: usize, us: u64) -> Graph {
        let mut graph = ptr::null_mut();
        // SAFETY: the pointer is to a local variable; the stream is being captured in between.
        unsafe {
            check((self.functions.capture)(stream.0, 1));
            (0..kernels).for_each(|_| self.spin(stream, us));
            check((self.functions.end_capture)(stream.0, &mut graph));
        }
        self.instantiate(graph)
    }

    fn instantiate(&self, graph: Handle) -> Graph {
        let mut executable = ptr::null_mut();
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.instantiate)(&mut executable, graph, 0) });
        Graph { graph, executable }
    }

    /// Clones a graph, and instantiates the clone.
    pub(crate) fn clone_of(&self, graph: &Graph) -> Graph {
        let mut clone = ptr::null_mut();
        // SAFETY: the pointer is to a local variable.
        check(unsafe { (self.functions.clone_graph)(&mut clone, graph.graph) });
        self.instantiate(clone)
    }

    /// Updates an executable graph with the parameters of another one of the same form.
    pub(crate) fn update(&self, graph: &Graph, from: &Graph) {
        let mut result = UpdateResult { result: 0, node: ptr::null_mut(), from: ptr::null_mut() };
        // SAFETY: the pointer is to a local variable, both graphs live.
        check(unsafe { (self.functions.update)(graph.executable, from.graph, &mut result) });
    }

    /// Launches a graph.
    pub(crate) fn run(&self, graph: &Graph, stream: Stream) {
        // SAFETY: both are valid.
        check(unsafe { (self.functions.launch_graph)(graph.executable, stream.0) });
    }

    /// Frees a graph.
    pub(crate) fn destroy(&self, graph: Graph) {
        // SAFETY: it is not used afterwards.
        unsafe {
            check((self.functions.destroy_executable)(graph.executable));
            check((self.functions.destroy_graph)(graph.graph));
        }
    }
}
