//! Tests of written videos: consistent boxes, frames that can be read back, and no partial files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, File};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use profiler_examples::Error;
use profiler_examples::image::load;
use profiler_examples::video::{Format, Output, Video};

/// Returns three frames of 32x16 whose levels differ in every channel and frame.
fn video() -> Video {
    let levels = Tensor::arange(0f32, 3.0 * 3.0 * 16.0 * 32.0, &Device::Cpu).unwrap();
    let frames = levels.affine(1.0 / 2304.0, -1.0).unwrap().reshape((3, 3, 16, 32)).unwrap();
    Video::from_tensor(&frames, 12).unwrap()
}

fn written(name: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    Output::at(&path).unwrap().write(&video()).unwrap();
    (folder, path)
}

/// Returns names and contents of consecutive boxes of an MP4.
fn boxes(mut bytes: &[u8]) -> Vec<(String, &[u8])> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = word(bytes, 0) as usize;
        assert!(length >= 8 && length <= bytes.len(), "a box of {length} bytes in {}", bytes.len());
        let (entry, rest) = bytes.split_at(length);
        found.push((String::from_utf8(entry[4..8].to_vec()).unwrap(), &entry[8..]));
        bytes = rest;
    }
    found
}

/// Returns the content of the box at a path such as `moov/trak`.
fn inside<'a>(bytes: &'a [u8], path: &str) -> &'a [u8] {
    path.split('/').fold(bytes, |bytes, name| {
        boxes(bytes).into_iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no `{name}` of `{path}`")).1
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn values_are_rounded_to_the_nearest_level_and_clamped() {
    let frame = Tensor::new(&[-1f32, -0.999, 0.0, 0.997, 1.0, 1.5], &Device::Cpu).unwrap();
    let frame = frame.reshape((1, 3, 1, 2)).unwrap().to_dtype(DType::F32).unwrap();
    let video = Video::from_tensor(&frame, 16).unwrap();
    assert_eq!((video.width, video.height), (2, 1));
    assert_eq!(video.frames, [[0, 128, 255, 0, 255, 255]]);
}

#[test]
fn an_mp4_lists_every_sample_where_it_is() {
    let (_folder, path) = written("a.mp4");
    let file = fs::read(path).unwrap();
    let names: Vec<String> = boxes(&file).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ftyp", "moov", "mdat"]);

    let table = inside(&file, "moov/trak/mdia/minf/stbl");
    let sizes = inside(table, "stsz");
    let (count, first) = (word(sizes, 8) as usize, word(inside(table, "stco"), 8) as usize);
    assert_eq!(count, 3);
    let mut at = first;
    for sample in 0..count {
        let size = word(sizes, 12 + 4 * sample) as usize;
        assert_eq!(word(&file, at) as usize, size - 4, "a sample begins with its length");
        assert_eq!(file[at + 4], 0x65, "every sample is an IDR picture");
        at += size;
    }
    assert_eq!(at, file.len(), "the samples fill the rest of the file");
}

#[test]
fn an_mp4_states_its_size_rate_and_duration() {
    let (_folder, path) = written("a.mp4");
    let file = fs::read(path).unwrap();
    let track = inside(&file, "moov/trak/tkhd");
    assert_eq!((word(track, 76) >> 16, word(track, 80) >> 16), (32, 16));
    let media = inside(&file, "moov/trak/mdia/mdhd");
    let (rate, duration) = (word(media, 12), word(media, 16));
    assert_eq!(f64::from(duration) / f64::from(rate), 3.0 / 12.0);
    let ticks = word(inside(&file, "moov/trak/mdia/minf/stbl/stts"), 12);
    assert_eq!(rate / ticks, 12);
}

#[test]
fn a_picture_holds_its_macroblocks_uncompressed() {
    let (_folder, path) = written("a.mp4");
    let file = fs::read(path).unwrap();
    let sizes = inside(&file, "moov/trak/mdia/minf/stbl/stsz");
    let size = word(sizes, 12) as usize;
    // Two macroblocks of 384 samples, each after a type that ends on a byte; plus header, stop bit
    // and length.
    assert!((2 * 384..2 * 384 + 24).contains(&size), "{size} bytes");
}

#[test]
fn apng_and_frames_are_lossless() {
    let video = video();
    let (_folder, path) = written("a.png");
    let mut reader = png::Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    assert_eq!(reader.info().animation_control().unwrap().num_frames, 3);
    for frame in &video.frames {
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert_eq!(&pixels, frame);
    }

    let (_folder, path) = written("frames/");
    for (i, frame) in video.frames.iter().enumerate() {
        let read = load(&path.join(format!("frame_{i:05}.png"))).unwrap();
        assert_eq!(read.pixels(), frame);
    }
}

#[test]
fn a_gif_has_every_frame_at_the_nearest_rate() {
    let (_folder, path) = written("a.gif");
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(File::open(path).unwrap()).unwrap();
    assert_eq!((decoder.width(), decoder.height()), (32, 16));
    let mut delays = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    assert_eq!(delays, [8, 8, 8]);
}

#[test]
fn the_name_decides_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let format = |name: &str| Output::at(&folder.path().join(name)).map(|output| output.format());
    assert_eq!(format("a.mp4").unwrap(), Format::Mp4);
    assert_eq!(format("b.GIF").unwrap(), Format::Gif);
    assert_eq!(format("new/c.png").unwrap(), Format::Apng);
    assert_eq!(format("d/").unwrap(), Format::Frames);
    for name in ["e.avi", "f"] {
        assert!(matches!(format(name), Err(Error::OutputFormat { .. })));
    }
}

#[test]
fn a_failed_write_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gif");
    let output = Output::at(&path).unwrap();
    // A folder that has taken the name meanwhile makes the last step fail.
    fs::create_dir(&path).unwrap();
    assert!(matches!(output.write(&video()), Err(Error::Write { .. })));
    assert_eq!(names(folder.path()), ["a.gif"]);
    assert!(path.is_dir());
}

#[test]
fn a_gif_wider_than_the_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let wide = Video::from_tensor(&Tensor::zeros((1, 3, 1, 70_000), DType::F32, &Device::Cpu).unwrap(), 16).unwrap();
    let error = Output::at(&folder.path().join("a.gif")).unwrap().write(&wide).unwrap_err();
    assert!(error.to_string().contains("70000"), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_size_that_macroblocks_cannot_tile_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let odd = Video::from_tensor(&Tensor::zeros((1, 3, 10, 16), DType::F32, &Device::Cpu).unwrap(), 16).unwrap();
    let error = Output::at(&folder.path().join("a.mp4")).unwrap().write(&odd).unwrap_err();
    assert!(error.to_string().contains("16x10"), "{error}");
    assert!(names(folder.path()).is_empty());
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
