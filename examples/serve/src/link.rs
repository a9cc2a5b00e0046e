//! Guidance split over two processes: the ranks of a pair exchange their predictions through a Unix
//! socket.
//!
//! What vLLM-Omni's `--cfg-parallel-size 2` does. Each order has a connection of its own, so that a
//! rank that fails in the middle leaves nothing behind: its end closes, the other's exchange fails,
//! and the next order begins anew. The positive rank listens, the negative one connects; in each
//! exchange the positive one sends first, so that neither waits for room in a full socket while the
//! other does.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use candle_core::Tensor;
use profiler_runtime::profiled_stage;

use profiler_examples::wan::{GuidanceSplit, Prediction};
use profiler_examples::{Error, Result};

/// How long a rank waits for the other one to begin the same order.
const MEETING: Duration = Duration::from_secs(20);
/// How long a rank waits for the other one's prediction.
const SILENCE: Duration = Duration::from_secs(600);

/// Where the ranks of a pair meet at the beginning of each order.
#[derive(Debug)]
pub struct Meeting {
    path: PathBuf,
    arrivals: Option<Receiver<UnixStream>>,
}

impl Meeting {
    /// The positive rank's: accepts connections at `path`, which must be in a folder that is this
    /// user's alone.
    ///
    /// # Errors
    /// When there cannot be a socket of that name.
    pub fn listen(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let (sender, arrivals) = mpsc::channel();
        thread::Builder::new().name("meeting".to_owned()).spawn(move || {
            for stream in listener.incoming().map_while(io::Result::ok) {
                if sender.send(stream).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { path: path.to_owned(), arrivals: Some(arrivals) })
    }

    /// The negative rank's.
    #[must_use]
    pub fn connect_to(path: &Path) -> Self {
        Self { path: path.to_owned(), arrivals: None }
    }

    /// Meets the other rank for this order; both have to come.
    ///
    /// # Errors
    /// [`Error::OtherRank`] when it does not come.
    pub fn meet(&self, order: u64) -> Result<Link> {
        let stream = match &self.arrivals {
            Some(arrivals) => receive(arrivals, order),
            None => call(&self.path, order),
        };
        let own = if self.arrivals.is_some() { Prediction::Positive } else { Prediction::Negative };
        stream.map(|stream| Link { own, stream }).map_err(|source| Error::OtherRank { source })
    }
}

/// The connection for this order; those of orders that failed before it are closed.
fn receive(arrivals: &Receiver<UnixStream>, order: u64) -> io::Result<UnixStream> {
    let deadline = Instant::now() + MEETING;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut stream = arrivals.recv_timeout(left).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        stream.set_read_timeout(Some(MEETING))?;
        let mut number = [0; 8];
        if stream.read_exact(&mut number).is_ok() && u64::from_be_bytes(number) == order {
            return limited(stream);
        }
    }
}

fn call(path: &Path, order: u64) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(path)?;
    stream.write_all(&order.to_be_bytes())?;
    limited(stream)
}

fn limited(stream: UnixStream) -> io::Result<UnixStream> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    Ok(stream)
}

/// The other rank, for one order.
#[derive(Debug)]
pub struct Link {
    own: Prediction,
    stream: UnixStream,
}

impl Link {
    fn trade(&mut self, own: &[u8]) -> io::Result<Vec<u8>> {
        let mut other = vec![0; own.len()];
        match self.own {
            Prediction::Positive => {
                self.stream.write_all(own)?;
                self.stream.read_exact(&mut other)?;
            }
            Prediction::Negative => {
                self.stream.read_exact(&mut other)?;
                self.stream.write_all(own)?;
            }
        }
        Ok(other)
    }
}

impl GuidanceSplit for Link {
    fn own(&self) -> Prediction {
        self.own
    }

    #[profiled_stage("cfg.exchange")]
    fn exchange(&mut self, own: &Tensor) -> Result<Tensor> {
        let values = own.flatten_all()?.to_vec1::<f32>()?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        let other = self.trade(&bytes).map_err(|source| Error::OtherRank { source })?;
        let (values, _) = other.as_chunks::<4>();
        let values: Vec<f32> = values.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect();
        Ok(Tensor::from_vec(values, own.shape(), own.device())?)
    }
}
