//! Where a video goes: the format by the name's ending, and a write that is all or nothing.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Video, frames, gif, mp4, png};
use crate::{Error, Result};
use profiler_runtime::profiled_stage;

/// A format that a video can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// H.264, uncompressed inside; opens in every player that FFmpeg is part of.
    Mp4,
    /// 256 colours a frame.
    Gif,
    /// Animated PNG: lossless.
    Apng,
    /// A folder of PNG files, one a frame.
    Frames,
}

/// An output whose name has been understood and whose folder exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    path: PathBuf,
    format: Format,
}

impl Output {
    /// Understands the name and creates the folder that it lies in, so that a mistake shows before
    /// the work begins.
    ///
    /// # Errors
    /// [`Error::OutputFormat`] for an unknown ending, [`Error::Write`] when the folder cannot be
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

    /// The path as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The format that follows from the path.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Writes the video: into a temporary file beside the output, which then takes the output's
    /// name.
    ///
    /// # Errors
    /// [`Error::Write`] when the disk refuses, [`Error::Encode`] when the format cannot hold this
    /// video. Then the temporary file is removed and what the name held before is untouched.
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
            Format::Frames => frames::names(video).zip(&video.frames).try_for_each(|(name, pixels)| {
                self.replace(&self.path.join(name), |out| png::write_image(video, pixels, out))
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
            // The first error is the one to report; that the partial file may stay is no worse than
            // a crash.
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
