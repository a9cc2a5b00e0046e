//! The sources of GPU times behind one interface, and their list.
//!
//! ```text
//! session ─► sources(), best first ─► Source::prepare ─► Capture: start … finish ─► decode ─► GpuRecord
//! ```
//!
//! A session prepares every source that its configuration asks for. The first that starts records;
//! the others replace it where it cannot. A source keeps its libraries, layouts and numbers in its
//! own folder; here is one line for each. Another crate brings a source by [`Registered`].

pub(crate) mod source;
pub(super) mod turns;

use super::cuda;
pub(crate) use source::{Capture, Source, Wanted};

/// Sources of this crate, best first.
static OWN: [&dyn Source; 2] = [&cuda::cupti::Source, &cuda::event_timing::Source];

/// A source of another crate, which comes after those of this one. `inventory::submit!` registers
/// it.
#[derive(Debug)]
pub struct Registered(pub &'static dyn Source);

inventory::collect!(Registered);

/// Returns every source, best first.
pub(crate) fn sources() -> impl Iterator<Item = &'static dyn Source> {
    OWN.into_iter().chain(inventory::iter::<Registered>.into_iter().map(|registered| registered.0))
}

/// Returns the bytes of GPU records that wait to be read.
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
