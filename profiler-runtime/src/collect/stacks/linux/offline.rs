//! The functions at addresses of a process that is gone, from the files that its code came from.
//!
//! The journal that names the files may say anything, and they may be others by now. So only
//! regular files are opened, a file counts only if it is the very one that ran, and whatever does
//! not fit leaves functions without names, and a sentence. Files are read and not mapped: one that
//! is cut short meanwhile would be a SIGBUS.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use addr2line::Context;
use backtrace::SymbolName;
use flate2::read::ZlibDecoder;
use gimli::{DwarfSections, EndianSlice, RunTimeEndian};
use object::{CompressionFormat, Object as _, ObjectSection as _, ReadCache};

use super::known_libraries::{of_build, of_file};
use super::names;
use crate::collect::stacks::code_note::{Identity, Object};
use crate::collect::stacks::paths::Resolved;
use profiler_trace::records::frames::{Frame, NO_SYMBOL};

/// Most functions inlined into each other: no compiler makes more.
const MOST_INLINED: usize = 256;
/// Most bytes that are read from a file, and that its compressed sections may have together.
const MOST_BYTES: u64 = 4 << 30;
/// Most files that are named because their functions cannot be.
const MOST_WARNINGS: usize = 16;

/// Returns the functions at each of these return addresses, and sentences on what could not be
/// read.
pub(in crate::collect::stacks) fn look_up(
    addresses: HashSet<u64>,
    objects: &[Object],
) -> (HashMap<u64, Resolved>, Vec<String>) {
    let (mut told, mut warnings) = (HashMap::new(), Vec::new());
    let mut left: BTreeSet<u64> = addresses.into_iter().collect();
    // A library that was loaded later replaces an earlier one at its addresses.
    for object in objects.iter().rev().filter(|object| object.start < object.end) {
        // A return address may be the first after its function.
        let inside: Vec<u64> = left.range(object.start + 1..=object.end).copied().collect();
        if inside.is_empty() {
            continue;
        }
        for address in &inside {
            left.remove(address);
        }
        if let Err(reason) = read(object, &inside, &mut told) {
            warnings.push(format!("functions of `{}` in call stacks have no name: {reason}", object.file));
        }
        for address in inside {
            told.entry(address).or_default();
        }
    }
    let more = warnings.len().saturating_sub(MOST_WARNINGS);
    warnings.truncate(MOST_WARNINGS);
    if more > 0 {
        warnings.push(format!("functions of {more} more files in call stacks have no name"));
    }
    if !left.is_empty() {
        let count = left.len();
        warnings
            .push(format!("{count} functions in call stacks have no name: the journal does not say whose they are"));
    }
    told.extend(left.into_iter().map(|address| (address, Resolved::default())));
    (told, warnings)
}

/// Names the functions at sorted addresses of one object; returns why it cannot, after a colon.
fn read(object: &Object, addresses: &[u64], told: &mut HashMap<u64, Resolved>) -> Result<(), String> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "the file is gone".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    };
    let file = open(Path::new(&object.file)).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.len() > MOST_BYTES {
        return Err(format!("the file is larger than {} GiB", MOST_BYTES >> 30));
    }
    let cache = ReadCache::new(file);
    let another = || "the file is not the one any more that ran".to_owned();
    let file = object::File::parse(&cache).map_err(|_| another())?;
    let identity = match object.identity {
        Identity::BuildId(_) => file.build_id().ok().flatten().map(of_build),
        Identity::File { .. } => Some(of_file(&metadata)),
    };
    if identity.as_ref() != Some(&object.identity) {
        return Err(another());
    }
    let beside = debug_file(&object.identity).map(ReadCache::new);
    let beside = beside.as_ref().and_then(|file| object::File::parse(file).ok());
    let (mut names, mut symbols) = (HashMap::new(), HashMap::new());
    names::read_tables(&file, object.base, addresses, &mut names);
    beside.iter().for_each(|file| names::read_tables(file, object.base, addresses, &mut symbols));
    let file = beside.as_ref().unwrap_or(&file);
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let mut room = MOST_BYTES;
    let sections = DwarfSections::load(|id| Ok::<_, gimli::Error>(section(file, id.name(), &mut room)));
    let dwarf = sections.as_ref().map(|sections| sections.borrow(|bytes| EndianSlice::new(bytes, endian)));
    // Without debug information the symbol table has to do.
    let context = dwarf.ok().and_then(|dwarf| Context::from_dwarf(dwarf).ok());
    for &address in addresses {
        let name = names.remove(&address);
        let symbol = symbols.get(&address).or(name.as_ref()).map_or(NO_SYMBOL, String::as_str);
        let in_file = (address - 1).wrapping_sub(object.base);
        let frames = context.as_ref().and_then(|context| frames(context, in_file, symbol));
        let only = || vec![Frame { function: symbol.to_owned(), ..Frame::default() }];
        let frames = frames.filter(|frames| !frames.is_empty()).unwrap_or_else(only);
        told.insert(address, Resolved { frames, name });
    }
    Ok(())
}

