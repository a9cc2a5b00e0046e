//! The inputs of calls as Kineto writes them. Most calls of a site have those of the call before: then the text is copied.

use crate::model::Tensor;
use profiler_core::site::Site;

/// What was said last, by the number of the site.
#[derive(Default)]
pub(super) struct Inputs(Vec<Said>);

#[derive(Default)]
struct Said {
    inputs: Vec<Tensor>,
    text: Vec<u8>,
}

impl Inputs {
    /// Appends what was said last of the site, if that was of the same inputs, of which there is at least one.
    pub(super) fn push_known(&self, out: &mut Vec<u8>, site: &'static Site, inputs: &[Tensor]) -> bool {
        let known = self.0.get(site.number() as usize).filter(|said| said.inputs == inputs);
        known.inspect(|said| out.extend_from_slice(&said.text)).is_some()
    }

    /// Keeps what was said of a call's inputs.
    pub(super) fn keep(&mut self, site: &'static Site, inputs: &[Tensor], text: &[u8]) {
        let number = site.number() as usize;
        if self.0.len() <= number {
            self.0.resize_with(number + 1, Said::default);
        }
        let said = &mut self.0[number];
        inputs.clone_into(&mut said.inputs);
        text.clone_into(&mut said.text);
    }
}
