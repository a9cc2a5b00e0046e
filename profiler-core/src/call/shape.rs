//! Shapes of an op's inputs: the trait [`Shaped`], and its implementations for numbers, slices,
//! tuples and the like.

use super::count::IntoCount;
use super::dtype::Dtype;
#[cfg(feature = "std")]
use super::shape_writer::{LISTS_DIMS, MAX_DIMS, ShapeWriter};
#[cfg(not(feature = "std"))]
use crate::off::{LISTS_DIMS, MAX_DIMS, ShapeWriter};

/// A value whose shape `shapes(…)` can record: a tensor, a list of elements (an input with one
/// dim), or a number. For a tensor without this trait, pass its dims as [`Dims`].
///
/// The parameter `Origin` lets a crate implement this trait for another crate's tensor, as
/// `profiler-shapes` does for candle's: the crate uses a type of its own as `Origin`, and the
/// compiler infers it in `shapes(…)`. For your own tensor, leave it out:
/// `impl Shaped for MyTensor`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no shape that `shapes(…)` can record",
    note = "implement `Shaped` for it, name an input that is a slice, an array, a number, or (feature `candle`) a candle tensor, or give a tensor's dims and type: `Dims(x.dims(), Dtype::F32)`"
)]
pub trait Shaped<Origin = Own> {
    /// Writes dtype and dims to `out`, with one call of a writer's method for each input.
    fn write_shape(&self, out: &mut ShapeWriter);

    /// Returns whether the value is a `usize`, because a tuple of those may be a tensor's dims.
    #[doc(hidden)]
    fn is_count(&self) -> bool {
        false
    }
}

/// Shape of a tensor whose type does not implement [`Shaped`]: its dims, as a slice of any integer
/// type, and its dtype.
///
/// A plain list of integers is an input with one dim, such as a list of token ids. So for a 2×3
/// tensor `shapes(x.dims())` records `[2]`; a session warns about each site that records a list of
/// `usize`.
///
/// ```
/// use profiler_core::shape::{Dims, Dtype};
/// use profiler_core::profiled_op;
///
/// struct Tensor { dims: Vec<usize> }
///
/// #[profiled_op("relu", shapes(Dims(&x.dims, Dtype::F32)))]
/// fn relu(x: &Tensor) {}
/// # relu(&Tensor { dims: vec![2, 3] });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims<'a, I>(pub &'a [I], pub Dtype);

/// Default origin, of types that implement [`Shaped`] or [`Element`] in their own crate.
#[derive(Debug)]
pub enum Own {}

impl<I: Copy + IntoCount> Shaped for Dims<'_, I> {
    fn write_shape(&self, out: &mut ShapeWriter) {
        let Self(given, dtype) = *self;
        let mut dims = [0; MAX_DIMS];
        let filled = dims.iter_mut().zip(given).map(|(dim, of)| *dim = count(*of)).count();
        out.tensor(dtype, &dims[..filled]);
    }
}

/// Converts a dim to `usize`; negative dims become 0.
fn count(dim: impl IntoCount) -> usize {
    usize::try_from(dim.into_count()).unwrap_or(usize::MAX)
}

/// An element type of slices whose shapes can be recorded.
pub trait Element<Origin = Own> {
    /// Dtype of the element.
    const DTYPE: Dtype;
    /// True for `usize`, because a list of those may be a tensor's dims.
    #[doc(hidden)]
    const IS_COUNT: bool = false;
}

macro_rules! elements {
    ($($type:ty => $dtype:ident),* $(,)?) => {$(
        impl Element for $type {
            const DTYPE: Dtype = Dtype::$dtype;
        }
        impl Shaped for $type {
            fn write_shape(&self, out: &mut ShapeWriter) {
                out.scalar();
            }
        }
    )*};
}

elements! {
    f32 => F32, f64 => F64, i64 => I64, i32 => I32, i16 => I16, i8 => I8,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, bool => Bool, isize => I64,
}

// Token ids are `u32` or `i64` and tensors of bytes are `u8`, but dims are `usize`, which tensors
// hardly ever hold.
impl Element for usize {
    const DTYPE: Dtype = Dtype::U64;
    const IS_COUNT: bool = true;
}

impl Shaped for usize {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.scalar();
    }

    fn is_count(&self) -> bool {
        true
    }
}

impl<T: Shaped<O> + ?Sized, O> Shaped<O> for &T {
    fn write_shape(&self, out: &mut ShapeWriter) {
        (**self).write_shape(out);
    }

    fn is_count(&self) -> bool {
        (**self).is_count()
    }
}

impl<T: Shaped<O> + ?Sized, O> Shaped<O> for &mut T {
    fn write_shape(&self, out: &mut ShapeWriter) {
        (**self).write_shape(out);
    }

    fn is_count(&self) -> bool {
        (**self).is_count()
    }
}

impl Shaped for str {
    /// Writes an input without a shape, as PyTorch does for strings.
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::Unknown, &[]);
    }
}

#[cfg(feature = "std")]
impl Shaped for String {
    fn write_shape(&self, out: &mut ShapeWriter) {
        self.as_str().write_shape(out);
    }
}

