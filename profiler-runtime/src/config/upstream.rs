//! Names of vLLM, vLLM-Omni and SGLang for fields, request keys and variables, and their treatment
//! here.
//!
//! Users of these projects bring configurations and clients along, which must keep working. A name
//! is therefore implemented, accepted with a warning that says what is missing, or refused with the
//! reason; only an unknown name is a mistake. The reader of configurations, the body of `POST
//! /start_profile`, the flags, the environment and the table in `docs/upstream.md` are all
//! generated from the rows of our fields and [`OTHERS`]. To follow upstream, add a row.

use super::pattern::nearest;
use super::settings::{FIELDS, Rule};

/// A name that upstream uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UpstreamName {
    /// Name as upstream spells it; `field = "value"` for a value.
    pub(crate) name: &'static str,
    /// Version or pull request that introduced it.
    #[allow(dead_code, reason = "read by the test that compares the documentation with this table")]
    pub(crate) since: &'static str,
    /// Location where upstream takes the name.
    pub(crate) location: Location,
    /// Treatment of the name here.
    pub(crate) treatment: Treatment,
}

/// A location in which upstream takes names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A field of the profiler's configuration.
    Field,
    /// A key in the body of `POST /start_profile`.
    Body,
    /// An environment variable.
    Variable,
}

