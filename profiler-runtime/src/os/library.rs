//! Opening a foreign shared library, once and for good.
//!
//! Never closed: CUDA's libraries leave threads and callbacks behind.
//! [`driver`](crate::collect::cuda::driver), [`cupti`](crate::collect::cuda::cupti) and
//! [`nvtx`](crate::collect::nvtx) look their functions up here.

use std::error::Error as _;
use std::ffi::{CStr, OsStr, c_char};
use std::mem::ManuallyDrop;

/// An open library.
#[derive(Debug)]
pub(crate) struct Library(ManuallyDrop<libloading::Library>);

impl Library {
    /// Opens the library that the dynamic linker finds under this name or path.
    ///
    /// # Errors
    ///
    /// Returns the linker's own words.
    pub(crate) fn open(name: impl AsRef<OsStr>) -> Result<Self, String> {
        // SAFETY: the names come from this room, from `PROFILER_CUPTI_LIB` and from the variable
        // that attaches an NVTX tool: libraries whose constructors may run at any time and on any
        // thread.
        let opened = unsafe { libloading::Library::new(name.as_ref()) };
        // The error itself only says that it failed; its source has the linker's words.
        let words = |error: libloading::Error| error.source().map_or_else(|| error.to_string(), ToString::to_string);
        opened.map(|library| Self(ManuallyDrop::new(library))).map_err(words)
    }

    /// Returns the library of this name if the process has loaded it already.
    #[cfg(target_os = "linux")]
    pub(crate) fn loaded(name: &str) -> Option<Self> {
        use libloading::os::unix::{Library as Unix, RTLD_LAZY};
        // SAFETY: `RTLD_NOLOAD` loads nothing, so no code runs.
        let found = unsafe { Unix::open(Some(name), RTLD_LAZY | libc::RTLD_NOLOAD) };
        found.ok().map(|library| Self(ManuallyDrop::new(library.into())))
    }

    /// Returns the library of this name if the process has loaded it already; not known here.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn loaded(_name: &str) -> Option<Self> {
        None
    }

    /// Returns the function of this name.
    ///
    /// # Errors
    ///
    /// Returns the name, if the library does not have it.
    ///
    /// # Safety
    ///
    /// `F` is a function pointer type, with the signature of that function.
    pub(crate) unsafe fn function<F: Copy>(&self, name: &'static CStr) -> Result<F, &'static CStr> {
        // SAFETY: the caller promises the type; the library is never closed, so the pointer stays
        // valid.
        unsafe { self.0.get::<F>(name.to_bytes_with_nul()) }.map(|function| *function).map_err(|_| name)
    }
}

/// Returns a C string's text; empty for null.
///
/// # Safety
///
/// `name` is null or points to a string that ends with a NUL.
pub(crate) unsafe fn text(name: *const c_char) -> String {
    if name.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// Makes a struct of function pointers and the function that fills it from a [`Library`].
///
/// A row is `field: "symbol" = signature;`. The functions of `optional` need not be there.
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
            pub(crate) fn of(library: &$crate::os::library::Library) -> Result<Self, &'static std::ffi::CStr> {
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
