//! Names and categories of CUDA API calls under [`CudaApiNames`]: Kineto's, or those by which consumers find launches.
//!
//! PyTorch launches through the runtime's API, so its consumers look for `cudaLaunchKernel` and the like. A program that calls
//! the driver has none of them: Holistic Trace Analysis' launch statistics and the links of TraceLens are empty then.
//! TensorBoard's plugin knows calls by the category `Runtime` alone, which Kineto no longer writes.

use crate::model::CudaApiNames;
use crate::records::gpu::Api;

/// Calls of the driver's API, by the beginnings of their names, and the runtime's calls that do the same. The first that
/// fits counts.
const RUNTIME: [(&str, &str); 11] = [
    ("cuLaunchKernelEx", "cudaLaunchKernelExC"),
    ("cuLaunchKernel", "cudaLaunchKernel"),
    ("cuLaunchCooperativeKernel", "cudaLaunchKernel"),
    ("cuGraphLaunch", "cudaGraphLaunch"),
    ("cuStreamWaitEvent", "cudaStreamWaitEvent"),
    ("cuStreamSynchronize", "cudaStreamSynchronize"),
    ("cuEventRecord", "cudaEventRecord"),
    ("cuEventSynchronize", "cudaEventSynchronize"),
    ("cuCtxSynchronize", "cudaDeviceSynchronize"),
    ("cuMemcpy", "cudaMemcpy"),
    ("cuMemset", "cudaMemset"),
];

/// How a call is shown.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::export) struct Shown {
    pub(in crate::export) category: &'static str,
    /// Another name than its own.
    pub(in crate::export) name: Option<&'static str>,
}

/// Returns how a call is shown. What the runtime's API called inside is the runtime's work, and stays the driver's.
pub(in crate::export) fn shown(names: CudaApiNames, api: Api, name: &str, is_inner: bool) -> Shown {
    let category = match api {
        Api::Driver => "cuda_driver",
        Api::Runtime => "cuda_runtime",
    };
    if names == CudaApiNames::Called || is_inner {
        return Shown { category, name: None };
    }
    let name = if api == Api::Driver { runtime_name(name) } else { None };
    let category = match names {
        CudaApiNames::Tensorboard => "Runtime",
        _ if name.is_some() => "cuda_runtime",
        _ => category,
    };
    Shown { category, name }
}

fn runtime_name(driver: &str) -> Option<&'static str> {
    let (_, name) = *RUNTIME.iter().find(|(begin, _)| driver.starts_with(begin))?;
    Some(match name {
        "cudaMemcpy" if driver.contains("Async") => "cudaMemcpyAsync",
        "cudaMemset" if driver.contains("Async") => "cudaMemsetAsync",
        name => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_calls_get_the_runtimes_names_where_asked() {
        let name = |driver| shown(CudaApiNames::Runtime, Api::Driver, driver, false).name;
        assert_eq!(name("cuLaunchKernel_ptsz"), Some("cudaLaunchKernel"));
        assert_eq!(name("cuLaunchKernelEx"), Some("cudaLaunchKernelExC"));
        assert_eq!(name("cuMemcpyHtoDAsync_v2"), Some("cudaMemcpyAsync"));
        assert_eq!(name("cuMemcpyDtoH_v2"), Some("cudaMemcpy"));
        assert_eq!(name("cuMemsetD8Async"), Some("cudaMemsetAsync"));
        assert_eq!(name("cuModuleLoadData"), None);
        let called = shown(CudaApiNames::Called, Api::Driver, "cuLaunchKernel", false);
        assert_eq!(called, Shown { category: "cuda_driver", name: None });
    }

    #[test]
    fn categories_are_those_that_consumers_look_for() {
        let category = |names, api, is_inner| shown(names, api, "cuLaunchKernel", is_inner).category;
        assert_eq!(category(CudaApiNames::Runtime, Api::Driver, false), "cuda_runtime");
        assert_eq!(category(CudaApiNames::Tensorboard, Api::Driver, false), "Runtime");
        assert_eq!(category(CudaApiNames::Tensorboard, Api::Runtime, false), "Runtime");
        assert_eq!(category(CudaApiNames::Tensorboard, Api::Driver, true), "cuda_driver", "one call a launch");
    }
}
