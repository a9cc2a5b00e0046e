//! A worker process: loads the model, joins the profiler's coordinator, and executes the server's
//! orders.
//!
//! It starts and stops its own sessions as the coordinator says, because a session of the server's
//! process would not record its work. It ends when the server does, because its standard input is
//! then closed.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;

use profiler_runtime::{profiled_stage, profiled_step};

use super::link::{Link, Rendezvous};
use super::wire::{self, Answer, Order, Part, Product};
use profiler_examples::image::Picture;
use profiler_examples::wan::{GuidanceSplit, Pipeline, Source, StageDurations};
use profiler_examples::{Error, Result, chain, device_of};

/// Rank of a process in the job, numbered as by torchrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JobRank {
    pub(super) rank: usize,
    pub(super) world_size: usize,
}

impl JobRank {
    /// Returns the socket of this rank's pair, in the server's folder; `None` if there is no pair.
    fn meeting(self, folder: &Path) -> Option<PathBuf> {
        (self.world_size > 1).then(|| folder.join(format!("pair-{}.sock", self.rank / 2)))
    }

    fn is_positive(self) -> bool {
        self.rank.is_multiple_of(2)
    }
}

/// Serves orders from standard input until it ends.
///
/// # Errors
/// If standard input is not a socket, or the model cannot be loaded; the server has then been told.
pub(super) fn run(source: &Source, folder: &Path, rank_info: JobRank, profiles_startup: bool) -> Result<()> {
    let mut server = server().map_err(|source| Error::Read { path: "standard input".into(), source })?;
    let joined = super::profile::join();
    if profiles_startup && joined.is_some() {
        super::profile::wait_for_startup();
    }
    let mut worker = match Worker::load(source, folder, rank_info) {
        Ok(worker) => worker,
        Err(error) => {
            // If the server has ended, too, the message is lost.
            let _ = wire::send(&mut server, &Answer::Unusable { why: chain(&error) }, &[]);
            return Err(error);
        }
    };
    if wire::send(&mut server, &Answer::Ready, &[]).is_err() {
        return Ok(());
    }
    while let Ok((order, pixels)) = wire::receive::<Order>(&mut server) {
        let (answer, product) = worker.answer(&order, pixels);
        if wire::send(&mut server, &answer, &product).is_err() {
            break;
        }
    }
    Ok(())
}

/// Opens standard input as the socket to the server.
fn server() -> io::Result<UnixStream> {
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // Fails now, not at the first order, if this process was not started by the server.
    socket.peer_addr()?;
    Ok(socket)
}

struct Worker {
    pipeline: Pipeline,
    meeting: Option<Rendezvous>,
}

impl Worker {
    fn load(source: &Source, folder: &Path, rank_info: JobRank) -> Result<Self> {
        let listen =
            |path: &Path| Rendezvous::listen(path).map_err(|source| Error::Write { path: path.into(), source });
        let meeting = match rank_info.meeting(folder) {
            Some(path) if rank_info.is_positive() => Some(listen(&path)?),
            Some(path) => Some(Rendezvous::connect_to(&path)),
            None => None,
        };
        Ok(Self { pipeline: Pipeline::load(source, &device_of(rank_info.rank)?)?, meeting })
    }

    fn answer(&mut self, order: &Order, pixels: Vec<u8>) -> (Answer, Vec<u8>) {
        let begin = Instant::now();
        let _request = profiler_runtime::request(&order.request_id);
        let mut durations = StageDurations::default();
        match self.iterate(order, pixels, &mut durations) {
            Ok(product) => {
                let seconds = begin.elapsed().as_secs_f64();
                let stage_durations = durations.0.into_iter().map(|(name, seconds)| (name.to_owned(), seconds));
                (Answer::Done { number: order.number, seconds, stage_durations: stage_durations.collect() }, product)
            }
            Err(error) => {
                let through_other_rank = matches!(error, Error::OtherRank { .. });
                (Answer::Failed { number: order.number, why: chain(&error), through_other_rank }, Vec::new())
            }
        }
    }

    /// Runs one iteration of this worker: one forward pass. The outermost loop of steps drives the
    /// profiler's schedule, so `delay_iterations` and the like count forward passes, as in
    /// vLLM-Omni, and not the denoising steps inside them.
    #[profiled_step("worker_iteration")]
    fn iterate(&mut self, order: &Order, pixels: Vec<u8>, durations: &mut StageDurations) -> Result<Vec<u8>> {
        let mut link = match (&self.meeting, order.part) {
            (Some(meeting), Some(_)) => Some(meeting.meet(order.number)?),
            _ => None,
        };
        self.forward(order, pixels, link.as_mut(), durations)
    }

    #[profiled_stage("diffusion_forward")]
    fn forward(
        &self,
        order: &Order,
        pixels: Vec<u8>,
        link: Option<&mut Link>,
        durations: &mut StageDurations,
    ) -> Result<Vec<u8>> {
        let Some(picture) = Picture::from_pixels(order.picture_width, order.picture_height, pixels) else {
            let value = format!("{}x{}", order.picture_width, order.picture_height);
            return Err(Error::Argument { name: "picture", value, expected: "the size of its pixels".to_owned() });
        };
        // Both ranks of a pair have the same latents, which are decoded once.
        let makes_product = order.part != Some(Part::Negative);
        let split = link.map(|link| link as &mut dyn GuidanceSplit);
        let latents = self.pipeline.denoise(&order.request, &picture, split, durations)?;
        if !makes_product {
            return Ok(Vec::new());
        }
        let video = self.pipeline.decode(&latents, &order.request, durations)?;
        match order.product {
            Product::Video => video.to_mp4(),
            Product::Image => video.first_frame_to_png(),
        }
    }
}
