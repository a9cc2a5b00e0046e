//! What a stream asks for ahead: there always is some.

use super::chunk::Chunk;
use super::sync::Shared;

/// Memory that the product asks for ahead.
pub(super) struct Place;

impl Place {
    pub(super) fn fill(self, chunk: Chunk) -> Shared<Chunk> {
        Shared::new(chunk)
    }
}

/// There always is some.
pub(super) fn place() -> Option<Place> {
    Some(Place)
}

pub(super) fn make_ready() {}
