//! The guide: pages about one topic each.

// The pages are the files of this crate's folder `docs`, where a page links to another as a file.
// Of two definitions of a link the first counts: those in front of a page's text link to a module.

#[doc = include_str!("../docs/annotate.md")]
pub mod annotate {}

#[doc = include_str!("../docs/artifacts.md")]
pub mod artifacts {}

#[doc = "[upstream]: crate::_documentation::upstream"]
#[doc = ""]
#[doc = include_str!("../docs/configuration.md")]
pub mod configuration {}

#[doc = "[launchers]: crate::_documentation::launchers"]
#[doc = ""]
#[doc = include_str!("../docs/control.md")]
pub mod control {}

#[doc = include_str!("../docs/launchers.md")]
pub mod launchers {}

#[doc = include_str!("../docs/memory.md")]
pub mod memory {}

#[doc = include_str!("../docs/nvidia.md")]
pub mod nvidia {}

#[doc = "[launchers]: crate::_documentation::launchers"]
#[doc = ""]
#[doc = include_str!("../docs/recorder.md")]
pub mod recorder {}

#[doc = "[configuration]: crate::_documentation::configuration"]
#[doc = ""]
#[doc = include_str!("../docs/spans.md")]
pub mod spans {}

#[doc = "[control]: crate::_documentation::control"]
#[doc = ""]
#[doc = include_str!("../docs/upstream.md")]
pub mod upstream {}

#[doc = include_str!("../docs/versions.md")]
pub mod versions {}

/// The package's own page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
