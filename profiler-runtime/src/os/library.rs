//! Opens foreign shared libraries and looks up their functions.
//!
//! A library is never closed, because CUDA's libraries leave threads and callbacks behind. Used by
//! [`driver`](crate::collect::cuda::driver), [`cupti`](crate::collect::cuda::cupti) and
//! [`nvtx`](crate::collect::nvtx).

use std::error::Error as _;
use std::ffi::{CStr, OsStr, c_char};
use std::mem::ManuallyDrop;

/// An open library.
#[derive(Debug)]
pub(crate) struct Library(ManuallyDrop<libloading::Library>);

impl Library {
    /// Opens the library that the dynamic linker finds under `name`, which may be a path.
    ///
    /// # Errors
    ///
    /// Returns the dynamic linker's message.
    pub(crate) fn open(name: impl AsRef<OsStr>) -> Result<Self, String> {
        // SAFETY: loading runs the library's constructors. The names come from this crate, from
        // `PROFILER_CUPTI_LIB` and from the variable that attaches an NVTX tool; the constructors
        // of those libraries may run at any time and on any thread.
        let opened = unsafe { libloading::Library::new(name.as_ref()) };
        // The error's own text only says that loading failed; its source holds the linker's
        // message.
        let message = |error: libloading::Error| error.source().map_or_else(|| error.to_string(), ToString::to_string);
        opened.map(|library| Self(ManuallyDrop::new(library))).map_err(message)
    }

    /// Returns the library named `name` if the process has already loaded it.
    #[cfg(target_os = "linux")]
    pub(crate) fn loaded(name: &str) -> Option<Self> {
        use libloading::os::unix::{Library as Unix, RTLD_LAZY};
        // SAFETY: `RTLD_NOLOAD` loads nothing, so no constructor runs.
        let found = unsafe { Unix::open(Some(name), RTLD_LAZY | libc::RTLD_NOLOAD) };
        found.ok().map(|library| Self(ManuallyDrop::new(library.into())))
    }

    /// Returns `None`: only Linux is asked for loaded libraries.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn loaded(_name: &str) -> Option<Self> {
        None
    }

    /// Returns the function named `name`.
    ///
    /// # Errors
    ///
    /// Returns `name` if the library does not export it.
    ///
    /// # Safety
    ///
    /// `F` is a function pointer type with the signature of that function.
    pub(crate) unsafe fn function<F: Copy>(&self, name: &'static CStr) -> Result<F, &'static CStr> {
        // SAFETY: the caller guarantees the type; the library is never closed, so the pointer stays
        // valid.
        unsafe { self.0.get::<F>(name.to_bytes_with_nul()) }.map(|function| *function).map_err(|_| name)
    }
}

/// Returns the text of a C string, empty if `name` is null.
///
/// # Safety
///
/// `name` is null or points to a string that ends with a NUL.
pub(crate) unsafe fn text(name: *const c_char) -> String {
    if name.is_null() {
        return String::new();
    }
    // SAFETY: guaranteed by the caller.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// Defines a struct of function pointers and a constructor that loads them from a [`Library`].
///
/// A row is `field: "symbol" = signature;`. Functions under `optional` may be missing.
macro_rules! functions {
    (
        $(#[$about:meta])*
        struct $table:ident {
            $( $field:ident: $symbol:literal = fn($($argument:ty),*); )*
        }
        optional { $( $ofield:ident: $osymbol:literal = fn($($oargument:ty),*); )* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct $table {
            $( pub(crate) $field: unsafe extern "C" fn($($argument),*) -> i32, )*
            $( pub(crate) $ofield: Option<unsafe extern "C" fn($($oargument),*) -> i32>, )*
        }

        impl $table {
            /// Loads every function; returns the name of the first missing one as an error.
            pub(crate) fn load(library: &$crate::os::library::Library) -> Result<Self, &'static std::ffi::CStr> {
                const fn c(name: &'static str) -> &'static std::ffi::CStr {
                    match std::ffi::CStr::from_bytes_with_nul(name.as_bytes()) {
                        Ok(name) => name,
                        Err(_) => c"",
                    }
                }
                // SAFETY: the signatures are those of CUDA's documentation, unchanged since CUDA
                // 11; every function returns an `int`-sized enum.
                unsafe {
                    Ok(Self {
                        $( $field: library.function(const { c(concat!($symbol, "\0")) })?, )*
                        $( $ofield: library.function(const { c(concat!($osymbol, "\0")) }).ok(), )*
                    })
                }
            }
        }
    };
}

pub(crate) use functions;
