//! Empty build script, which `links` requires. `links` forbids two versions of this crate in one
//! program: each would have a registry of its own, and the runtime would read only one of them.

fn main() {}
