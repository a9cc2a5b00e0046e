//! Owner of the streams, with the locks in the product's order: the list's, then one stream's.

use loom::sync::{Arc, Mutex};
use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use super::owner::StreamOwner;
use super::thread_stream::Stream;

type Streams = Mutex<Vec<Arc<Stream>>>;

thread_local! {
    // Not dropped with the thread: a failed model leaves it behind, and loom's locks may end only
    // in models.
    static STREAMS: RefCell<Option<ManuallyDrop<Rc<Streams>>>> = const { RefCell::new(None) };
}

/// Begins a model.
pub fn begin() {
    STREAMS.set(Some(ManuallyDrop::default()));
}

/// Ends a model.
pub fn end() {
    drop(STREAMS.take().map(ManuallyDrop::into_inner));
}

pub fn streams<R>(f: impl FnOnce(&mut Vec<Arc<Stream>>) -> R) -> R {
    let streams = STREAMS.with_borrow(|streams| streams.as_deref().cloned()).unwrap();
    f(&mut streams.lock().unwrap())
}

/// Creates a stream for the calling thread, as `buffer` asks for it.
pub fn enrol(ordinal: u32) -> Arc<Stream> {
    let stream = Arc::new(Stream::new(StreamOwner { ordinal, os_id: u64::from(ordinal) }));
    // SAFETY: the stream is alive. See `sync::AtomicPtr` for why its pointers are touched.
    let _ = unsafe { (*stream.cursor()).is_full() };
    // SAFETY: as above.
    let _ = unsafe { &*stream.cursor() }.published();
    streams(|all| all.push(Arc::clone(&stream)));
    stream
}

/// Calls a function with every stream, under the registry's lock.
pub fn each<R>(f: impl FnMut(&Arc<Stream>) -> R) -> Vec<R> {
    streams(|all| all.iter().map(f).collect())
}

/// Discards the entries before the given positions, and the streams that have ended, as the
/// product's `let_go` does.
pub fn forget(marks: impl Fn(&Stream) -> (u64, u64)) -> usize {
    let gone: Vec<_> = streams(|all| {
        let marks: Vec<_> = all.iter().map(|stream| marks(stream)).collect();
        all.iter().zip(&marks).for_each(|(stream, (position, losses))| stream.forget(*position, *losses));
        all.extract_if(.., |stream| stream.is_over()).collect()
    });
    gone.len()
}
