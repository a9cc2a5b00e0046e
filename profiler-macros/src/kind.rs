//! The three attributes, with their names and the options that each takes.
//!
//! All messages take the names of attributes and options from here, so that a new option is one
//! line.

/// Kind of an annotated function; a subset of the runtime's `Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A named part of the pipeline.
    Stage,
    /// One iteration of a loop.
    Step,
    /// An operator inside a stage.
    Op,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Stage, Self::Step, Self::Op];

    /// Returns the attribute as the user writes it.
    pub(crate) const fn attribute(self) -> &'static str {
        match self {
            Self::Stage => "#[profiled_stage]",
            Self::Step => "#[profiled_step]",
            Self::Op => "#[profiled_op]",
        }
    }

    /// Returns the attribute with arguments, for messages that show what to write.
    pub(crate) fn written_with(self, arguments: &str) -> String {
        self.attribute().replace(']', &format!("({arguments})]"))
    }

    /// Returns the name of the variant of the runtime's `Kind`.
    pub(crate) const fn variant(self) -> &'static str {
        match self {
            Self::Stage => "Stage",
            Self::Step => "Step",
            Self::Op => "Op",
        }
    }

    /// Returns the names of the options that this attribute takes.
    pub(crate) fn options(self) -> impl Iterator<Item = &'static str> {
        OPTIONS.iter().filter(move |option| option.kinds.contains(&self)).map(|option| option.name)
    }

    /// Returns the option names as a phrase: "`name`, `index`, `args`, `value` and `crate`".
    pub(crate) fn options_phrase(self) -> String {
        let quoted: Vec<_> = self.options().map(|option| format!("`{option}`")).collect();
        match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => quoted.join(""),
        }
    }

    /// Returns an attribute that takes `option`, if any does.
    pub(crate) fn taking(option: &str) -> Option<Self> {
        OPTIONS.iter().find(|known| known.name == option)?.kinds.first().copied()
    }
}

/// An option: its name, the attributes that take it, and its syntax.
struct KnownOption {
    name: &'static str,
    kinds: &'static [Kind],
    form: &'static str,
}

const fn option(name: &'static str, kinds: &'static [Kind], form: &'static str) -> KnownOption {
    KnownOption { name, kinds, form }
}

/// The options, in the order in which messages list them.
const OPTIONS: [KnownOption; 7] = [
    option("name", &Kind::ALL, "name = \"…\""),
    option("shapes", &[Kind::Op], "shapes(x, self.weight)"),
    option("flops", &[Kind::Op], "flops = 2 * m * n * k"),
    option("index", &[Kind::Step], "index = step"),
    option("args", &Kind::ALL, "args(tokens = n)"),
    option("value", &Kind::ALL, "value"),
    option("crate", &Kind::ALL, "crate = my_crate::profiler_runtime"),
];

/// Returns the syntax of an option, as messages show it.
pub(crate) fn form(name: &str) -> &'static str {
    OPTIONS.iter().find(|option| option.name == name).map_or("", |option| option.form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_read_as_a_phrase() {
        assert_eq!(Kind::Step.options_phrase(), "`name`, `index`, `args`, `value` and `crate`");
        assert_eq!(Kind::Stage.written_with("\"a\""), "#[profiled_stage(\"a\")]");
    }
}