impl<T: Element<O>, O> Shaped<O> for [T] {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.list::<T, O>(self.len());
    }
}

impl<T: Element<O>, O, const N: usize> Shaped<O> for [T; N] {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.list::<T, O>(N);
    }
}

#[cfg(feature = "std")]
impl<T: Element<O>, O> Shaped<O> for Vec<T> {
    fn write_shape(&self, out: &mut ShapeWriter) {
        self.as_slice().write_shape(out);
    }
}

impl<T: Shaped<O>, O> Shaped<O> for Option<T> {
    /// Writes `None` as an input without a shape, as PyTorch does.
    fn write_shape(&self, out: &mut ShapeWriter) {
        match self {
            Some(inner) => inner.write_shape(out),
            None => out.tensor(Dtype::Unknown, &[]),
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident $origin:ident)+)),+) => {$(
        impl<$($name: Shaped<$origin>, $origin),+> Shaped<($($origin,)+)> for ($($name,)+) {
            /// Writes one input for each element. Two or more elements that are all `usize` may be
            /// meant as a tensor's dims, and are marked.
            #[allow(non_snake_case)]
            fn write_shape(&self, out: &mut ShapeWriter) {
                let ($($name,)+) = self;
                let parts = [$($name.is_count()),+];
                if parts.len() > 1 && parts.iter().all(|is_count| *is_count) {
                    parts.iter().for_each(|_| out.marked(Dtype::Scalar, &[], LISTS_DIMS));
                } else {
                    $($name.write_shape(out);)+
                }
            }
        }
    )+};
}

tuples!(
    (A OfA),
    (A OfA B OfB),
    (A OfA B OfB C OfC),
    (A OfA B OfB C OfC D OfD),
    (A OfA B OfB C OfC D OfD E OfE),
    (A OfA B OfB C OfC D OfD E OfE F OfF)
);

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::super::shape_writer::Described;
    use super::*;
    use crate::stream::entry::{Entry, Tag};
    use crate::stream::key::Key;

    fn written<O>(input: &(impl Shaped<O> + ?Sized)) -> Vec<Entry> {
        let mut writer = ShapeWriter { site: 1, held: Some(Described::default()) };
        input.write_shape(&mut writer);
        writer.held.unwrap_or_default().finish()
    }

    fn head(dtype: Dtype, dims: u8) -> Entry {
        Entry::argument_of(Key::INPUT, dims, 1, dtype as u64)
    }

    /// A matrix and its transpose.
    struct Matrix([isize; 2]);

    impl Shaped for Matrix {
        fn write_shape(&self, out: &mut ShapeWriter) {
            out.strided(Dtype::F32, &[3, 5], self.0);
        }
    }

    #[test]
    fn strides_are_written_only_where_they_are_not_row_major() {
        let row_major = [head(Dtype::F32, 2), Entry::pair(Tag::More, 3, 5)];
        assert_eq!(written(&Matrix([5, 1])), row_major);
        let strides = [Entry::argument_of(Key::STRIDES, 1, 1, 1), Entry::pair(Tag::More, 3, 0)];
        assert_eq!(written(&Matrix([1, 3])), [row_major, strides].concat());
    }

    /// A7: a list of `usize` is marked, and so is a tuple of nothing but `usize`.
    #[test]
    fn only_lists_of_usize_are_marked_as_possible_dims() {
        fn marks<O>(input: &impl Shaped<O>) -> usize {
            written(input).iter().filter(|entry| entry.value() & LISTS_DIMS != 0).count()
        }
        assert_eq!([marks(&[2_usize, 3]), marks(&vec![2_usize, 3]), marks(&&[2_usize, 3][..])], [1; 3]);
        assert_eq!([marks(&(2_usize, 3_usize)), marks(&(&2_usize, 3_usize, 4_usize))], [2, 3]);
        assert_eq!([marks(&vec![7_i64]), marks(&[7_u32]), marks(&[7_u64]), marks(&[1.0_f32])], [0; 4], "token ids");
        assert_eq!([marks(&2_usize), marks(&(2_usize, 3_u32)), marks(&(2_usize,))], [0; 3]);
    }

    /// A7: dims may have any integer type; at most eight are recorded.
    #[test]
    fn dims_are_the_shape_of_a_tensor() {
        let expected = [head(Dtype::F16, 2), Entry::pair(Tag::More, 2, 3)];
        assert_eq!(written(&Dims(&[2_usize, 3], Dtype::F16)), expected);
        assert_eq!(written(&Dims(&[2_i64, 3], Dtype::F16)), expected);
        assert_eq!(written(&Dims(&[2, -1], Dtype::F16))[0], head(Dtype::F16, 2));
        assert_eq!(written(&Dims(&[1_u32; 20], Dtype::F32))[0], head(Dtype::F32, 8));
    }

    #[test]
    fn a_tuple_is_one_input_for_each_part() {
        let parts = written(&(vec![1_u8; 7], 2.0_f64, None::<&[i64]>));
        let heads: Vec<_> = parts.into_iter().filter(|entry| entry.is(Tag::Argument)).collect();
        assert_eq!(heads, [head(Dtype::U8, 1), head(Dtype::Scalar, 0), head(Dtype::Unknown, 0)]);
    }
}
