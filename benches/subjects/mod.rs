//! The compared tools, each set up as its own documentation recommends.

mod bare;
#[cfg(feature = "peers")]
mod fastrace;
#[cfg(feature = "peers")]
mod fastrace_tracing;
#[cfg(feature = "peers")]
mod hotpath;
mod lower_bound;
pub(crate) mod ours;
mod ours_kept;
mod ours_on_stream;
#[cfg(feature = "peers")]
mod ours_tracing;
mod packet_file;
#[cfg(feature = "peers")]
mod puffin;
mod trace_file;
#[cfg(feature = "peers")]
mod tracing_chrome;
#[cfg(feature = "tracy")]
mod tracy;

use profiler_benches::subject::Subject;

/// Short name of the call without annotation.
pub(crate) const BARE: &str = "bare";
/// Short name of this product.
pub(crate) const OURS: &str = "ours";
/// Short name of the subject that ratios refer to.
pub(crate) const LOWER_BOUND: &str = "lower-bound";

/// Returns all subjects, in the order of the tables.
pub(crate) fn all() -> Vec<&'static dyn Subject> {
    vec![
        &bare::Bare,
        &lower_bound::LowerBound,
        &ours::Ours,
        &ours::OursAgain,
        &ours_kept::RING,
        &ours_kept::SPOOL,
        &ours_on_stream::OursOnStream,
        #[cfg(feature = "peers")]
        &puffin::Puffin,
        #[cfg(feature = "tracy")]
        &tracy::Tracy,
        #[cfg(feature = "peers")]
        &hotpath::Hotpath,
        #[cfg(feature = "peers")]
        &fastrace::Fastrace,
        #[cfg(feature = "peers")]
        &ours_tracing::SUBSCRIBER,
        #[cfg(feature = "peers")]
        &ours_tracing::LAYER,
        #[cfg(feature = "peers")]
        &fastrace_tracing::FastraceTracing,
        #[cfg(feature = "peers")]
        &tracing_chrome::TracingChrome,
    ]
}