/// The treatment of an upstream name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// Sets this field of the configuration.
    Sets(&'static str),
    /// Has upstream's effect without being a field; described for the documentation.
    Does(&'static str),
    /// Is accepted, with this warning.
    Accepted {
        /// Warning that says why it has no effect here.
        warning: &'static str,
    },
    /// Is refused.
    Refused {
        /// Reason and alternative.
        reason: &'static str,
    },
}

const OMNI: &str = "vLLM-Omni #3051";
const PROTON: &str = "vLLM #48789";
const REQUEST: &str = "vLLM #35340, SGLang #7608";
const OLDER: &str = "vLLM";
const SGLANG: &str = "SGLang";

/// Warning about all of Proton's fields.
const NO_PROTON: &str =
    "what `proton` would record is recorded as with `torch`; its aggregated call tree is not written";

const fn field(name: &'static str, since: &'static str, treatment: Treatment) -> UpstreamName {
    UpstreamName { name, since, location: Location::Field, treatment }
}

const fn accepted(name: &'static str, since: &'static str, warning: &'static str) -> UpstreamName {
    field(name, since, Treatment::Accepted { warning })
}

const fn proton(name: &'static str) -> UpstreamName {
    accepted(name, PROTON, NO_PROTON)
}

const fn body(name: &'static str, treatment: Treatment) -> UpstreamName {
    UpstreamName { name, since: REQUEST, location: Location::Body, treatment }
}

const fn variable(name: &'static str, since: &'static str, field: &'static str) -> UpstreamName {
    UpstreamName { name, since, location: Location::Variable, treatment: Treatment::Sets(field) }
}

const fn idle_variable(name: &'static str, since: &'static str, warning: &'static str) -> UpstreamName {
    UpstreamName { name, since, location: Location::Variable, treatment: Treatment::Accepted { warning } }
}

/// Upstream names without a row among our fields, because they are no fields here or set several.
const OTHERS: &[UpstreamName] = &[
    accepted(
        "ignore_frontend",
        OMNI,
        "whether the controlling process is recorded is the program's choice: `CoordinatorOptions::frontend`",
    ),
    accepted(
        "capture_torch_profiler",
        OMNI,
        "CUDA graph capture is not a phase of its own here; a trace shows it like any other call",
    ),
    accepted(
        "detailed_trace_annotation",
        OMNI,
        "the names of ranges are those of the annotated functions, always in full",
    ),
    accepted(
        "torch_profiler_execution_trace",
        "vLLM #46336",
        "there is no PyTorch dispatcher whose execution graph could be written",
    ),
    proton("profiler = \"proton\""),
    field(PROTON_DIR, PROTON, Treatment::Does("is the output folder where no other is given")),
    proton("proton_profiler_context"),
    proton("proton_profiler_data"),
    proton("proton_profiler_backend"),
    proton("proton_profiler_mode"),
    proton("proton_profiler_hook"),
    proton("proton_profiler_output_format"),
    proton("proton_profiler_graph_attribution"),
    proton("proton_profiler_flush_interval"),
    body("num_steps", Treatment::Sets("max_iterations")),
    body("start_step", Treatment::Sets("delay_iterations")),
    body("delay_steps", Treatment::Sets("delay_iterations")),
    body("activities", Treatment::Sets("torch_profiler_activities")),
    body("record_shapes", Treatment::Sets("torch_profiler_record_shapes")),
    body("with_stack", Treatment::Sets("torch_profiler_with_stack")),
    body("profile_stages", Treatment::Does("is another name of `stages`")),
    body("profile_id", Treatment::Does("names the session, and its folder")),
    body("profile_prefix", Treatment::Does("begins the session's name")),
    body(
        "merge_profiles",
        Treatment::Does("merges the traces of all ranks into `trace_merged.json.gz` when they are written"),
    ),
    body(
        "profile_by_stage",
        Treatment::Accepted { warning: "stages are told apart in every trace, and one trace shows all of them" },
    ),
    body(
        "output_dir",
        Treatment::Refused {
            reason: "a request cannot choose a path: set `torch_profiler_dir` where the server is started, and name the session \
                     with `profile_id`",
        },
    ),
    variable("VLLM_TORCH_PROFILER_DIR", "vLLM #7451", "torch_profiler_dir"),
    variable("VLLM_TORCH_CUDA_PROFILE", OLDER, "profiler"),
    idle_variable(
        "VLLM_TORCH_PROFILER_DISABLE_ASYNC_LLM",
        OLDER,
        "whether the controlling process is recorded is the program's choice: `CoordinatorOptions::frontend`",
    ),
    variable(SGLANG_FOLDERS[0], SGLANG, "torch_profiler_dir"),
    variable(SGLANG_FOLDERS[1], SGLANG, "torch_profiler_dir"),
    idle_variable("SGLANG_PROFILE_V2", SGLANG, "this profiler has one version"),
];

/// SGLang's variables for an output folder, the more specific one first.
pub(crate) const SGLANG_FOLDERS: [&str; 2] = ["SGLANG_DIFFUSION_TORCH_PROFILER_DIR", "SGLANG_TORCH_PROFILER_DIR"];

/// Field that names the folder when `profiler` is `proton`.
pub(crate) const PROTON_DIR: &str = "proton_profiler_dir";

impl UpstreamName {
    /// Returns the names that upstream takes in a location; first those of our fields, in the order
    /// of their table.
    pub(crate) fn all(location: Location) -> impl Iterator<Item = Self> {
        let of_fields = FIELDS.iter().flat_map(|field| {
            field.rules.iter().filter_map(|rule| {
                let (location, name, since) = match *rule {
                    Rule::Upstream(since) => (Location::Field, field.name, since),
                    Rule::Variable(name, since) => (Location::Variable, name, since),
                    _ => return None,
                };
                Some(Self { name, since, location, treatment: Treatment::Sets(field.name) })
            })
        });
        of_fields.chain(OTHERS.iter().copied()).filter(move |row| row.location == location)
    }

    /// Returns the row of `name` in a location.
    pub(crate) fn find(location: Location, name: &str) -> Option<Self> {
        Self::all(location).find(|row| row.name == name)
    }

    /// Returns the row of an upstream value of `field`.
    pub(crate) fn find_value(field: &str, value: &str) -> Option<Self> {
        Self::find(Location::Field, &format!("{field} = {value:?}"))
    }

    /// Returns the upstream fields that are no fields here.
    pub(crate) fn upstream_fields() -> impl Iterator<Item = &'static str> {
        let rows = OTHERS.iter().filter(|row| row.location == Location::Field && !row.name.contains(' '));
        rows.map(|row| row.name)
    }

    /// Returns the keys of a request body that are not refused.
    pub(crate) fn body_keys() -> impl Iterator<Item = Self> {
        Self::all(Location::Body).filter(|row| !matches!(row.treatment, Treatment::Refused { .. }))
    }

    /// Returns the field that `name` was probably meant to be, by its own name or by upstream's
    /// request key.
    pub(crate) fn nearest_field(name: &str) -> Option<&'static str> {
        let fields = FIELDS.iter().map(|field| field.name).chain(Self::upstream_fields());
        nearest(name, fields).or_else(|| {
            let key = nearest(name, Self::body_keys().map(|row| row.name))?;
            match Self::find(Location::Body, key)?.treatment {
                Treatment::Sets(field) => Some(field),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Field;

    /// D5: the page contains the table that the code uses; `UPDATE_DOCS=1` writes it.
    #[test]
    fn the_page_has_every_name_of_upstreams() {
        let mut table = String::from("| name | where | since | here |\n|---|---|---|---|\n");
        let locations = [(Location::Field, "field"), (Location::Body, "request"), (Location::Variable, "environment")];
        for (row, shown) in
            locations.into_iter().flat_map(|(location, shown)| UpstreamName::all(location).map(move |row| (row, shown)))
        {
            let treatment = match row.treatment {
                Treatment::Sets(field) if field == row.name => "done".to_owned(),
                Treatment::Sets(field) => format!("done: sets `{field}`"),
                Treatment::Does(effect) => format!("done: {effect}"),
                Treatment::Accepted { warning } => format!("accepted with a warning: {warning}"),
                Treatment::Refused { reason } => format!("refused: {reason}"),
            };
            table.push_str(&format!("| `{}` | {shown} | {} | {treatment} |\n", row.name, row.since));
        }
        crate::config::documented("upstream.md", "names", &table);
    }

    #[test]
    fn what_a_name_sets_is_a_field() {
        for row in OTHERS {
            if let Treatment::Sets(field) = row.treatment {
                assert!(Field::named(field).is_some(), "{}", row.name);
            }
        }
    }
}
