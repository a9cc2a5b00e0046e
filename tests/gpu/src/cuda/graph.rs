//! Graphs of kernels that spin.

use std::ptr;

use super::functions::{Handle, UpdateResult};
use super::{Gpu, Stream, check};

/// A graph and its executable form, until they are dropped with [`Gpu::destroy`].
#[derive(Debug)]
pub(crate) struct Graph {
    graph: Handle,
    executable: Handle,
}

impl Gpu {
    /// Captures so many spins of so many microseconds.
    pub(crate) fn graph(&self, stream: Stream, kernels: usize, us: u64) -> Graph {
        let mut graph = ptr::null_mut();
        // SAFETY: the place is a local; the stream is being captured in between.
        unsafe {
            check((self.functions.capture)(stream.0, 1));
            (0..kernels).for_each(|_| self.spin(stream, us));
            check((self.functions.end_capture)(stream.0, &mut graph));
        }
        self.instantiate(graph)
    }

    fn instantiate(&self, graph: Handle) -> Graph {
        let mut executable = ptr::null_mut();
        // SAFETY: the place is a local.
        check(unsafe { (self.functions.instantiate)(&mut executable, graph, 0) });
        Graph { graph, executable }
    }

    /// The clone of a graph, made executable for itself.
    pub(crate) fn clone_of(&self, graph: &Graph) -> Graph {
        let mut clone = ptr::null_mut();
        // SAFETY: the place is a local.
        check(unsafe { (self.functions.clone_graph)(&mut clone, graph.graph) });
        self.instantiate(clone)
    }

    /// Gives an executable graph the parameters of another of the same form.
    pub(crate) fn update(&self, graph: &Graph, from: &Graph) {
        let mut result = UpdateResult { result: 0, node: ptr::null_mut(), from: ptr::null_mut() };
        // SAFETY: the place is a local, both graphs live.
        check(unsafe { (self.functions.update)(graph.executable, from.graph, &mut result) });
    }

    /// Launches a graph.
    pub(crate) fn run(&self, graph: &Graph, stream: Stream) {
        // SAFETY: both live.
        check(unsafe { (self.functions.launch_graph)(graph.executable, stream.0) });
    }

    /// Gives a graph back.
    pub(crate) fn destroy(&self, graph: Graph) {
        // SAFETY: used no more.
        unsafe {
            check((self.functions.destroy_executable)(graph.executable));
            check((self.functions.destroy_graph)(graph.graph));
        }
    }
}
