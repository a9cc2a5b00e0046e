//! Writes a video to a path: chooses the format by the extension, and replaces the output
//! atomically.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Video, gif, mp4, png};
use crate::{Error, Result};
use profiler_runtime::profiled_stage;

/// A format that a video can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// MP4 with uncompressed H.264; opens in every player based on FFmpeg.
    Mp4,
    /// GIF with 256 colours per frame.
    Gif,
    /// Animated PNG, lossless.
    Apng,
    /// A folder with one PNG file per frame.
    Frames,
}

/// An output path of known format whose folder exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    path: PathBuf,
    format: Format,
}

impl Output {
    /// Determines the format and creates the folder, so that mistakes are reported before the work
    /// begins.
    ///
    /// # Errors
    /// [`Error::OutputFormat`] for an unknown extension, [`Error::Write`] if the folder cannot be
    /// created.
    pub fn at(path: &Path) -> Result<Self> {
        let format = format_of(path).ok_or_else(|| Error::OutputFormat { path: path.to_owned() })?;
        let output = Self { path: path.to_owned(), format };
        fs::create_dir_all(output.folder()).map_err(|source| output.failed(source))?;
        if format != Format::Frames && path.is_dir() {
            return Err(output.failed(io::ErrorKind::IsADirectory.into()));
        }
        Ok(output)
    }

    /// Returns the path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes the video to a temporary file in the same folder, and renames it to the output.
    ///
    /// # Errors
    /// [`Error::Write`] if the file cannot be written, [`Error::Encode`] if the format cannot
    /// represent this video. The temporary file is then removed, and an existing output is
    /// untouched.
    #[profiled_stage("export")]
    pub fn write(&self, video: &Video) -> Result<()> {
        match self.format {
            Format::Mp4 => {
                let file = mp4::mux(video)?;
                self.replace(&self.path, |out| out.write_all(&file))
            }
            Format::Gif => {
                let (width, height) = gif::screen(video)?;
                self.replace(&self.path, |out| gif::write(video, width, height, out))
            }
            Format::Apng => self.replace(&self.path, |out| png::write_animation(video, out)),
            // The names sort in the order of time.
            Format::Frames => video.frames.iter().enumerate().try_for_each(|(i, pixels)| {
                let path = self.path.join(format!("frame_{i:05}.png"));
                self.replace(&path, |out| png::write_image(video, pixels, out))
            }),
        }
    }

    fn replace(&self, path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(name);
        let complete = || -> io::Result<()> {
            let mut out = BufWriter::new(File::create(&partial)?);
            write(&mut out)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&partial, path)
        };
        complete().map_err(|source| {
            // The first error is reported. If the partial file cannot be removed, it stays, as
            // after a crash.
            let _ = fs::remove_file(&partial);
            self.failed(source)
        })
    }

    fn folder(&self) -> &Path {
        match self.format {
            Format::Frames => &self.path,
            _ => self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }
}

fn format_of(path: &Path) -> Option<Format> {
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Some(Format::Frames);
    }
    match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "mp4" => Some(Format::Mp4),
        "gif" => Some(Format::Gif),
        "png" => Some(Format::Apng),
        _ => None,
    }
}
