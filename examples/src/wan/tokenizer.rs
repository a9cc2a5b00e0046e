//! Converts text to umT5's token ids.

use std::path::PathBuf;

use profiler_runtime::profiled_stage;
use serde::de::IgnoredAny;
use tokenizers::{Tokenizer as Pieces, TruncationParams};

use super::prompt;
use super::source::Source;
use crate::{Error, Result};

/// umT5's tokenizer: Unigram pieces and a closing `</s>`.
pub(crate) struct Tokenizer {
    pieces: Pieces,
    path: PathBuf,
}

impl Tokenizer {
    pub(crate) fn load(source: &Source) -> Result<Self> {
        let (path, json) = source.tokenizer()?;
        let broken = |problem| Error::Tokenizer { path: path.clone(), problem };
        // Checks the syntax first, because the tokenizer's parser panics on some broken files.
        serde_json::from_slice::<IgnoredAny>(&json).map_err(|cause| broken(cause.to_string()))?;
        let mut pieces = Pieces::from_bytes(json).map_err(|cause| broken(cause.to_string()))?;
        // The text encoder takes only real tokens, so no padding is needed.
        pieces.with_padding(None);
        Ok(Self { pieces, path })
    }

    /// Returns the ids of a cleaned prompt without padding: at most `max_length`, the last of which
    /// is always `</s>`.
    #[profiled_stage("tokenizer.forward")]
    pub(crate) fn forward(&self, text: &str, max_length: usize) -> Result<Vec<u32>> {
        let failed =
            |cause: tokenizers::Error| Error::Tokenizer { path: self.path.clone(), problem: cause.to_string() };
        let mut pieces = self.pieces.clone();
        let truncation = TruncationParams { max_length, ..TruncationParams::default() };
        pieces.with_truncation(Some(truncation)).map_err(failed)?;
        let encoding = pieces.encode(prompt::clean(text), true).map_err(failed)?;
        Ok(encoding.get_ids().to_vec())
    }
}
