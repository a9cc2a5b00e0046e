//! Records the tensors of a run and compares them with the golden ones.

use std::collections::HashMap;
use std::fmt;

use candle_core::{DType, Device, Tensor};
use profiler_examples::image;
use profiler_examples::video::Video;
use profiler_examples::wan::{Observer, Pipeline, Request, Source};

/// Tensors of a run, by name and in order.
#[derive(Default)]
pub(crate) struct Recording {
    tensors: HashMap<String, Vec<Tensor>>,
    pub(crate) steps: Vec<usize>,
}

impl Observer for Recording {
    fn on_step(&mut self, done: usize) {
        self.steps.push(done);
    }

    fn on_tensor(&mut self, name: fmt::Arguments<'_>, tensor: &Tensor) {
        self.tensors.entry(name.to_string()).or_default().push(tensor.clone());
    }
}

impl Recording {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Compares a tensor with the full reference; returns `None` for one that this pipeline
    /// represents differently, which other tests compare.
    pub(crate) fn compare_full(&self, name: &str, golden: &Tensor) -> Option<f32> {
        let ours = match name {
            // The reference repeats each angle for the pair that it rotates.
            "dit.rope_cos" | "dit.rope_sin" => {
                let angles = self.get(name).unsqueeze(2).unwrap();
                Tensor::cat(&[&angles, &angles], 2).unwrap()
            }
            "video" => self.get(name).permute((0, 2, 3, 1)).unwrap().affine(0.5, 0.5).unwrap().unsqueeze(0).unwrap(),
            "vae.encode.input_frame0" => self.get("image").clone(),
            "vae.decode.frame0" => self.get("vae.decode.frame").clone(),
            _ if name.ends_with("_ids") || name.ends_with("_mask") || name.ends_with("_u8") => return None,
            _ if name.ends_with("timestep") || name.starts_with("scheduler") => return None,
            _ if name.starts_with("text.") => return Some(self.text_error(name, golden)),
            _ => self.get(name).clone(),
        };
        Some(relative_error(golden, &ours))
    }

    /// Compares only the real tokens of the text encoder's tensors, because padding is not encoded
    /// here.
    fn text_error(&self, name: &str, golden: &Tensor) -> f32 {
        let (prompt, what) = name.trim_start_matches("text.").split_once('.').unwrap();
        let tokens = self.get(&format!("text.{prompt}.input_ids")).elem_count();
        let ours = match what {
            "last_hidden_state" => self.get(&format!("{prompt}_embeds")),
            layer => self.get(&format!("text.{layer}")),
        };
        relative_error(&golden.narrow(1, 0, tokens).unwrap(), &ours.narrow(1, 0, tokens).unwrap())
    }

    /// Returns the tensor of this name. `name.2` may also be the third occurrence of `name`.
    pub(crate) fn get(&self, name: &str) -> &Tensor {
        let first = self.tensors.get(name).and_then(|shown| shown.first());
        let nth = || {
            let (name, index) = name.rsplit_once('.')?;
            self.tensors.get(name)?.get(index.parse::<usize>().ok()?)
        };
        first.or_else(nth).unwrap_or_else(|| panic!("the run did not show `{name}`"))
    }
}

/// Records a golden run from `source`.
pub(crate) fn record(source: &Source) -> (Video, Recording) {
    let pipeline = Pipeline::load(source, &Device::Cpu).unwrap();
    let request = Request::tiny();
    let picture = image::demo(request.width, request.height);
    let mut recording = Recording::default();
    let video = pipeline.generate(&request, &picture, &mut recording).unwrap();
    (video, recording)
}

/// Returns the largest difference, relative to the golden tensor's largest value if that is above
/// 1.
pub(crate) fn relative_error(golden: &Tensor, ours: &Tensor) -> f32 {
    let flat = |tensor: &Tensor| tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
    // Our tensors are `[frames, channels, …]`, the reference's `[1, channels, frames, …]`.
    let ours = if ours.rank() == 4 && golden.rank() == 5 { ours.transpose(0, 1).unwrap() } else { ours.clone() };
    let (golden, ours) = (flat(golden), flat(&ours));
    assert_eq!(golden.dims(), ours.dims());
    let largest = |tensor: &Tensor| tensor.abs().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
    largest(&(&golden - ours).unwrap()) / largest(&golden).max(1.0)
}

/// Returns how many of the 8-bit values differ by one level; fails if any differs by more.
pub(crate) fn levels_off(golden: &Tensor, video: &Video) -> usize {
    let golden = golden.flatten_all().unwrap().to_vec1::<u8>().unwrap();
    let ours = video.frames.concat();
    assert_eq!(golden.len(), ours.len());
    let off = golden.iter().zip(&ours).map(|(golden, ours)| golden.abs_diff(*ours));
    assert!(off.clone().all(|levels| levels <= 1), "a value is more than one level off");
    off.filter(|levels| *levels == 1).count()
}
