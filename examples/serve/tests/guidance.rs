//! Tests of guidance split over two ranks: the video equals that of one process, and a rank never
//! waits for one that has given up.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use profiler_examples::wan::{GuidanceSplit, Pipeline, Prediction, Request, Source};
use profiler_examples::{Error, Result, image};
use profiler_serve::{Link, Rendezvous};

/// Returns a quick request with guidance.
fn request() -> Request {
    Request { num_frames: 1, num_inference_steps: 3, ..Request::tiny() }
}

fn denoise(pipeline: &Pipeline, request: &Request, split: Option<&mut dyn GuidanceSplit>) -> Result<Tensor> {
    pipeline.denoise(request, &image::demo(request.width, request.height), split, &mut ())
}

fn values(latents: &Tensor) -> Vec<f32> {
    latents.flatten_all().unwrap().to_vec1().unwrap()
}

/// Connects both ranks for one order.
fn pair(folder: &Path) -> (Link, Link) {
    let path = folder.join("pair.sock");
    let (listening, calling) = (Rendezvous::listen(&path).unwrap(), Rendezvous::connect_to(&path));
    let negative = calling.meet(1).unwrap();
    (listening.meet(1).unwrap(), negative)
}

#[test]
fn two_ranks_compute_the_latents_of_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let (mut positive, mut negative) = pair(folder.path());
    assert_eq!((positive.own(), negative.own()), (Prediction::Positive, Prediction::Negative));
    let pipelines = [(); 2].map(|()| Pipeline::load(&Source::default(), &Device::Cpu).unwrap());
    let request = request();
    let (ours, theirs) = thread::scope(|scope| {
        let other = scope.spawn(|| denoise(&pipelines[1], &request, Some(&mut negative)).unwrap());
        (denoise(&pipelines[0], &request, Some(&mut positive)).unwrap(), other.join().unwrap())
    });
    let alone = denoise(&pipelines[0], &request, None).unwrap();
    assert_eq!(values(&ours), values(&alone));
    assert_eq!(values(&theirs), values(&alone));
    let decode = |latents| pipelines[0].decode(latents, &request, &mut ()).unwrap();
    assert_eq!(decode(&ours), decode(&alone));
}

#[test]
fn without_guidance_nothing_is_exchanged() {
    struct Never;
    impl GuidanceSplit for Never {
        fn own(&self) -> Prediction {
            Prediction::Negative
        }
        fn exchange(&mut self, _: &Tensor) -> Result<Tensor> {
            panic!("there is nothing to exchange")
        }
    }
    let pipeline = Pipeline::load(&Source::default(), &Device::Cpu).unwrap();
    let request = Request { guidance_scale: 1.0, num_inference_steps: 1, ..request() };
    let split = denoise(&pipeline, &request, Some(&mut Never)).unwrap();
    assert_eq!(values(&split), values(&denoise(&pipeline, &request, None).unwrap()));
}

#[test]
fn a_rank_whose_pair_has_given_up_fails_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut positive, negative) = pair(folder.path());
    drop(negative);
    let began = Instant::now();
    // Larger than the socket's buffer, so the rank blocks while sending.
    let prediction = Tensor::zeros(4 << 20, candle_core::DType::F32, &Device::Cpu).unwrap();
    assert!(matches!(positive.exchange(&prediction), Err(Error::OtherRank { .. })));
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_failed_order_leaves_nothing_for_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.sock");
    let (listening, calling) = (Rendezvous::listen(&path).unwrap(), Rendezvous::connect_to(&path));
    // The positive rank failed before it met the negative one.
    let _stale = calling.meet(1).unwrap();
    let mut negative = calling.meet(2).unwrap();
    let mut positive = listening.meet(2).unwrap();
    let tensor = |value: f32| Tensor::new(&[value, -value], &Device::Cpu).unwrap();
    let (got, given) = thread::scope(|scope| {
        let other = scope.spawn(|| negative.exchange(&tensor(2.0)).unwrap());
        (positive.exchange(&tensor(1.0)).unwrap(), other.join().unwrap())
    });
    assert_eq!((values(&got), values(&given)), (vec![2.0, -2.0], vec![1.0, -1.0]));
}
