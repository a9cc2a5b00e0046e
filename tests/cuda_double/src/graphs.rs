//! Graphs of captured work, which can be instantiated, updated, cloned and launched.

use std::ffi::{c_int, c_uint, c_ulonglong, c_void};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::INVALID_VALUE;
use crate::streams::{Stream, queue};
use crate::work::Work;
use crate::works::driver_call;

const UPDATE_FAILED: c_int = 910;

/// A graph, or an executable one.
#[derive(Clone, Debug)]
struct Graph {
    number: u32,
    nodes: Vec<Work>,
}

type Handle = *mut c_void;

impl Graph {
    fn handle(nodes: Vec<Work>) -> Handle {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::SeqCst) + 1;
        Box::into_raw(Box::new(Self { number, nodes })).cast()
    }
}

/// # Safety
/// `graph` is a graph of this double.
unsafe fn nodes(graph: Handle) -> Vec<Work> {
    // SAFETY: the caller upholds the contract of the function.
    unsafe { (*graph.cast::<Graph>()).nodes.clone() }
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamEndCapture(stream: Stream, graph: *mut Handle) -> c_int {
    let Some((queue, _)) = queue(&stream) else { return INVALID_VALUE };
    // SAFETY: the caller passes a valid pointer for the graph.
    unsafe { *graph = Graph::handle(queue.end_capture()) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphInstantiateWithFlags(executable: *mut Handle, graph: Handle, _: c_ulonglong) -> c_int {
    // SAFETY: the caller passes a graph, and a valid pointer for the executable one.
    unsafe { *executable = Graph::handle(nodes(graph)) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphClone(clone: *mut Handle, graph: Handle) -> c_int {
    // SAFETY: the caller passes a graph, and a valid pointer for its clone.
    unsafe { *clone = Graph::handle(nodes(graph)) };
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphExecUpdate_v2(executable: Handle, graph: Handle, result: *mut c_uint) -> c_int {
    // SAFETY: the caller passes two graphs, and a valid pointer for the result.
    unsafe {
        let (new, old) = (nodes(graph), &mut (*executable.cast::<Graph>()).nodes);
        let fits = new.len() == old.len();
        *result = c_uint::from(!fits);
        if !fits {
            return UPDATE_FAILED;
        }
        *old = new;
    }
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphLaunch(executable: Handle, stream: Stream) -> c_int {
    let correlation = driver_call(514);
    // SAFETY: the caller passes an executable graph.
    let graph = unsafe { &*executable.cast::<Graph>() };
    for (node, work) in (1..).zip(&graph.nodes) {
        work.run(&stream, correlation, (graph.number, node));
    }
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphDestroy(graph: Handle) -> c_int {
    // SAFETY: a graph of this double, freed once.
    drop(unsafe { Box::from_raw(graph.cast::<Graph>()) });
    0
}

/// # Safety
/// The requirements of CUDA's function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGraphExecDestroy(executable: Handle) -> c_int {
    // SAFETY: as above.
    unsafe { cuGraphDestroy(executable) }
}
