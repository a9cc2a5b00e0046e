//! `Shaped` for ndarray's arrays.

use core::marker::PhantomData;

use ndarray::{ArrayBase, Dimension, RawData};
use profiler_core::shape::{Element, ShapeWriter, Shaped};

/// Origin of the shapes of ndarray's arrays, given the origin `O` of their elements.
#[derive(Debug)]
pub struct Array<O>(PhantomData<O>);

impl<S: RawData<Elem: Element<O>>, D: Dimension, O> Shaped<Array<O>> for ArrayBase<S, D> {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.strided(S::Elem::DTYPE, self.shape(), self.strides().iter().copied());
    }
}
