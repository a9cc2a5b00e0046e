//! `links` needs a build script: two versions of this crate in one program would have two
//! registries, and the runtime would read one of them.

fn main() {}
