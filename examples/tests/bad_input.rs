//! Tests of bad input: every mistake is one sentence with its remedy, nothing panics, and no
//! partial output is left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/directory.rs"]
mod directory;

use std::fs;
use std::path::Path;

use clap::Parser;
use profiler_examples::cli::{Cli, Job};
use profiler_examples::wan::{Pipeline, Source};
use profiler_examples::{Result, device};

fn job(flags: &[&str]) -> Result<Job> {
    Cli::try_parse_from([&["wan_i2v"], flags].concat()).unwrap().job()
}

fn refused(flags: &[&str]) -> String {
    job(flags).unwrap_err().to_string()
}

#[test]
fn an_argument_out_of_range_is_named_with_its_valid_values() {
    assert_eq!(
        refused(&["--height", "50"]),
        "`height` is 50, but must be a multiple of 16 up to 16384, for example 48 or 64"
    );
    assert_eq!(refused(&["--width", "0"]), "`width` is 0, but must be a multiple of 16 up to 16384, for example 16");
    assert_eq!(refused(&["--num_frames", "0"]), "`num_frames` is 0, but must be from 1 to 4093");
    assert_eq!(
        refused(&["--num-inference-steps", "1001"]),
        "`num_inference_steps` is 1001, but must be from 1 to 1000"
    );
    assert_eq!(refused(&["--fps", "0"]), "`fps` is 0, but must be from 1 to 240");
    assert_eq!(refused(&["--guidance_scale", "-1"]), "`guidance_scale` is -1, but must be a number from 0 to 100");
    assert_eq!(refused(&["--boundary_ratio", "NaN"]), "`boundary_ratio` is NaN, but must be a number from 0 to 1");
    assert_eq!(refused(&["--flow-shift", "0"]), "`flow_shift` is 0, but must be a number from 0.01 to 100");
}

#[test]
fn both_spellings_of_a_flag_mean_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("a.mp4");
    let flags = "--negative_prompt n --num_frames 5 --num_inference_steps 2 --guidance_scale 2 --guidance_scale_high 3 \
                 --boundary_ratio 0.5 --flow_shift 4 --max_sequence_length 32 --output";
    let underscores: Vec<&str> = flags.split_whitespace().chain([output.to_str().unwrap()]).collect();
    let dashes: Vec<String> = underscores
        .iter()
        .map(|word| if word.starts_with("--") { word.replace('_', "-") } else { (*word).to_owned() })
        .collect();
    let dashes: Vec<&str> = dashes.iter().map(String::as_str).collect();
    let request = job(&underscores).unwrap().request;
    assert_eq!(request, job(&dashes).unwrap().request);
    assert_eq!((request.num_frames, request.guidance_scale, request.guidance_scale_2), (5, 2.0, 3.0));
}

#[test]
fn an_image_that_is_missing_or_invalid_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.png");
    fs::write(&text, "no picture").unwrap();
    for path in [&text, &folder.path().join("missing.png")] {
        let error = refused(&["--image", path.to_str().unwrap()]);
        assert!(error.contains(path.to_str().unwrap()) && error.contains("PNG or JPEG"), "{error}");
    }
}

#[test]
fn an_unknown_video_format_is_refused_before_any_work() {
    assert!(refused(&["--output", "video.avi"]).contains("`.mp4`, `.gif` or `.png`"));
}

/// Writes the tiny model, damages it, and returns the error of loading it.
fn damaged(damage: impl FnOnce(&Path)) -> String {
    let root = tempfile::tempdir().unwrap();
    directory::write(root.path(), 2);
    damage(root.path());
    let error = match Pipeline::load(&Source::Directory(root.path().to_owned()), &device().unwrap()) {
        Ok(_) => panic!("a damaged model was loaded"),
        Err(error) => error,
    };
    error.to_string()
}

/// Rewrites a JSON file of the model with one field changed.
fn edit(path: &Path, field: &str, value: serde_json::Value) {
    let mut json: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    json[field] = value;
    fs::write(path, json.to_string()).unwrap();
}

const SHARD: &str = "transformer/diffusion_pytorch_model-00002-of-00002.safetensors";

#[test]
fn a_missing_file_of_the_model_is_named() {
    for file in ["model_index.json", "vae/config.json", "tokenizer/tokenizer.json", SHARD] {
        let error = damaged(|root| fs::remove_file(root.join(file)).unwrap());
        assert!(error.contains(file) && error.contains("`--model`"), "{error}");
    }
    let error = damaged(|root| fs::remove_dir_all(root.join("text_encoder")).unwrap());
    assert!(error.contains("text_encoder"), "{error}");
    let error = refused(&["--model", "no/such/folder"]);
    assert!(error.contains("no/such/folder/model_index.json"), "{error}");
}

#[test]
fn a_corrupt_weight_file_is_named_with_what_is_wrong() {
    let change = |change: fn(&mut Vec<u8>)| {
        let error = damaged(|root| {
            let mut bytes = fs::read(root.join(SHARD)).unwrap();
            change(&mut bytes);
            fs::write(root.join(SHARD), bytes).unwrap();
        });
        assert!(error.contains(SHARD) && error.contains("corrupt"), "{error}");
        error
    };
    assert!(change(|bytes| bytes.truncate(bytes.len() - 100)).contains("where its header describes"));
    assert!(change(|bytes| bytes.truncate(3)).contains("only 3 bytes"));
    assert!(change(|bytes| bytes[..8].fill(0xFF)).contains("header claims"));
    assert!(change(|bytes| bytes[8] = b'?').contains("header is invalid"));
}

#[test]
fn a_tensor_that_is_missing_or_misshapen_is_named() {
    let error = damaged(|root| edit(&root.join("transformer/config.json"), "num_layers", 3.into()));
    assert!(error.contains("`blocks.2.") && error.contains("transformer"), "{error}");
    let error = damaged(|root| edit(&root.join("vae/config.json"), "base_dim", 8.into()));
    assert!(error.contains("`encoder.conv_in.weight`") && error.contains("config.json"), "{error}");
}

#[test]
fn a_checkpoint_of_another_model_is_refused_by_name() {
    let error = damaged(|root| edit(&root.join("model_index.json"), "_class_name", "WanPipeline".into()));
    assert!(error.contains("\"WanPipeline\"") && error.contains("WanImageToVideoPipeline"), "{error}");
    let error = damaged(|root| edit(&root.join("transformer/config.json"), "image_dim", 1280.into()));
    assert!(error.contains("`image_dim` is 1280"), "{error}");
    for file in ["vae/config.json", "tokenizer/tokenizer.json"] {
        let error = damaged(|root| fs::write(root.join(file), "{").unwrap());
        assert!(error.contains(file) && error.contains("EOF"), "{error}");
    }
}
