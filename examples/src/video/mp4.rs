//! Writes the MP4 container around H.264 pictures: a header that lists every sample, then the
//! samples.

use super::Video;
use super::h264::{self, MACROBLOCK};
use super::yuv;
use crate::{Error, Result};

/// Ticks of the container's clock per frame. The clock's rate is this times the frame rate, so that
/// every time is exact.
const TICKS_PER_FRAME: u32 = 512;

/// Returns the content of the file.
///
/// # Errors
/// [`Error::Encode`] if a side is not a multiple of 16, there are no frames, or the file would
/// exceed 4 GiB.
pub(super) fn mux(video: &Video) -> Result<Vec<u8>> {
    let wrong = |problem: String| Err(Error::Encode { format: "mp4", problem });
    let is_valid = |side: usize| side > 0 && side.is_multiple_of(MACROBLOCK);
    if !is_valid(video.width) || !is_valid(video.height) || video.frames.is_empty() {
        let (width, height, frames) = (video.width, video.height, video.frames.len());
        return wrong(format!("{width}x{height}, {frames} frames: it takes multiples of {MACROBLOCK} and a frame"));
    }
    let encode = |(index, pixels): (usize, &Vec<u8>)| h264::picture(video, &yuv::planes(video, pixels), index);
    let pictures: Vec<Vec<u8>> = video.frames.iter().enumerate().map(encode).collect();
    // Each picture is preceded by its length in four bytes, and the samples by the box's header.
    let media_bytes = 8 + pictures.iter().map(|picture| picture.len() + 4).sum::<usize>();
    let Ok(media_length) = u32::try_from(media_bytes) else {
        return wrong(format!("it would have {media_bytes} bytes and may have 4 GiB: write fewer frames or a folder"));
    };

    let file_type = boxed(b"ftyp", &[b"isom\0\0\x02\0isomiso2avc1mp41"]);
    // The header contains the samples' position, which follows from the header's length; that
    // length does not depend on the value.
    let samples_at = file_type.len() + movie(video, &pictures, 0).len() + 8;
    let mut file = file_type;
    file.extend(movie(video, &pictures, samples_at as u32));
    file.extend(media_length.to_be_bytes());
    file.extend(b"mdat");
    for picture in &pictures {
        file.extend((picture.len() as u32).to_be_bytes());
        file.extend(picture);
    }
    Ok(file)
}

/// Returns a box: its length, name and content.
fn boxed(name: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as u32).to_be_bytes());
    bytes.extend(name);
    parts.iter().for_each(|part| bytes.extend(*part));
    bytes
}

/// Encodes 32-bit numbers in the file's byte order.
fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// Identity matrix, in 16.16 and 2.30 fixed point.
const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

fn movie(video: &Video, pictures: &[Vec<u8>], samples_at: u32) -> Vec<u8> {
    let (rate, frames) = (video.fps * TICKS_PER_FRAME, pictures.len() as u32);
    let duration = frames * TICKS_PER_FRAME;

    // version, created, modified, clock, duration, rate 1.0, volume and reserved, matrix, reserved,
    // next track
    let movie_header =
        [&words(&[0, 0, 0, rate, duration, 0x1_0000, 0, 0, 0])[..], &words(&MATRIX), &words(&[0, 0, 0, 0, 0, 0, 2])];
    // version and "enabled, in movie", created, modified, track, reserved, duration, reserved,
    // layer, volume
    let track_header = [
        &words(&[3, 0, 0, 1, 0, duration, 0, 0, 0, 0])[..],
        &words(&MATRIX),
        &words(&[(video.width as u32) << 16, (video.height as u32) << 16]),
    ];
    // version, created, modified, clock, duration, language "und"
    let media_header = words(&[0, 0, 0, rate, duration, 0x55C4_0000]);
    let handler = [&words(&[0, 0])[..], b"vide", &words(&[0, 0, 0]), b"video\0"];
    let reference = boxed(b"dref", &[&words(&[0, 1]), &boxed(b"url ", &[&words(&[1])])]);

    let information = boxed(
        b"minf",
        &[
            &boxed(b"vmhd", &[&words(&[1, 0, 0])]),
            &boxed(b"dinf", &[&reference]),
            &sample_table(video, pictures, samples_at),
        ],
    );
    let media = boxed(b"mdia", &[&boxed(b"mdhd", &[&media_header]), &boxed(b"hdlr", &handler), &information]);
    let track = boxed(b"trak", &[&boxed(b"tkhd", &track_header), &media]);
    boxed(b"moov", &[&boxed(b"mvhd", &movie_header), &track])
}

/// Returns the table of samples: all in one chunk, all of the same duration, all key frames.
fn sample_table(video: &Video, pictures: &[Vec<u8>], samples_at: u32) -> Vec<u8> {
    let frames = pictures.len() as u32;
    let sizes: Vec<u32> = pictures.iter().map(|picture| picture.len() as u32 + 4).collect();
    boxed(
        b"stbl",
        &[
            &boxed(b"stsd", &[&words(&[0, 1]), &sample_entry(video)]),
            &boxed(b"stts", &[&words(&[0, 1, frames, TICKS_PER_FRAME])]),
            &boxed(b"stsc", &[&words(&[0, 1, 1, frames, 1])]),
            &boxed(b"stsz", &[&words(&[0, 0, frames]), &words(&sizes)]),
            &boxed(b"stco", &[&words(&[0, 1, samples_at])]),
        ],
    )
}

fn sample_entry(video: &Video) -> Vec<u8> {
    let sequence = h264::sequence_parameters(video);
    let picture = h264::picture_parameters();
    let length = |unit: &[u8]| (unit.len() as u16).to_be_bytes();
    let profile = sequence.get(1..4).unwrap_or_default();
    // version 1, profile and level, 4-byte lengths, one sequence set, one picture set
    let decoder = boxed(
        b"avcC",
        &[&[1], profile, &[0xFF, 0xE1], &length(&sequence), &sequence, &[1], &length(&picture), &picture],
    );
    let size = words(&[((video.width as u32) << 16) | video.height as u32]);
    // 72 dpi, one frame a sample, no compressor name, 24 bits, no colour table
    let resolution = words(&[0x48_0000, 0x48_0000, 0]);
    let entry: [&[u8]; 6] = [&words(&[0, 1, 0, 0, 0, 0]), &size, &resolution, &[0, 1], &[0; 32], &[0, 24, 0xFF, 0xFF]];
    boxed(b"avc1", &[&entry.concat(), &decoder])
}
