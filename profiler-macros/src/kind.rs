//! The three attributes: what each is called, and which options it takes.
//!
//! Every message that names an attribute or an option reads them here, so that a new option is one line.

/// What an annotated function is; the runtime has an enum with the same variants.
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

    /// The attribute as the user writes it.
    pub(crate) const fn attribute(self) -> &'static str {
        match self {
            Self::Stage => "#[profiled_stage]",
            Self::Step => "#[profiled_step]",
            Self::Op => "#[profiled_op]",
        }
    }

    /// The attribute with an argument, for messages that show what to write.
    pub(crate) fn written_with(self, arguments: &str) -> String {
        self.attribute().replace(']', &format!("({arguments})]"))
    }

    /// The variant of the runtime's `Kind`.
    pub(crate) const fn variant(self) -> &'static str {
        match self {
            Self::Stage => "Stage",
            Self::Step => "Step",
            Self::Op => "Op",
        }
    }

    /// The options that this attribute takes.
    pub(crate) const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Stage => &["name", "value", "crate"],
            Self::Step => &["name", "index", "value", "crate"],
            Self::Op => &["name", "shapes", "flops", "value", "crate"],
        }
    }

    /// Returns the options as a phrase: "`name`, `index`, `value` and `crate`".
    pub(crate) fn options_phrase(self) -> String {
        let quoted: Vec<_> = self.options().iter().map(|option| format!("`{option}`")).collect();
        match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => quoted.join(""),
        }
    }

    /// The attribute that takes `option`, if any does.
    pub(crate) fn taking(option: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.options().contains(&option))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_read_as_a_phrase() {
        assert_eq!(Kind::Step.options_phrase(), "`name`, `index`, `value` and `crate`");
        assert_eq!(Kind::Stage.written_with("\"a\""), "#[profiled_stage(\"a\")]");
    }
}
