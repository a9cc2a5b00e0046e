//! Owner of a stream.

#[derive(Clone, Debug)]
pub struct StreamOwner {
    pub ordinal: u32,
    pub os_id: u64,
}
