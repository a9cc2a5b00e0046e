//! Resolves addresses to full function paths by the symbol tables of the program and its libraries.
//!
//! A release build should have line tables only (`debug = "line-tables-only"`). Such debug
//! information contains only the last part of a function's path; the symbol table has the full path
//! of every function that was not inlined.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

use backtrace::SymbolName;
use object::{Object as _, ObjectSymbol as _, ReadCache, SymbolKind};

use super::loaded::{self, Loaded};

/// Returns the function around each address, as far as symbol tables contain it. Reads one table
/// for each file that contains an address: a tenth of a second for a program of a hundred
/// megabytes.
pub(in crate::collect::stacks) fn resolve(addresses: impl Iterator<Item = u64>) -> HashMap<u64, String> {
    let loaded = loaded::loaded();
    let mut wanted: HashMap<usize, Vec<u64>> = HashMap::new();
    for address in addresses {
        // A call may be the last instruction of its function; its return address then lies in the
        // next.
        let inside = address.saturating_sub(1);
        if let Some(index) = loaded.iter().position(|each| each.addresses.contains(&inside)) {
            wanted.entry(index).or_default().push(address);
        }
    }
    let mut names = HashMap::new();
    for (index, mut addresses) in wanted {
        addresses.sort_unstable();
        // Without a readable table, the debug information names the functions.
        let _ = read(&loaded[index], &addresses, &mut names);
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

/// Adds the names of the functions around sorted `addresses` of one file, which is loaded at
/// `base`.
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
