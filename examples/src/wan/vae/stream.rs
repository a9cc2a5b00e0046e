//! The state of the temporal convolutions between two chunks of a video.
//!
//! The layers run in the same order for every chunk, so a layer's state is found by its position in
//! that order. The weights stay free of state, so that two videos can stream through one VAE at the
//! same time.

use candle_core::Tensor;

/// State of one pass through the encoder or the decoder.
#[derive(Default)]
pub(super) struct Stream {
    slots: Vec<Option<Tensor>>,
    next_layer: usize,
    chunk: usize,
}

impl Stream {
    /// Returns the state of the next layer; empty until that layer has stored something.
    pub(super) fn slot(&mut self) -> &mut Option<Tensor> {
        let next_layer = self.next_layer;
        self.next_layer += 1;
        if next_layer >= self.slots.len() {
            self.slots.resize(next_layer + 1, None);
        }
        &mut self.slots[next_layer]
    }

    /// Returns whether this is the first chunk, a single frame that temporal resampling skips.
    pub(super) fn is_first_chunk(&self) -> bool {
        self.chunk == 0
    }

    /// Begins the next chunk, at the first layer.
    pub(super) fn next_chunk(&mut self) {
        self.next_layer = 0;
        self.chunk += 1;
    }
}
