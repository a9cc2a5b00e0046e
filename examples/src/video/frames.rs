//! A folder of frames: the names, which sort in the order of time.

use super::Video;

/// `frame_00000.png`, `frame_00001.png`, …
pub(super) fn names(video: &Video) -> impl Iterator<Item = String> {
    (0..video.frames.len()).map(|i| format!("frame_{i:05}.png"))
}
