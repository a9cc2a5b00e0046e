//! The error type of this crate. Each variant says what is wrong and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::image::PictureError;

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason why a video could not be generated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is out of range.
    #[error("`{name}` is {value}, but must be {expected}")]
    Argument {
        /// Name of the argument in [`crate::wan::Request`].
        name: &'static str,
        /// Given value.
        value: String,
        /// Valid values.
        expected: String,
    },

    /// The input image is missing or is not an image.
    #[error("cannot read the image `{path}`: `--image` takes a PNG or JPEG file")]
    Image {
        /// Path of the image.
        path: PathBuf,
        /// Error of the decoder.
        source: PictureError,
    },

    /// A file or folder of the model directory is missing.
    #[error("the model lacks `{path}`: `--model` takes a complete Diffusers directory of Wan2.2-I2V-A14B")]
    MissingModelFile {
        /// The missing file or folder.
        path: PathBuf,
    },

    /// A model that is given by its name on the hub has not been downloaded.
    #[error(
        "`{id}` is no folder, and `{cache}` holds no download of that model: fetch it with `hf download {id}`, or give a \
         Diffusers directory with `--model`"
    )]
    ModelNotHere {
        /// Name of the model.
        id: String,
        /// Download folder of the hub's tools.
        cache: PathBuf,
    },

    /// A JSON file of the model directory is broken or describes another model.
    #[error("`{path}` is not usable: {problem}")]
    ModelConfig {
        /// The JSON file.
        path: PathBuf,
        /// Mistake in the file, and the expected content.
        problem: String,
    },

    /// A weight file is truncated or is not a safetensors file.
    #[error("`{path}` is corrupt: {problem}; download the file again")]
    CorruptWeights {
        /// The weight file.
        path: PathBuf,
        /// Defect of the file.
        problem: String,
    },

    /// The tokenizer cannot be loaded, or fails on the prompt.
    #[error("the tokenizer `{path}` failed: {problem}")]
    Tokenizer {
        /// The tokenizer's file.
        path: PathBuf,
        /// Error of the tokenizer.
        problem: String,
    },

    /// The output path does not end in a supported format.
    #[error(
        "cannot tell the video format of `{path}`: use a name ending in `.mp4`, `.gif` or `.png`, or a folder ending in `/`"
    )]
    OutputFormat {
        /// Path of the output.
        path: PathBuf,
    },

    /// The video cannot be encoded in the requested format.
    #[error("cannot write the video as {format}: {problem}")]
    Encode {
        /// The format.
        format: &'static str,
        /// Mistake, and the expected value.
        problem: String,
    },

    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Operating system's error.
        source: io::Error,
    },

    /// The output cannot be written. No partial file is left under its name.
    #[error("cannot write `{path}`: choose a folder that exists, is writable and has room with `--output`")]
    Write {
        /// The output.
        path: PathBuf,
        /// Operating system's error.
        source: io::Error,
    },

    /// The other process of a pair has failed, has ended or does not answer.
    #[error("the other rank of the pair gave up")]
    OtherRank {
        /// Error of the connection.
        source: io::Error,
    },

    /// A tensor operation failed: a missing or misshapen weight, or too little memory.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// Formats an error and its causes on one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
