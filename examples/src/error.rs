//! The one error type of this crate: every variant names the thing that is wrong and what to do
//! about it.

use std::io;
use std::path::PathBuf;

use crate::image::PictureError;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a video could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is out of range.
    #[error("`{name}` is {value}, but must be {expected}")]
    Argument {
        /// The argument's name as in [`crate::wan::Request`].
        name: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },

    /// The input image is missing or is not an image.
    #[error("cannot read the image `{path}`: `--image` takes a PNG or JPEG file")]
    Image {
        /// The file that was asked for.
        path: PathBuf,
        /// What the decoder said.
        source: PictureError,
    },

    /// A file or folder of the model directory is missing.
    #[error("the model lacks `{path}`: `--model` takes a complete Diffusers directory of Wan2.2-I2V-A14B")]
    MissingModelFile {
        /// The file or folder that is not there.
        path: PathBuf,
    },

    /// A model that is named as on the hub is not on this machine.
    #[error(
        "`{id}` is no folder, and `{cache}` holds no download of that model: fetch it with `hf download {id}`, or give a \
         Diffusers directory with `--model`"
    )]
    ModelNotHere {
        /// Name of the model.
        id: String,
        /// The folder that the hub's tools fetch into.
        cache: PathBuf,
    },

    /// A JSON file of the model directory is broken or describes another model.
    #[error("`{path}` is not usable: {problem}")]
    ModelConfig {
        /// The JSON file.
        path: PathBuf,
        /// What is wrong in it, and what would be right.
        problem: String,
    },

    /// A weight file is truncated or is not a safetensors file.
    #[error("`{path}` is corrupt: {problem}; download the file again")]
    CorruptWeights {
        /// The weight file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },

    /// The tokenizer cannot be read, or cannot read the prompt.
    #[error("the tokenizer `{path}` failed: {problem}")]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// What the tokenizer said.
        problem: String,
    },

    /// The output path says no format that can be written.
    #[error(
        "cannot tell the video format of `{path}`: use a name ending in `.mp4`, `.gif` or `.png`, or a folder ending in `/`"
    )]
    OutputFormat {
        /// The path that was asked for.
        path: PathBuf,
    },

    /// The video cannot be expressed in the format that was asked for.
    #[error("cannot write the video as {format}: {problem}")]
    Encode {
        /// The format.
        format: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },

    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The output cannot be written; nothing is left under its name.
    #[error("cannot write `{path}`: choose a folder that exists, is writable and has room with `--output`")]
    Write {
        /// The output.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The other process of a pair has failed or ended, or does not answer.
    #[error("the other rank of the pair gave up")]
    OtherRank {
        /// What the connection to it said.
        source: io::Error,
    },

    /// A tensor operation failed: a missing or misshapen weight, or too little memory.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// An error and what caused it, on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
