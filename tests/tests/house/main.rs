//! The project's own rules, checked by reading the sources or building them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod features;
mod layers;
mod layers_support;
mod msrv;
mod pages;
mod style;
mod transparent;
mod transparent_support;
