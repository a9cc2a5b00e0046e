//! Checks names of stages, steps and ops in a configuration or a request against those of the
//! program.

use std::collections::BTreeSet;

use super::job::ControlError;
use crate::config::{self, ConfigError, Origin, Problem, ProfilerConfig};
use profiler_core::site::{Kind, Site};
use profiler_core::{self, site};

/// Returns all sites known so far. A site that is created at run time is known once it has run.
fn known() -> impl Iterator<Item = &'static Site> {
    site::sites().chain(site::numbered())
}

/// Rejects a name that no stage, step or op has if an existing name is similar, because it is
/// probably a typo. Patterns with `*` or `?` are not checked.
///
/// # Errors
///
/// Returns [`ControlError::NoSuchName`].
pub(super) fn check(names: &[String]) -> Result<(), ControlError> {
    let known: Vec<&'static str> = known().map(Site::name).collect();
    let absent = names.iter().filter(|name| !name.contains(['*', '?']) && !known.contains(&name.as_str()));
    for name in absent {
        if let Some(near) = config::nearest(name, known.iter().copied()) {
            return Err(ControlError::NoSuchName { name: name.clone(), near: near.to_owned() });
        }
    }
    Ok(())
}

/// Rejects a `step_of` that names a stage or an op, because no iteration would ever end.
///
/// # Errors
///
/// Returns an error if the name belongs to a stage or an op, but to no step.
pub(super) fn check_step_of(config: &ProfilerConfig) -> Result<(), ConfigError> {
    let Some(name) = &config.step_of else { return Ok(()) };
    let is_step = |site: &&Site| site.kind() == Kind::Step;
    let of_name: Vec<&Site> = known().filter(|site| site.name() == name).collect();
    if of_name.is_empty() || of_name.iter().any(is_step) {
        return Ok(());
    }
    let steps: BTreeSet<&str> = known().filter(is_step).map(Site::name).collect();
    let remedy = if steps.is_empty() {
        "put `#[profiled_step]` on the body of the loop, or leave `step_of` out".to_owned()
    } else {
        let quoted: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
        format!("name a step: {}", quoted.join(", "))
    };
    let problem = Problem::new("step_of", format!("`{name}` is a stage or an op, and no step")).suggest(remedy);
    Err(ConfigError { problems: vec![problem], origin: Origin::Code })
}
