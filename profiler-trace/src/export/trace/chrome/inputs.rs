//! The inputs of calls as Kineto writes them. Most calls of a site have those of the call before: then the text is copied.

use crate::model::Tensor;
use profiler_core::site::Site;

use super::number::push_integer;

/// What was said last, by the number of the site.
#[derive(Default)]
pub(super) struct Inputs {
    by_number: Vec<Said>,
}

#[derive(Default)]
struct Said {
    inputs: Vec<Tensor>,
    text: Vec<u8>,
}

impl Inputs {
    /// Appends four lists with one entry per input, which is at least one.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, site: &'static Site, inputs: &[Tensor]) {
        let number = site.number() as usize;
        if self.by_number.get(number).is_none_or(|said| said.inputs != inputs) {
            self.say(number, inputs);
        }
        out.extend_from_slice(&self.by_number[number].text);
    }

    fn say(&mut self, number: usize, inputs: &[Tensor]) {
        if self.by_number.len() <= number {
            self.by_number.resize_with(number + 1, Said::default);
        }
        let said = &mut self.by_number[number];
        said.inputs.clear();
        said.inputs.extend_from_slice(inputs);
        said.text.clear();
        push_inputs(&mut said.text, inputs);
    }
}

fn push_inputs(out: &mut Vec<u8>, inputs: &[Tensor]) {
    out.extend_from_slice(b",\"Concrete Inputs\":");
    push_list(out, inputs, |out, _| out.extend_from_slice(b"\"\""));
    out.extend_from_slice(b",\"Input type\":");
    push_list(out, inputs, |out, input| {
        // The names need no escaping.
        out.push(b'"');
        out.extend_from_slice(input.dtype.torch_name().as_bytes());
        out.push(b'"');
    });
    out.extend_from_slice(b",\"Input Strides\":");
    push_list(out, inputs, |out, input| {
        push_list(out, &input.strides()[..input.dims().len()], |out, stride| {
            if *stride < 0 {
                out.push(b'-');
            }
            push_integer(out, stride.unsigned_abs());
        });
    });
    out.extend_from_slice(b",\"Input Dims\":");
    push_list(out, inputs, |out, input| push_list(out, input.dims(), |out, dim| push_integer(out, *dim)));
}

fn push_list<T>(out: &mut Vec<u8>, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push(out, item);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use profiler_core::{Dtype, Kind};

    static LINEAR: Site = Site::new(Kind::Op, "linear", file!(), 1, "test");
    static CONV: Site = Site::new(Kind::Op, "conv", file!(), 2, "test");

    fn tensor(dtype: Dtype, dims: &[u64]) -> Tensor {
        let mut tensor = Tensor::new(dtype);
        dims.iter().for_each(|dim| tensor.push(*dim));
        tensor
    }

    #[test]
    fn what_was_said_before_is_said_again_only_of_the_same_inputs() {
        let small = vec![tensor(Dtype::F32, &[2, 3])];
        let other_type = vec![tensor(Dtype::Bf16, &[2, 3])];
        let pair = vec![tensor(Dtype::F32, &[2, 3]), tensor(Dtype::F32, &[3])];
        let mut inputs = Inputs::default();
        let calls = [(&LINEAR, &small), (&LINEAR, &small), (&CONV, &pair), (&LINEAR, &other_type), (&LINEAR, &pair)];
        for (site, of_call) in calls.into_iter().chain([(&LINEAR, &small), (&CONV, &pair)]) {
            let (mut said, mut anew) = (Vec::new(), Vec::new());
            inputs.push(&mut said, site, of_call);
            push_inputs(&mut anew, of_call);
            assert_eq!(said, anew);
        }
    }
}
