//! CUDA API calls, with names and categories according to [`CudaApiNames`]: those of Kineto, or
//! those that consumers recognise as launches.
//!
//! PyTorch launches through the runtime API, so consumers of its traces look for names such as
//! `cudaLaunchKernel`. A program that calls the driver has no such calls, which leaves the launch
//! statistics of Holistic Trace Analysis and the links of TraceLens empty. TensorBoard's plugin
//! recognises calls only by the category `Runtime`, which Kineto no longer writes.

use crate::model::{CudaApiNames, Gpu, PlacedCall};
use crate::records::gpu::Api;

use super::{Args, Category, Event, Key, Name};

/// Prefixes of driver API calls, and the equivalent runtime API calls. The first match applies.
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

/// A CUDA API call.
pub(in crate::export) struct Call<'a> {
    placed: &'a PlacedCall,
    /// Name of the called function.
    called: &'a str,
    category: Category,
    /// Name to show instead of `called`.
    name: Option<&'static str>,
}

impl<'a> Call<'a> {
    pub(in crate::export) fn new(gpu: &'a Gpu, placed: &'a PlacedCall, names: CudaApiNames) -> Self {
        let called = gpu.name(placed.call.name);
        let (category, name) = shown(names, placed.call.api, called, placed.is_inner);
        Self { placed, called, category, name }
    }
}

impl Event for Call<'_> {
    fn title(&self) -> (Category, Name<'_>) {
        let own = Name::Gpu(self.placed.call.name, self.called);
        (self.category, self.name.map_or(own, |name| Name::Shared(name.into())))
    }

    fn args(&self, args: &mut impl Args) {
        let PlacedCall { call, external_id, is_inner, .. } = *self.placed;
        args.value(Key::Cbid, call.function);
        args.some(Key::Called, self.name.map(|_| self.called));
        // HTA requires one call per correlation id.
        args.some(Key::Correlation, (!is_inner).then_some(call.correlation));
        args.some(Key::ExternalId, Some(external_id).filter(|id| *id > 0));
    }
}

/// Returns the category of a call, and the name to show if it differs from its own. Driver calls
/// made by the runtime API keep their name and category, because they are the runtime's work.
fn shown(names: CudaApiNames, api: Api, name: &str, is_inner: bool) -> (Category, Option<&'static str>) {
    let category = match api {
        Api::Driver => Category::Driver,
        Api::Runtime => Category::Runtime,
    };
    if names == CudaApiNames::Called || is_inner {
        return (category, None);
    }
    let name = if api == Api::Driver { runtime_name(name) } else { None };
    let category = match names {
        CudaApiNames::Tensorboard => Category::Tensorboard,
        _ if name.is_some() => Category::Runtime,
        _ => category,
    };
    (category, name)
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
        let name = |driver| shown(CudaApiNames::Runtime, Api::Driver, driver, false).1;
        assert_eq!(name("cuLaunchKernel_ptsz"), Some("cudaLaunchKernel"));
        assert_eq!(name("cuLaunchKernelEx"), Some("cudaLaunchKernelExC"));
        assert_eq!(name("cuMemcpyHtoDAsync_v2"), Some("cudaMemcpyAsync"));
        assert_eq!(name("cuMemcpyDtoH_v2"), Some("cudaMemcpy"));
        assert_eq!(name("cuMemsetD8Async"), Some("cudaMemsetAsync"));
        assert_eq!(name("cuModuleLoadData"), None);
        let called = shown(CudaApiNames::Called, Api::Driver, "cuLaunchKernel", false);
        assert_eq!(called, (Category::Driver, None));
    }

    #[test]
    fn categories_are_those_that_consumers_look_for() {
        let category = |names, api, is_inner| shown(names, api, "cuLaunchKernel", is_inner).0.text();
        assert_eq!(category(CudaApiNames::Runtime, Api::Driver, false), "cuda_runtime");
        assert_eq!(category(CudaApiNames::Tensorboard, Api::Driver, false), "Runtime");
        assert_eq!(category(CudaApiNames::Tensorboard, Api::Runtime, false), "Runtime");
        assert_eq!(category(CudaApiNames::Tensorboard, Api::Driver, true), "cuda_driver", "one call a launch");
    }
}
