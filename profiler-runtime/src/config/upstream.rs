//! Names that vLLM, vLLM-Omni and SGLang give to fields, keys of requests and variables, and the
//! meaning of each here.
//!
//! Users of these bring configurations and clients along, and those must not switch the profiler
//! off. So a name is implemented, accepted with one warning that says what is missing, or refused
//! with the reason; only an unknown name is a mistake. The reader of configurations, the body of
//! `POST /start_profile`, the flags, the environment and the table in `docs/upstream.md` all come
//! from the rows of our fields and [`OTHERS`]: following upstream is a row.

use super::pattern::nearest;
use super::settings::{FIELDS, Rule};

/// A name that upstream has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name {
    /// Name as upstream spells it; `field = "value"` for a value.
    pub(crate) name: &'static str,
    /// Version or pull request that introduced it.
    #[allow(dead_code, reason = "for the documentation, which a test compares with this table")]
    pub(crate) since: &'static str,
    /// Place where it is given.
    pub(crate) place: Place,
    /// Fate of the name here.
    pub(crate) fate: Fate,
}

/// A place where upstream takes names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A field of the profiler's configuration.
    Field,
    /// A key in the body of `POST /start_profile`.
    Body,
    /// A variable of the environment.
    Variable,
}

/// The fate of a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sets this field of the configuration.
    Sets(&'static str),
    /// Has the same effect as upstream, without a field; in words for the documentation.
    Does(&'static str),
    /// Is accepted, with this warning.
    Accepted {
        /// Warning that says why it has no effect here.
        warning: &'static str,
    },
    /// Is refused.
    Refused {
        /// Reason, and what to do instead.
        reason: &'static str,
    },
}

const OMNI: &str = "vLLM-Omni #3051";
const PROTON: &str = "vLLM #48789";
const REQUEST: &str = "vLLM #35340, SGLang #7608";
const OLDER: &str = "vLLM";
const SGLANG: &str = "SGLang";

/// Warning about all of proton's fields at once.
const NO_PROTON: &str =
    "what `proton` would record is recorded as with `torch`; its aggregated call tree is not written";

const fn field(name: &'static str, since: &'static str, fate: Fate) -> Name {
    Name { name, since, place: Place::Field, fate }
}

const fn accepted(name: &'static str, since: &'static str, warning: &'static str) -> Name {
    field(name, since, Fate::Accepted { warning })
}

const fn proton(name: &'static str) -> Name {
    accepted(name, PROTON, NO_PROTON)
}

const fn body(name: &'static str, fate: Fate) -> Name {
    Name { name, since: REQUEST, place: Place::Body, fate }
}

const fn variable(name: &'static str, since: &'static str, field: &'static str) -> Name {
    Name { name, since, place: Place::Variable, fate: Fate::Sets(field) }
}

const fn idle_variable(name: &'static str, since: &'static str, warning: &'static str) -> Name {
    Name { name, since, place: Place::Variable, fate: Fate::Accepted { warning } }
}

/// Names of upstream's that are in no row of our fields: those that are no fields here, or set more
/// than one.
const OTHERS: &[Name] = &[
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
    field(PROTON_DIR, PROTON, Fate::Does("is the output folder where no other is given")),
    proton("proton_profiler_context"),
    proton("proton_profiler_data"),
    proton("proton_profiler_backend"),
    proton("proton_profiler_mode"),
    proton("proton_profiler_hook"),
    proton("proton_profiler_output_format"),
    proton("proton_profiler_graph_attribution"),
    proton("proton_profiler_flush_interval"),
    body("num_steps", Fate::Sets("max_iterations")),
    body("start_step", Fate::Sets("delay_iterations")),
    body("delay_steps", Fate::Sets("delay_iterations")),
    body("activities", Fate::Sets("torch_profiler_activities")),
    body("record_shapes", Fate::Sets("torch_profiler_record_shapes")),
    body("with_stack", Fate::Sets("torch_profiler_with_stack")),
    body("profile_stages", Fate::Does("is another name of `stages`")),
    body("profile_id", Fate::Does("names the session, and its folder")),
    body("profile_prefix", Fate::Does("begins the session's name")),
    body(
        "merge_profiles",
        Fate::Does("merges the traces of all ranks into `trace_merged.json.gz` when they are written"),
    ),
    body(
        "profile_by_stage",
        Fate::Accepted { warning: "stages are told apart in every trace, and one trace shows all of them" },
    ),
    body(
        "output_dir",
        Fate::Refused {
            reason: "a request names no path: set `torch_profiler_dir` where the server is started, and name the session \
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
    idle_variable("SGLANG_PROFILE_V2", SGLANG, "there is one profiler, and no second version of it to choose"),
];

/// SGLang's variables for an output folder, the more special one first.
pub(crate) const SGLANG_FOLDERS: [&str; 2] = ["SGLANG_DIFFUSION_TORCH_PROFILER_DIR", "SGLANG_TORCH_PROFILER_DIR"];

/// Field that names the folder when `profiler` is `proton`.
pub(crate) const PROTON_DIR: &str = "proton_profiler_dir";

impl Name {
    /// Returns the names that upstream takes in a place: first those of our fields, in the order of
    /// their table.
    pub(crate) fn all(place: Place) -> impl Iterator<Item = Self> {
        let of_fields = FIELDS.iter().flat_map(|field| {
            field.rules.iter().filter_map(|rule| {
                let (place, name, since) = match *rule {
                    Rule::Upstream(since) => (Place::Field, field.name, since),
                    Rule::Variable(name, since) => (Place::Variable, name, since),
                    _ => return None,
                };
                Some(Self { name, since, place, fate: Fate::Sets(field.name) })
            })
        });
        of_fields.chain(OTHERS.iter().copied()).filter(move |row| row.place == place)
    }

    /// Returns the row of `name` where upstream takes it in that place.
    pub(crate) fn find(place: Place, name: &str) -> Option<Self> {
        Self::all(place).find(|row| row.name == name)
    }

    /// Returns the row of a value that upstream has for `field`.
    pub(crate) fn of_value(field: &str, value: &str) -> Option<Self> {
        Self::find(Place::Field, &format!("{field} = {value:?}"))
    }

    /// Returns the fields of upstream's that are no fields here.
    pub(crate) fn foreign_fields() -> impl Iterator<Item = &'static str> {
        let rows = OTHERS.iter().filter(|row| row.place == Place::Field && !row.name.contains(' '));
        rows.map(|row| row.name)
    }

    /// Returns the keys of a request's body that are not refused.
    pub(crate) fn body_keys() -> impl Iterator<Item = Self> {
        Self::all(Place::Body).filter(|row| !matches!(row.fate, Fate::Refused { .. }))
    }

    /// Returns the field that `name` was probably meant to be: by its own name, or by upstream's in
    /// a request.
    pub(crate) fn nearest_field(name: &str) -> Option<&'static str> {
        let fields = FIELDS.iter().map(|field| field.name).chain(Self::foreign_fields());
        nearest(name, fields).or_else(|| {
            let key = nearest(name, Self::body_keys().map(|row| row.name))?;
            match Self::find(Place::Body, key)?.fate {
                Fate::Sets(field) => Some(field),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::settings::Field;

    /// D5: the page's table is the table that the reader works with; `UPDATE_DOCS=1` writes it.
    #[test]
    fn the_page_has_every_name_of_upstreams() {
        let mut table = String::from("| name | where | since | here |\n|---|---|---|---|\n");
        let places = [(Place::Field, "field"), (Place::Body, "request"), (Place::Variable, "environment")];
        for (row, place) in places.into_iter().flat_map(|(of, place)| Name::all(of).map(move |row| (row, place))) {
            let fate = match row.fate {
                Fate::Sets(field) if field == row.name => "done".to_owned(),
                Fate::Sets(field) => format!("done: sets `{field}`"),
                Fate::Does(what) => format!("done: {what}"),
                Fate::Accepted { warning } => format!("accepted with a warning: {warning}"),
                Fate::Refused { reason } => format!("refused: {reason}"),
            };
            table.push_str(&format!("| `{}` | {place} | {} | {fate} |\n", row.name, row.since));
        }
        crate::config::documented("upstream.md", "names", &table);
    }

    #[test]
    fn what_a_name_sets_is_a_field() {
        for row in OTHERS {
            if let Fate::Sets(field) = row.fate {
                assert!(Field::named(field).is_some(), "{}", row.name);
            }
        }
    }
}
