//! What a session gathers beside its own ranges. Each source can be absent, and says why.

pub(crate) mod symbols;