/// Opens a regular file. Opening another kind may have effects, or wait for ever.
fn open(path: &Path) -> io::Result<File> {
    let is_file = |is_file: bool| if is_file { Ok(()) } else { Err(io::Error::other("it is no regular file")) };
    is_file(path.is_absolute() && fs::metadata(path)?.is_file())?;
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    // It may be another file since.
    is_file(file.metadata()?.is_file())?;
    Ok(file)
}

/// Returns the file with the debug information of a build, from where systems put those of their
/// libraries.
fn debug_file(identity: &Identity) -> Option<File> {
    let Identity::BuildId(id) = identity else { return None };
    let (first, rest) = id.split_at_checked(2)?;
    let file = open(&Path::new("/usr/lib/debug/.build-id").join(first).join(format!("{rest}.debug"))).ok()?;
    let length = file.metadata().ok()?.len();
    (length <= MOST_BYTES).then_some(file)
}

/// Returns a section's bytes; none if it is missing, cannot be unpacked, or has more bytes than
/// `room`.
fn section<'a>(file: &object::File<'a, &'a ReadCache<File>>, name: &str, room: &mut u64) -> Cow<'a, [u8]> {
    let section = file.section_by_name(name).filter(|section| section.size() <= *room);
    let found = section.and_then(|section| section.compressed_data().ok());
    *room -= found.map_or(0, |section| section.uncompressed_size.min(*room));
    match found {
        Some(section) if section.format == CompressionFormat::None => Cow::Borrowed(section.data),
        Some(section) if section.format == CompressionFormat::Zlib => {
            let mut bytes = Vec::new();
            let most = section.uncompressed_size.min(MOST_BYTES);
            // A damaged section ends early.
            let _ = ZlibDecoder::new(section.data).take(most).read_to_end(&mut bytes);
            Cow::Owned(bytes)
        }
        _ => Cow::Borrowed(&[]),
    }
}

/// Returns the functions at an address of the file, innermost first. `symbol` is the symbol table's
/// name for it.
fn frames(context: &Context<EndianSlice<'_, RunTimeEndian>>, address: u64, symbol: &str) -> Option<Vec<Frame>> {
    let mut found = context.find_frames(address).skip_all_loads().ok()?;
    let mut frames = Vec::new();
    while frames.len() < MOST_INLINED
        && let Ok(Some(frame)) = found.next()
    {
        // Without the hash.
        let function = frame.function.map(|function| format!("{:#}", SymbolName::new(function.name.slice())));
        let function = function.unwrap_or_else(|| symbol.to_owned());
        let (file, line) = frame.location.map_or((None, None), |location| (location.file, location.line));
        frames.push(Frame { function, file: file.unwrap_or_default().to_owned(), line: line.unwrap_or(0) });
    }
    Some(frames)
}
