//! Element types of tensors, by number in a record and by name in an artifact: the names are those that PyTorch's profiler
//! writes as `Input type`.

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
