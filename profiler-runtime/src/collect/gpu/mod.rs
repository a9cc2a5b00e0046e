//! Lists the sources of GPU times behind one interface, [`Source`].
//!
//! ```text
//! session ─► sources(), best first ─► Source::prepare ─► Capture: start … finish ─► decode ─► GpuRecord
//! ```
//!
//! A session prepares every source that its configuration allows and starts them in order until one
//! records. Each source keeps its libraries, layouts and constants in a folder of its own; this
//! file has one line for it. Other crates add a source with [`Registered`].

pub(crate) mod source;
pub(super) mod turns;

use super::cuda;
pub(crate) use source::{Capture, Source, Wanted};

/// Sources of this crate, best first.
static OWN: [&dyn Source; 2] = [&cuda::cupti::Source, &cuda::event_timing::Source];

/// A source of another crate, registered with `inventory::submit!`. It comes after the sources of
/// this crate.
#[derive(Debug)]
pub struct Registered(pub &'static dyn Source);

inventory::collect!(Registered);

/// Returns every source, best first.
pub(crate) fn sources() -> impl Iterator<Item = &'static dyn Source> {
    OWN.into_iter().chain(inventory::iter::<Registered>.into_iter().map(|registered| registered.0))
}

/// Returns the bytes of GPU records that have not been decoded yet.
pub(crate) fn bytes_in_use() -> usize {
    sources().map(Source::bytes_in_use).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GpuTiming;

    #[test]
    fn a_configuration_can_ask_for_each_source_by_name() {
        let names: Vec<_> = OWN.iter().map(|source| source.name().word).collect();
        assert_eq!(GpuTiming::NAMES, [&["auto"], &names[..]].concat());
    }
}
