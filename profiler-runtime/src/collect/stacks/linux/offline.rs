//! Resolves addresses of a dead process from the files that its code was loaded from.
//!
//! The journal that names the files is untrusted, and the files may have changed. Only regular
//! files are opened, and a file is used only if it is the one that ran. If anything does not match,
//! functions stay unnamed and a warning says why. Files are read, not mapped: truncating a mapped
//! file would raise SIGBUS.

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

use super::known_libraries::{from_build_id, from_metadata};
use super::names;
use crate::collect::stacks::loaded_code::{Identity, Object};
use crate::collect::stacks::paths::Resolved;
use profiler_trace::records::frames::{Frame, NO_SYMBOL};

/// Maximum number of functions inlined at one address: more than any compiler produces.
const MAX_INLINED: usize = 256;
/// Maximum size of a file, and of its uncompressed sections together.
const MAX_BYTES: u64 = 4 << 30;
/// Maximum number of files that warnings name.
const MAX_WARNINGS: usize = 16;

/// Returns the functions at each return address, and warnings about files that could not be used.
pub(in crate::collect::stacks) fn look_up(
    addresses: HashSet<u64>,
    objects: &[Object],
) -> (HashMap<u64, Resolved>, Vec<String>) {
    let (mut resolved, mut warnings) = (HashMap::new(), Vec::new());
    let mut left: BTreeSet<u64> = addresses.into_iter().collect();
    // A library that was loaded later has replaced an earlier one at its addresses.
    for object in objects.iter().rev().filter(|object| object.start < object.end) {
        // A call may be the last instruction of its function; its return address then lies in the
        // next.
        let inside: Vec<u64> = left.range(object.start + 1..=object.end).copied().collect();
        if inside.is_empty() {
            continue;
        }
        for address in &inside {
            left.remove(address);
        }
        if let Err(reason) = read(object, &inside, &mut resolved) {
            warnings.push(format!("functions of `{}` in call stacks have no name: {reason}", object.file));
        }
        for address in inside {
            resolved.entry(address).or_default();
        }
    }
    let more = warnings.len().saturating_sub(MAX_WARNINGS);
    warnings.truncate(MAX_WARNINGS);
    if more > 0 {
        warnings.push(format!("functions of {more} more files in call stacks have no name"));
    }
    if !left.is_empty() {
        let count = left.len();
        warnings
            .push(format!("{count} functions in call stacks have no name: the journal does not say whose they are"));
    }
    resolved.extend(left.into_iter().map(|address| (address, Resolved::default())));
    (resolved, warnings)
}

/// Resolves the sorted addresses of one object; returns the reason if the file cannot be used.
fn read(object: &Object, addresses: &[u64], resolved: &mut HashMap<u64, Resolved>) -> Result<(), String> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "the file is gone".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    };
    let file = open(Path::new(&object.file)).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.len() > MAX_BYTES {
        return Err(format!("the file is larger than {} GiB", MAX_BYTES >> 30));
    }
    let cache = ReadCache::new(file);
    let another = || "the file is not the one any more that ran".to_owned();
    let file = object::File::parse(&cache).map_err(|_| another())?;
    let identity = match object.identity {
        Identity::BuildId(_) => file.build_id().ok().flatten().map(from_build_id),
        Identity::File { .. } => Some(from_metadata(&metadata)),
    };
    if identity.as_ref() != Some(&object.identity) {
        return Err(another());
    }
    let debug_file = debug_file(&object.identity).map(ReadCache::new);
    let debug_file = debug_file.as_ref().and_then(|file| object::File::parse(file).ok());
    let (mut names, mut symbols) = (HashMap::new(), HashMap::new());
    names::read_tables(&file, object.base, addresses, &mut names);
    debug_file.iter().for_each(|file| names::read_tables(file, object.base, addresses, &mut symbols));
    let file = debug_file.as_ref().unwrap_or(&file);
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let mut budget = MAX_BYTES;
    let sections = DwarfSections::load(|id| Ok::<_, gimli::Error>(section(file, id.name(), &mut budget)));
    let dwarf = sections.as_ref().map(|sections| sections.borrow(|bytes| EndianSlice::new(bytes, endian)));
    // Without debug information, only the symbol table is used.
    let context = dwarf.ok().and_then(|dwarf| Context::from_dwarf(dwarf).ok());
    for &address in addresses {
        let name = names.remove(&address);
        let symbol = symbols.get(&address).or(name.as_ref()).map_or(NO_SYMBOL, String::as_str);
        let in_file = (address - 1).wrapping_sub(object.base);
        let frames = context.as_ref().and_then(|context| frames(context, in_file, symbol));
        let symbol_only = || vec![Frame { function: symbol.to_owned(), ..Frame::default() }];
        let frames = frames.filter(|frames| !frames.is_empty()).unwrap_or_else(symbol_only);
        resolved.insert(address, Resolved { frames, name });
    }
    Ok(())
}

