//! Splits guidance over two processes: the ranks of a pair exchange their predictions through a
//! Unix socket.
//!
//! This is what vLLM-Omni's `--cfg-parallel-size 2` does. Each order has its own connection, so
//! that a failing rank leaves nothing behind: its end closes, the other rank's exchange fails, and
//! the next order starts afresh. The positive rank listens and the negative one connects. In each
//! exchange the positive one sends first, so that they do not block each other on full sockets.

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

/// Timeout for the other rank to begin the same order.
const RENDEZVOUS_TIMEOUT: Duration = Duration::from_secs(20);
/// Timeout for the other rank's prediction.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(600);

/// Rendezvous of the ranks of a pair, which connects them at the beginning of each order.
#[derive(Debug)]
pub struct Rendezvous {
    path: PathBuf,
    arrivals: Option<Receiver<UnixStream>>,
}

impl Rendezvous {
    /// Creates the positive rank's side, which accepts connections at `path`. Only this user may
    /// have access to the folder.
    ///
    /// # Errors
    /// If the socket cannot be created.
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

    /// Creates the negative rank's side, which connects to `path`.
    #[must_use]
    pub fn connect_to(path: &Path) -> Self {
        Self { path: path.to_owned(), arrivals: None }
    }

    /// Connects to the other rank for this order. Both ranks must call this.
    ///
    /// # Errors
    /// [`Error::OtherRank`] if the other rank does not connect in time.
    pub fn meet(&self, order: u64) -> Result<Link> {
        let stream = match &self.arrivals {
            Some(arrivals) => receive(arrivals, order),
            None => call(&self.path, order),
        };
        let own = if self.arrivals.is_some() { Prediction::Positive } else { Prediction::Negative };
        stream.map(|stream| Link { own, stream }).map_err(|source| Error::OtherRank { source })
    }
}

/// Accepts the connection for this order, and closes those of earlier, failed orders.
fn receive(arrivals: &Receiver<UnixStream>, order: u64) -> io::Result<UnixStream> {
    let deadline = Instant::now() + RENDEZVOUS_TIMEOUT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut stream = arrivals.recv_timeout(left).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
        stream.set_read_timeout(Some(RENDEZVOUS_TIMEOUT))?;
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
    stream.set_read_timeout(Some(EXCHANGE_TIMEOUT))?;
    stream.set_write_timeout(Some(EXCHANGE_TIMEOUT))?;
    Ok(stream)
}

/// Connection to the other rank, for one order.
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
