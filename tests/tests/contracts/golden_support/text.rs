//! Artifacts as text that can be read, reviewed and compared. A text file is kept as it is.
//!
//! Only compressed bytes are not compared: `bytes` and `crc32` of a workbook and of a `.gz` in a
//! manifest are checked against the file and then left out, because zlib-rs compresses better on
//! one processor than on another. Traces are inflated; of a workbook, the cells and the checksums
//! of its parts are kept. A file under a second name is one line in `files.txt`. Of a file longer
//! than [`LONGEST`], the checksum and both ends are kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use calamine::{Reader, Xlsx};
use flate2::Crc;
use flate2::read::GzDecoder;
use profiler_tests::unpickle;

use super::perfetto;

/// Size of the longest file that is kept whole, in bytes.
const LONGEST: usize = 100 << 10;
/// Number of lines that are kept at each end of a longer file.
const ENDS: usize = 60;

/// Returns every file in a folder and its subfolders, by path, in order.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn gather(base: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(base, &path, found);
            } else {
                let name = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read(path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    gather(folder, folder, &mut found);
    found.sort();
    found
}

/// Returns the files of a folder in the form in which they are compared.
pub(crate) fn artifacts(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = files(folder);
    let (mut kept, mut list) = (BTreeMap::new(), String::new());
    for (place, (name, content)) in files.iter().enumerate() {
        let is_second = |other: &&(String, Vec<u8>)| name.contains("/traces/") && other.1 == *content;
        match files[..place].iter().find(is_second) {
            Some((first, _)) => list += &format!("{name} = {first}\n"),
            None => {
                list += &format!("{name}\n");
                let (name, text) = as_text(name, content, &folder.join(name));
                kept.insert(name, shortened(text));
            }
        }
    }
    kept.insert("files.txt".to_owned(), list.into_bytes());
    kept
}

/// Returns the name and the text under which an artifact is kept.
fn as_text(name: &str, content: &[u8], path: &Path) -> (String, Vec<u8>) {
    if let Some(inner) = name.strip_suffix(".gz") {
        let mut inflated = Vec::new();
        GzDecoder::new(content).read_to_end(&mut inflated).unwrap();
        let (inner, text) = as_text(inner, &inflated, path);
        return (inner.replacen("trace_rank", "inflated_trace_rank", 1), text);
    }
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "pftrace" => (format!("{name}.txt"), perfetto::text(content).into_bytes()),
        "xlsx" => (format!("{name}.txt"), workbook(content).into_bytes()),
        "pickle" => (format!("{name}.json"), serde_json::to_vec_pretty(&unpickle(content)).unwrap()),
        "json" if name.contains("manifest_rank") => (name.to_owned(), manifest(content, path).into_bytes()),
        _ => (name.to_owned(), content.to_vec()),
    }
}

fn checksum(content: &[u8]) -> String {
    let mut crc = Crc::new();
    crc.update(content);
    format!("{:08x}", crc.sum())
}

/// Returns a manifest after checking its sizes and checksums against the files. Leaves those of
/// compressed files out.
fn manifest(content: &[u8], path: &Path) -> String {
    let text = std::str::from_utf8(content).unwrap();
    let lines = text.lines().map(|line| {
        let Some((kept, said)) = line.split_once(",\"bytes\":") else { return line.to_owned() };
        let artifact: serde_json::Value = serde_json::from_str(line.trim().trim_end_matches(',')).unwrap();
        let name = artifact["name"].as_str().unwrap();
        let out = path.parent().unwrap().ancestors().find(|folder| folder.ends_with("out")).unwrap();
        let own = name.strip_prefix(super::OUT).map(|rest| out.join(rest.trim_start_matches('/')));
        let file = fs::read(own.unwrap_or_else(|| path.with_file_name(name))).unwrap();
        let (bytes, crc) = (artifact["bytes"].as_u64(), artifact["crc32"].as_str());
        assert_eq!((bytes, crc), (Some(file.len() as u64), Some(checksum(&file).as_str())), "{name} in the manifest");
        let is_compressed = name.ends_with(".gz") || name.ends_with(".xlsx");
        let rest = said.split_once('}').map_or("", |(_, rest)| rest);
        if is_compressed { format!("{kept},\"bytes\":…,\"crc32\":…}}{rest}") } else { line.to_owned() }
    });
    lines.map(|line| line + "\n").collect()
}

/// Returns the parts of a workbook, and the cells of its sheets, as text.
fn workbook(content: &[u8]) -> String {
    let mut text = String::new();
    let mut parts = zip::ZipArchive::new(Cursor::new(content)).unwrap();
    for place in 0..parts.len() {
        let part = parts.by_index(place).unwrap();
        text += &format!("{}: {} bytes, crc {:08x}\n", part.name().unwrap(), part.size(), part.crc32());
    }
    let mut workbook = Xlsx::new(Cursor::new(content)).unwrap();
    for (name, range) in workbook.worksheets() {
        text += &format!("\n[{name}]\n");
        for row in range.rows() {
            let cells: Vec<_> = row.iter().map(|cell| cell.to_string().replace('\n', "\\n")).collect();
            text += &(cells.join("\t") + "\n");
        }
    }
    text
}

/// Returns the content, or only its ends if it is too long to be kept.
fn shortened(content: Vec<u8>) -> Vec<u8> {
    if content.len() <= LONGEST {
        return content;
    }
    let text = String::from_utf8_lossy(&content);
    let lines: Vec<&str> = text.lines().collect();
    let (first, last) = (lines[..ENDS].join("\n"), lines[lines.len() - ENDS..].join("\n"));
    let between = format!("… {} lines, {} bytes, crc {} …", lines.len(), content.len(), checksum(&content));
    format!("{first}\n{between}\n{last}\n").into_bytes()
}
