//! Shows stages, steps and ops as NVTX ranges in Nsight Systems or any other attached tool.
//!
//! The variable `NVTX_INJECTION64_PATH` names a tool's library. Without it, nothing is loaded. With
//! it, the library is opened by the first annotated range of the process or by the first session,
//! and from then on the tool sees every range, whether or not a session is active. `nvtx` and
//! `nvtx_domain` are those of the environment's configuration until a session brings its own.
//!
//! Two clients implement one interface to the tool: our own (`own`) and, with the feature
//! `nvtx-sdk`, NVIDIA's (`sdk`).

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
/// Every domain that was ever used. Domains are leaked, because a tool keeps them too.
static DOMAINS: PerProcess<Mutex<Domains>> = PerProcess::new(|_| Mutex::default());

type Domains = Vec<(String, &'static &'static dyn Tool)>;

/// Loads the attached tool unless it is loaded already. Costs the tool's start, tens of
/// milliseconds, once; nothing without a tool.
pub(crate) fn attach() {
    tool::seek();
}

/// Shows ranges in the way that `config` describes from now on.
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
            // The tool keeps pointers to our functions, so this library must stay loaded.
            pinned::pin_this_library();
            // An unreadable configuration is reported by the session that starts with it.
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
    let tool: &'static dyn Tool = Box::leak(Box::new(Domain::new(name)));
    let tool = Box::leak(Box::new(tool));
    domains.push((name.to_owned(), tool));
    tool
}
