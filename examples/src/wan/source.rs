//! Where the model comes from: a formula (no file at all) or a Diffusers directory.
//!
//! Both give the same three things, so the model's code is the same for both: configurations, a
//! `VarBuilder` per component, and the tokenizer's JSON.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::checkpoint::Checkpoint;
use super::config::{ModelConfig, SchedulerConfig, TextEncoderConfig, TransformerConfig, VaeConfig};
use super::directory;
use super::formula::FormulaWeights;
use super::hub;
use crate::Result;

/// The tokenizer of the built-in sizes: a small Unigram model of umT5's structure.
const TOKENIZER: &[u8] = include_bytes!("../../assets/tokenizer.json");

/// A built-in size of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// Half a second on one core; the VAE dominates.
    #[default]
    Tiny,
    /// Seconds; denoising dominates, as in the real model.
    Small,
}

/// Where the model comes from.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// Weights computed from their names.
    Formula(Preset),
    /// A Diffusers directory, such as a download of `Wan-AI/Wan2.2-I2V-A14B-Diffusers`.
    Directory(PathBuf),
}

impl Default for Source {
    fn default() -> Self {
        Self::Formula(Preset::Tiny)
    }
}

impl Source {
    /// The model in a folder, or one that the hub's tools have fetched under this name.
    ///
    /// # Errors
    /// When it is the name of a model on the hub, and not here.
    pub fn at(model: &Path) -> Result<Self> {
        hub::folder(model, |name| std::env::var_os(name)).map(Self::Directory)
    }

    /// The configuration of every component.
    ///
    /// # Errors
    /// When a `config.json` is missing, broken, or describes another kind of model.
    pub fn config(&self) -> Result<ModelConfig> {
        match self {
            Self::Formula(preset) => Ok(built_in(*preset)),
            Self::Directory(root) => directory::config(root),
        }
    }

    /// The dtype that the text encoder and the transformers run in. The VAE is always f32.
    ///
    /// Checkpoints run in BF16 on a GPU; formula weights stay in f32 so that every device gives the
    /// golden video.
    #[must_use]
    pub fn dtype(&self, device: &Device) -> DType {
        match self {
            Self::Directory(_) if device.is_cuda() => DType::BF16,
            _ => DType::F32,
        }
    }

    /// The weights of one component, by its folder's name.
    pub(crate) fn weights(
        &self,
        component: &'static str,
        dtype: DType,
        device: &Device,
    ) -> Result<VarBuilder<'static>> {
        Ok(match self {
            Self::Formula(_) => {
                VarBuilder::from_backend(Box::new(FormulaWeights::new(component)), dtype, device.clone())
            }
            Self::Directory(root) => {
                let folder = root.join(component);
                let checkpoint = Checkpoint::open(&folder, &directory::weight_files(&folder)?)?;
                VarBuilder::from_backend(Box::new(checkpoint), dtype, device.clone())
            }
        })
    }

    /// The tokenizer's JSON and the name to report it by.
    pub(crate) fn tokenizer(&self) -> Result<(PathBuf, Vec<u8>)> {
        match self {
            Self::Formula(_) => Ok((PathBuf::from("the built-in tokenizer.json"), TOKENIZER.to_vec())),
            Self::Directory(root) => {
                let path = root.join("tokenizer").join("tokenizer.json");
                let json = directory::read(&path)?;
                Ok((path, json))
            }
        }
    }
}

fn built_in(preset: Preset) -> ModelConfig {
    let transformer = match preset {
        Preset::Tiny => TransformerConfig::tiny(),
        Preset::Small => TransformerConfig::small(),
    };
    ModelConfig {
        text_encoder: TextEncoderConfig::tiny(),
        transformer_2: transformer.clone(),
        transformer,
        vae: VaeConfig::tiny(),
        scheduler: SchedulerConfig::default(),
    }
}
