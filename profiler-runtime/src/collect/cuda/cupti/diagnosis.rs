//! Checks the driver, its devices and libcupti, and suggests a remedy for what is missing.

use super::api::{Cupti, toolkit};
use super::switch::probe;
use crate::collect::cuda::driver::{Driver, NO_DEVICE, NO_DRIVER};
use crate::collect::gpu::source::{Component, Finding};
use profiler_trace::records::unavailable::Unavailable;

/// Variables that Nsight Systems and other tools set in programs that they run.
const TOOLS: [&str; 2] = ["NSYS_PROFILING_SESSION_ID", "CUDA_INJECTION64_PATH"];

/// Checks that no other tool uses CUPTI. Checked before CUPTI is used, because activity calls may
/// succeed while another tool is attached, and break its report.
///
/// # Errors
///
/// Returns the reason if another tool is attached.
pub(super) fn check_unused() -> Result<(), Unavailable> {
    attached_tool().map_or(Ok(()), |variable| {
        let why = format!("another tool is attached (`{variable}` is set), and CUPTI serves one at a time");
        Err(Unavailable::surprising("tool_attached", why))
    })
}

/// Returns the variable that shows that another tool is attached.
fn attached_tool() -> Option<&'static str> {
    tool_among(|name| std::env::var_os(name).is_some())
}

fn tool_among(is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    TOOLS.into_iter().find(|name| is_set(name))
}

/// Checks everything in the order in which a recording needs it. Enables CUPTI for a moment, unless
/// a session is using it.
pub(super) fn findings() -> Vec<Finding> {
    let driver = Driver::get();
    let mut findings = vec![check_driver(&driver)];
    if let Ok(driver) = driver {
        findings.push(list_devices(driver));
        findings.extend(check_cupti(driver));
    }
    findings.push(check_tool());
    findings
}

fn check_driver(driver: &Result<&'static Driver, Unavailable>) -> Finding {
    let reason = match driver {
        Ok(driver) => {
            let version = driver.version();
            let supported = format!("supports CUDA {}.{}", version / 1000, version % 1000 / 10);
            return Finding::new(Component::Driver, true, supported);
        }
        Err(reason) => reason,
    };
    let remedy = if *reason == NO_DRIVER {
        ": install NVIDIA's driver; start a container with `--gpus all`"
    } else if *reason == NO_DEVICE {
        ": see what `nvidia-smi` says; `CUDA_VISIBLE_DEVICES` may hide them, or the container"
    } else {
        ""
    };
    Finding::new(Component::Driver, false, format!("{reason}{remedy}"))
}

fn list_devices(driver: &Driver) -> Finding {
    let names = driver.devices().iter().enumerate().map(|(number, device)| {
        format!("{number} {} (compute {}.{}, {} MiB)", device.name, device.major, device.minor, device.memory >> 20)
    });
    Finding::new(Component::Devices, true, names.collect::<Vec<_>>().join(", "))
}

/// Checks that the library exists and that this user may trace with it.
fn check_cupti(driver: &'static Driver) -> Vec<Finding> {
    let library = match Cupti::get(driver) {
        Ok(library) => library,
        Err(reason) => return vec![Finding::new(Component::Libcupti, false, reason.to_string())],
    };
    let found = format!("{}, {}", toolkit(library.version), library.path.display());
    let probed = probe(driver, library);
    let permission = match check_unused().and(probed) {
        Ok(()) => Finding::new(Component::Permission, true, "kernels can be recorded"),
        Err(reason) => Finding::new(Component::Permission, false, reason.to_string()),
    };
    vec![Finding::new(Component::Libcupti, true, found), permission]
}

fn check_tool() -> Finding {
    match attached_tool() {
        None => Finding::new(Component::AttachedTool, true, "none; CUPTI is free"),
        Some(variable) => Finding::new(
            Component::AttachedTool,
            false,
            format!(
                "`{variable}` is set: a tool such as nsys owns CUPTI, and `\"profiler\": \"torch\"` records no kernels; use \
                 `\"profiler\": \"cuda\"` under it"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_by_its_variables() {
        assert_eq!(tool_among(|name| name == "CUDA_INJECTION64_PATH"), Some("CUDA_INJECTION64_PATH"));
        assert_eq!(tool_among(|name| name == "NVTX_INJECTION64_PATH"), None, "NVTX tools need no CUPTI");
    }
}
