//! Who a stream belongs to.

#[derive(Clone, Debug)]
pub struct StreamOwner {
    pub ordinal: u32,
    pub os_id: u64,
}
