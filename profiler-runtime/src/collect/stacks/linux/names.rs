//! Full paths of functions, from the symbol tables of the program and its libraries.
//!
//! Debug information with lines only, which is what a release build should have, knows functions by
//! the last part of their path. The symbol table has the whole path of every function that was not
//! inlined.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use backtrace::SymbolName;
use object::{Object as _, ObjectSymbol as _, ReadCache, SymbolKind};

use super::loaded::{self, Loaded};

/// Returns the function around each of these addresses, as far as symbol tables know it. Reads one
/// table for each file with an address in it: a tenth of a second for a hundred megabytes of
/// program.
pub(in crate::collect::stacks) fn of(addresses: impl Iterator<Item = u64>) -> HashMap<u64, String> {
    let loaded = loaded::loaded();
    let mut wanted: HashMap<usize, Vec<u64>> = HashMap::new();
    for address in addresses {
        // A return address may be the first after its function.
        let inside = address.saturating_sub(1);
        if let Some(place) = loaded.iter().position(|each| each.addresses.contains(&inside)) {
            wanted.entry(place).or_default().push(address);
        }
    }
    let mut names = HashMap::new();
    for (place, mut addresses) in wanted {
        addresses.sort_unstable();
        // A file without a readable table leaves its functions to the debug information.
        let _ = read(&loaded[place], &addresses, &mut names);
    }
    names
}

fn read(loaded: &Loaded, addresses: &[u64], names: &mut HashMap<u64, String>) -> Option<()> {
    let path = if loaded.file.as_os_str().is_empty() { Path::new("/proc/self/exe") } else { &loaded.file };
    let file = ReadCache::new(File::open(path).ok()?);
    let file = object::File::parse(&file).ok()?;
    read_tables(&file, loaded.base, addresses, names);
    Some(())
}

/// Names the functions around sorted addresses of one file, which lies at `base`.
pub(super) fn read_tables<'a>(
    file: &object::File<'a, &'a ReadCache<File>>,
    base: u64,
    addresses: &[u64],
    names: &mut HashMap<u64, String>,
) {
    let symbols = file.symbols().chain(file.dynamic_symbols());
    for symbol in symbols.filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        let start = base.wrapping_add(symbol.address());
        let (from, to) = (addresses.partition_point(|each| *each <= start), start.saturating_add(symbol.size()));
        let inside = addresses[from..].iter().take_while(|each| **each <= to);
        for address in inside {
            let Ok(name) = symbol.name_bytes() else { break };
            names.entry(*address).or_insert_with(|| format!("{:#}", SymbolName::new(name)));
        }
    }
}
