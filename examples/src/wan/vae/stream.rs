//! What the temporal convolutions remember from one chunk of a video to the next.
//!
//! The layers run in the same order for every chunk, so a layer's memory is found by its turn; the
//! weights stay free of state, and two videos can stream through one VAE at the same time.

use candle_core::Tensor;

/// The memory of one pass through the encoder or the decoder.
#[derive(Default)]
pub(super) struct Stream {
    slots: Vec<Option<Tensor>>,
    turn: usize,
    chunk: usize,
}

impl Stream {
    /// The memory of the layer whose turn it is; empty until the layer has stored something.
    pub(super) fn slot(&mut self) -> &mut Option<Tensor> {
        let turn = self.turn;
        self.turn += 1;
        if turn >= self.slots.len() {
            self.slots.resize(turn + 1, None);
        }
        &mut self.slots[turn]
    }

    /// The first chunk is a single frame, which the temporal resampling leaves alone.
    pub(super) fn is_first_chunk(&self) -> bool {
        self.chunk == 0
    }

    /// The next chunk begins again at the first layer.
    pub(super) fn next_chunk(&mut self) {
        self.turn = 0;
        self.chunk += 1;
    }
}
