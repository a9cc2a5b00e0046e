//! NVTX: stages, steps and ops as ranges in Nsight Systems, and in any other tool that is attached
//! to the process.
//!
//! A tool names its library in the variable `NVTX_INJECTION64_PATH`; without it nothing is loaded.
//! With it, the library is opened in the first annotated range of the process, or by the first
//! session if that is earlier, and from then on every range is shown to it, whether or not a
//! session is active. `nvtx` and `nvtx_domain` are those of the configuration that came last, at
//! first of the environment's.
//!
//! Two clients speak to the tool, by one interface: our own (`own`), and with the feature
//! `nvtx-sdk` NVIDIA's (`sdk`).

#[cfg(not(feature = "nvtx-sdk"))]
mod abi;
mod domain;
mod label;
#[cfg(not(feature = "nvtx-sdk"))]
mod own;
#[cfg(feature = "nvtx-sdk")]
mod sdk;

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::config::ProfilerConfig;
use domain::Domain;
#[cfg(not(feature = "nvtx-sdk"))]
use own as client;
use profiler_core::hooks::tool::{self, Finder, Tool};
use profiler_core::process::PerProcess;
use profiler_core::site::pinned;
#[cfg(feature = "nvtx-sdk")]
use sdk as client;

inventory::submit! { Finder(find) }

/// Set once a tool is attached.
static ATTACHED: OnceLock<()> = OnceLock::new();
/// Every domain that was ever used: a tool cannot forget one either.
static DOMAINS: PerProcess<Mutex<Domains>> = PerProcess::new(|_| Mutex::default());

type Domains = Vec<(String, &'static &'static dyn Tool)>;

/// Loads the tool, if one wants to be attached and none is loaded yet. Costs the tool's start, tens
/// of milliseconds, once; without a tool, nothing.
pub(crate) fn attach() {
    tool::seek();
}

/// Shows ranges as `config` asks, from now on.
pub(crate) fn configure(config: &ProfilerConfig) {
    attach();
    if ATTACHED.get().is_some() {
        show(config);
    }
}

fn find() -> Option<String> {
    match client::attach() {
        Ok(true) => {
            let _ = ATTACHED.set(());
            // The tool calls back.
            pinned::pin_this_library();
            // A configuration that cannot be read is reported when a session starts with it.
            let configured = ProfilerConfig::from_env().ok().flatten();
            show(&configured.map_or_else(ProfilerConfig::default, |parsed| parsed.config));
            None
        }
        Ok(false) => None,
        Err(problem) => Some(problem),
    }
}

fn show(config: &ProfilerConfig) {
    tool::show_to(config.nvtx.then(|| domain(&config.nvtx_domain)));
}

fn domain(name: &str) -> &'static &'static dyn Tool {
    let mut domains = DOMAINS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, known)) = domains.iter().find(|(known, _)| known == name) {
        return known;
    }
    let made: &'static dyn Tool = Box::leak(Box::new(Domain::new(name)));
    let made = Box::leak(Box::new(made));
    domains.push((name.to_owned(), made));
    made
}
