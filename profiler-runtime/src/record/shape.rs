//! Shapes of an op's inputs: dims, strides and dtype of whatever implements [`Shaped`].
//!
//! The names of the dtypes are those that PyTorch's profiler writes as `Input type`.

use super::buffer;
use super::entry::{Entry, Tag};

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Dtype {
    Unknown = 0,
    F32 = 1,
    F64 = 2,
    F16 = 3,
    Bf16 = 4,
    I64 = 5,
    I32 = 6,
    I16 = 7,
    I8 = 8,
    U8 = 9,
    Bool = 10,
    U16 = 11,
    U32 = 12,
    U64 = 13,
    F8E4M3 = 14,
    /// A number that is not a tensor.
    Scalar = 15,
}

impl Dtype {
    /// PyTorch's name of the type in a trace (`Input type`).
    #[must_use]
    pub const fn torch_name(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::F32 => "float",
            Self::F64 => "double",
            Self::F16 => "c10::Half",
            Self::Bf16 => "c10::BFloat16",
            Self::I64 => "long int",
            Self::I32 => "int",
            Self::I16 => "short int",
            Self::I8 => "signed char",
            Self::U8 => "unsigned char",
            Self::Bool => "bool",
            Self::U16 => "unsigned short",
            Self::U32 => "unsigned int",
            Self::U64 => "unsigned long",
            Self::F8E4M3 => "c10::Float8_e4m3fn",
            Self::Scalar => "Scalar",
        }
    }

    /// The type with this number, `Unknown` if there is none.
    #[must_use]
    pub const fn from_u8(number: u8) -> Self {
        const ALL: [Dtype; 16] = [
            Dtype::Unknown,
            Dtype::F32,
            Dtype::F64,
            Dtype::F16,
            Dtype::Bf16,
            Dtype::I64,
            Dtype::I32,
            Dtype::I16,
            Dtype::I8,
            Dtype::U8,
            Dtype::Bool,
            Dtype::U16,
            Dtype::U32,
            Dtype::U64,
            Dtype::F8E4M3,
            Dtype::Scalar,
        ];
        if (number as usize) < ALL.len() { ALL[number as usize] } else { Self::Unknown }
    }
}

/// Dims of one input that are recorded.
pub(crate) const MAX_DIMS: usize = 8;

/// Something with a shape that `shapes(…)` can record.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no shape that `shapes(…)` can record",
    note = "implement `profiler_runtime::Shaped` for it, or name an input that is a slice, an array, a number, or (feature `candle`) a candle tensor"
)]
pub trait Shaped {
    /// Tells `out` dtype and dims: one call per input.
    fn write_shape(&self, out: &mut ShapeWriter);
}

/// Takes the shapes of one op's inputs.
#[derive(Debug)]
pub struct ShapeWriter {
    pub(super) site: u32,
    /// Where a future's description waits for the first poll; `None` writes into the thread's stream.
    pub(super) held: Option<Vec<Entry>>,
}

impl ShapeWriter {
    /// One tensor. Dims beyond the eighth are not recorded.
    pub fn tensor(&mut self, dtype: Dtype, dims: &[usize]) {
        let dims = &dims[..dims.len().min(MAX_DIMS)];
        let head = Entry::new(Tag::Shape, self.site, (dtype as u64) << 8 | dims.len() as u64);
        let mut entries = [head; 1 + MAX_DIMS / 2];
        for (entry, pair) in entries[1..].iter_mut().zip(dims.chunks(2)) {
            *entry = Entry::dims(pair[0] as u64, pair.get(1).copied().unwrap_or(0) as u64);
        }
        self.write(&entries[..1 + dims.len().div_ceil(2)]);
    }

    pub(super) fn write(&mut self, entries: &[Entry]) {
        match &mut self.held {
            Some(held) => held.extend_from_slice(entries),
            None => buffer::append_slice(entries),
        }
    }

    /// A number.
    pub fn scalar(&mut self) {
        self.tensor(Dtype::Scalar, &[]);
    }
}

/// An element type that a slice's shape can name.
pub trait Element {
    /// Its dtype.
    const DTYPE: Dtype;
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
    f32 => F32, f64 => F64, i64 => I64, i32 => I32, i16 => I16, i8 => I8, u8 => U8, u16 => U16, u32 => U32, u64 => U64, bool => Bool, usize => U64, isize => I64,
}

impl<T: Shaped + ?Sized> Shaped for &T {
    fn write_shape(&self, out: &mut ShapeWriter) {
        (**self).write_shape(out);
    }
}

impl<T: Shaped + ?Sized> Shaped for &mut T {
    fn write_shape(&self, out: &mut ShapeWriter) {
        (**self).write_shape(out);
    }
}

impl Shaped for str {
    /// A text is an input without a shape, as in PyTorch.
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(Dtype::Unknown, &[]);
    }
}

impl Shaped for String {
    fn write_shape(&self, out: &mut ShapeWriter) {
        self.as_str().write_shape(out);
    }
}

impl<T: Element> Shaped for [T] {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(T::DTYPE, &[self.len()]);
    }
}

impl<T: Element, const N: usize> Shaped for [T; N] {
    fn write_shape(&self, out: &mut ShapeWriter) {
        out.tensor(T::DTYPE, &[N]);
    }
}

impl<T: Element> Shaped for Vec<T> {
    fn write_shape(&self, out: &mut ShapeWriter) {
        self.as_slice().write_shape(out);
    }
}

impl<T: Shaped> Shaped for Option<T> {
    /// `None` is an input without a shape, as in PyTorch.
    fn write_shape(&self, out: &mut ShapeWriter) {
        match self {
            Some(inner) => inner.write_shape(out),
            None => out.tensor(Dtype::Unknown, &[]),
        }
    }
}

#[cfg(feature = "candle")]
impl Shaped for candle_core::Tensor {
    fn write_shape(&self, out: &mut ShapeWriter) {
        use candle_core::DType;
        let dtype = match self.dtype() {
            DType::F32 => Dtype::F32,
            DType::F64 => Dtype::F64,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::Bf16,
            DType::I64 => Dtype::I64,
            DType::I32 => Dtype::I32,
            DType::I16 => Dtype::I16,
            DType::U32 => Dtype::U32,
            DType::U8 => Dtype::U8,
            DType::F8E4M3 => Dtype::F8E4M3,
            _ => Dtype::Unknown,
        };
        out.tensor(dtype, self.dims());
    }
}
