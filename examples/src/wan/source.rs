//! Sources of the model: a formula, which needs no files, or a Diffusers directory.
//!
//! Both provide the configurations, a `VarBuilder` per component and the tokenizer's JSON, so the
//! model's code does not depend on the source.

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
    /// Runs for half a second on one core; the VAE dominates.
    #[default]
    Tiny,
    /// Runs for seconds; denoising dominates, as in the real model.
    Small,
}

/// Source of the model.
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
    /// Returns the model in a folder, or a downloaded one by its name on the hub.
    ///
    /// # Errors
    /// If the model is given by its name on the hub and has not been downloaded.
    pub fn at(model: &Path) -> Result<Self> {
        hub::folder(model, |name| std::env::var_os(name)).map(Self::Directory)
    }

    /// Returns the configuration of every component.
    ///
    /// # Errors
    /// If a `config.json` is missing or broken, or describes another kind of model.
    pub fn config(&self) -> Result<ModelConfig> {
        match self {
            Self::Formula(preset) => Ok(built_in(*preset)),
            Self::Directory(root) => directory::config(root),
        }
    }

    /// Returns the dtype of the text encoder and the transformers. The VAE is always f32.
    ///
    /// Checkpoints run in BF16 on a GPU. Formula weights stay in f32, so that every device
    /// generates the golden video.
    #[must_use]
    pub fn dtype(&self, device: &Device) -> DType {
        match self {
            Self::Directory(_) if device.is_cuda() => DType::BF16,
            _ => DType::F32,
        }
    }

    /// Opens the weights of one component, by its folder's name.
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

    /// Returns the tokenizer's JSON, and its path for error messages.
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
