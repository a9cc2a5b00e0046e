//! Tests that the pipeline agrees with Diffusers tensor for tensor, with formula weights and with a
//! Diffusers directory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "support/directory.rs"]
mod directory;
#[path = "support/recording.rs"]
mod recording;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use candle_core::{Device, Tensor, safetensors};
use profiler_examples::video::Video;
use profiler_examples::wan::{Expert, Pipeline, Preset, Request, Schedule, Source};
use profiler_examples::{device, image};
use recording::{Recording, levels_off, record, relative_error};

/// Tolerance of seven times the error of f32 rounding.
const TOLERANCE: f32 = 1e-4;

/// Returns the path of a file in `tests/golden`.
fn golden_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

static GOLDEN: LazyLock<HashMap<String, Tensor>> =
    LazyLock::new(|| safetensors::load(golden_file("golden_min.safetensors"), &Device::Cpu).unwrap());

/// A run that all read-only tests share.
static RUN: LazyLock<(Video, Recording)> = LazyLock::new(|| record(&Source::Formula(Preset::Tiny)));

fn assert_golden(golden: &HashMap<String, Tensor>, (video, recording): &(Video, Recording)) {
    for step in 0..4 {
        for name in ["noise_pred", "latents"] {
            assert_close(golden, recording, &format!("step{step}.{name}"));
        }
    }
    for name in ["prompt_embeds", "negative_prompt_embeds", "condition"] {
        assert_close(golden, recording, name);
    }
    levels_off(&golden["video_u8"], video);
}

fn assert_close(golden: &HashMap<String, Tensor>, recording: &Recording, name: &str) {
    let error = relative_error(&golden[name], recording.get(name));
    assert!(error <= TOLERANCE, "`{name}` is {error:e} off");
}

#[test]
fn formula_weights_give_the_golden_tensors_and_frames() {
    assert_golden(&GOLDEN, &RUN);
    assert_eq!(RUN.1.steps, [1, 2, 3, 4]);
}

#[test]
fn the_tokenizer_gives_the_golden_ids() {
    for name in ["text.prompt.input_ids", "text.negative_prompt.input_ids"] {
        let mut golden: Vec<u32> =
            GOLDEN[name].flatten_all().unwrap().to_vec1::<i64>().unwrap().into_iter().map(|id| id as u32).collect();
        let ours = RUN.1.get(name).to_vec1::<u32>().unwrap();
        assert_eq!(ours.last(), Some(&1), "a prompt ends in `</s>`");
        assert_eq!(golden.drain(ours.len()..).sum::<u32>(), 0, "the rest is padding");
        assert_eq!(golden, ours);
    }
}

#[test]
fn the_schedule_and_the_experts_are_the_golden_ones() {
    let request = Request::tiny();
    let schedule = Schedule::new(request.num_inference_steps, request.flow_shift, 1000);
    assert_eq!(schedule.sigmas, GOLDEN["scheduler.sigmas"].to_vec1::<f32>().unwrap());
    let timesteps: Vec<i64> = schedule.timesteps.iter().map(|t| *t as i64).collect();
    assert_eq!(timesteps, GOLDEN["scheduler.timesteps"].to_vec1::<i64>().unwrap());
    let experts: Vec<Expert> = schedule.timesteps.iter().map(|t| request.expert(*t, 1000)).collect();
    assert_eq!(experts, [Expert::HighNoise, Expert::HighNoise, Expert::LowNoise, Expert::LowNoise]);
}

#[test]
fn the_picture_made_by_the_program_is_the_golden_input() {
    let request = Request::tiny();
    let read = image::load(&golden_file("input.png")).unwrap();
    assert_eq!(image::demo(request.width, request.height), read);
    assert_eq!(image::fit_area(&read, request.width * request.height, 16), (request.width, request.height));
}

#[test]
fn a_sharded_directory_gives_the_golden_tensors_and_frames() {
    let root = tempfile::tempdir().unwrap();
    directory::write(root.path(), 3);
    assert_golden(&GOLDEN, &record(&Source::Directory(root.path().to_owned())));
}

#[test]
fn one_file_a_component_gives_the_video_of_the_formula() {
    let root = tempfile::tempdir().unwrap();
    directory::write(root.path(), 1);
    let request = Request { num_frames: 1, num_inference_steps: 2, ..Request::tiny() };
    let picture = image::demo(request.width, request.height);
    let [formula, read] = [Source::default(), Source::Directory(root.path().to_owned())].map(|source| {
        let pipeline = Pipeline::load(&source, &device().unwrap()).unwrap();
        pipeline.generate(&request, &picture, &mut ()).unwrap()
    });
    assert_eq!(formula, read);
}

#[test]
fn without_guidance_only_the_prompt_is_encoded() {
    let pipeline = Pipeline::load(&Source::default(), &device().unwrap()).unwrap();
    let request = Request { num_frames: 1, num_inference_steps: 1, guidance_scale: 1.0, ..Request::tiny() };
    let mut recording = Recording::default();
    pipeline.generate(&request, &image::demo(64, 48), &mut recording).unwrap();
    let guided = relative_error(recording.get("step0.noise_pred_cond"), recording.get("step0.noise_pred"));
    assert_eq!(guided, 0.0);
    assert!(!recording.has("negative_prompt_embeds"));
}

/// Compares every tensor of the full reference (1.4 MB, not in the repository), and prints the
/// largest errors.
#[test]
#[ignore = "needs WAN_GOLDEN_DIR, a folder with golden.safetensors, and optionally model/"]
fn every_intermediate_tensor_agrees_with_the_full_reference() {
    let root = std::env::var("WAN_GOLDEN_DIR").expect("`WAN_GOLDEN_DIR` names the folder of golden.safetensors");
    let golden = safetensors::load(Path::new(&root).join("golden.safetensors"), &Device::Cpu).unwrap();
    for source in [Source::default(), Source::Directory(Path::new(&root).join("model"))] {
        let (video, recording) = record(&source);
        let mut errors: Vec<(f32, &String)> =
            golden.iter().filter_map(|(name, tensor)| Some((recording.compare_full(name, tensor)?, name))).collect();
        errors.sort_by(|a, b| b.0.total_cmp(&a.0));
        println!("{source:?}: {} tensors, worst {:?}", errors.len(), &errors[..3]);
        println!("{} of {} values one level off", levels_off(&golden["video_u8"], &video), video.frames.concat().len());
        assert!(errors.iter().all(|(error, _)| *error <= TOLERANCE));
    }
}
