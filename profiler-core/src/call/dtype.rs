//! Element types of tensors: a number in recordings, and in artifacts the name that PyTorch's
//! profiler writes as `Input type`.

macro_rules! dtypes {
    ($($(#[$about:meta])* $dtype:ident = $number:literal $torch_name:literal;)+) => {
        /// Element type of a tensor.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the names are self-explanatory")]
        pub enum Dtype {
            $($(#[$about])* $dtype = $number),+
        }

        impl Dtype {
            /// Returns PyTorch's name for the type in a trace (`Input type`).
            #[must_use]
            pub const fn torch_name(self) -> &'static str {
                match self {
                    $(Self::$dtype => $torch_name),+
                }
            }

            /// Returns the type with this number, or `Unknown`.
            #[must_use]
            pub const fn from_u8(number: u8) -> Self {
                match number {
                    $($number => Self::$dtype,)+
                    _ => Self::Unknown,
                }
            }
        }
    };
}

dtypes! {
    Unknown = 0 "";
    F32 = 1 "float";
    F64 = 2 "double";
    F16 = 3 "c10::Half";
    Bf16 = 4 "c10::BFloat16";
    I64 = 5 "long int";
    I32 = 6 "int";
    I16 = 7 "short int";
    I8 = 8 "signed char";
    U8 = 9 "unsigned char";
    Bool = 10 "bool";
    U16 = 11 "unsigned short";
    U32 = 12 "unsigned int";
    U64 = 13 "unsigned long";
    F8E4M3 = 14 "c10::Float8_e4m3fn";
    /// A number that is not a tensor.
    Scalar = 15 "Scalar";
}