/// Opens a regular file. Opening another kind may have effects or block for ever.
fn open(path: &Path) -> io::Result<File> {
    let is_file = |is_file: bool| if is_file { Ok(()) } else { Err(io::Error::other("it is no regular file")) };
    is_file(path.is_absolute() && fs::metadata(path)?.is_file())?;
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    // Checked again: the path may lead to another file by now.
    is_file(file.metadata()?.is_file())?;
    Ok(file)
}

/// Opens the separate debug file of a build, where Linux distributions install those of their
/// libraries.
fn debug_file(identity: &Identity) -> Option<File> {
    let Identity::BuildId(id) = identity else { return None };
    let (first, rest) = id.split_at_checked(2)?;
    let file = open(&Path::new("/usr/lib/debug/.build-id").join(first).join(format!("{rest}.debug"))).ok()?;
    let length = file.metadata().ok()?.len();
    (length <= MAX_BYTES).then_some(file)
}

/// Returns a section's bytes; none if it is missing, cannot be decompressed, or exceeds the
/// `budget`.
fn section<'a>(file: &object::File<'a, &'a ReadCache<File>>, name: &str, budget: &mut u64) -> Cow<'a, [u8]> {
    let section = file.section_by_name(name).filter(|section| section.size() <= *budget);
    let found = section.and_then(|section| section.compressed_data().ok());
    *budget -= found.map_or(0, |section| section.uncompressed_size.min(*budget));
    match found {
        Some(section) if section.format == CompressionFormat::None => Cow::Borrowed(section.data),
        Some(section) if section.format == CompressionFormat::Zlib => {
            let mut bytes = Vec::new();
            let limit = section.uncompressed_size.min(MAX_BYTES);
            // A damaged section ends early.
            let _ = ZlibDecoder::new(section.data).take(limit).read_to_end(&mut bytes);
            Cow::Owned(bytes)
        }
        _ => Cow::Borrowed(&[]),
    }
}

/// Returns the functions at an address of the file, innermost first. `symbol` is the name that the
/// symbol table has for it.
fn frames(context: &Context<EndianSlice<'_, RunTimeEndian>>, address: u64, symbol: &str) -> Option<Vec<Frame>> {
    let mut found = context.find_frames(address).skip_all_loads().ok()?;
    let mut frames = Vec::new();
    while frames.len() < MAX_INLINED
        && let Ok(Some(frame)) = found.next()
    {
        // The alternate format omits the hash.
        let function = frame.function.map(|function| format!("{:#}", SymbolName::new(function.name.slice())));
        let function = function.unwrap_or_else(|| symbol.to_owned());
        let (file, line) = frame.location.map_or((None, None), |location| (location.file, location.line));
        frames.push(Frame { function, file: file.unwrap_or_default().to_owned(), line: line.unwrap_or(0) });
    }
    Some(frames)
}
