//! The three attributes and their block macros, with their names and the options that each takes.
//!
//! All messages take the names of attributes, macros and options from here, so that a new option is
//! one line.

use proc_macro2::Ident;

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

    /// Returns the block macro as the user writes it.
    const fn block(self) -> &'static str {
        match self {
            Self::Stage => "stage!",
            Self::Step => "step!",
            Self::Op => "op!",
        }
    }

    /// Returns the kind whose variant of the runtime's `Kind` has this name.
    pub(crate) fn of_variant(name: &Ident) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| name == kind.variant())
    }

    /// Returns the function that begins a range whose name is known only at run time.
    pub(crate) const fn function(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Step => "step",
            Self::Op => "op",
        }
    }

    /// Returns the name of the variant of the runtime's `Kind`.
    pub(crate) const fn variant(self) -> &'static str {
        match self {
            Self::Stage => "Stage",
            Self::Step => "Step",
            Self::Op => "Op",
        }
    }
}

/// Syntax of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An attribute on a function.
    Attribute(Kind),
    /// A macro that returns a guard.
    Block(Kind),
}

impl Form {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Attribute(kind) | Self::Block(kind) => kind,
        }
    }

    pub(crate) const fn is_block(self) -> bool {
        matches!(self, Self::Block(_))
    }

    /// Returns the attribute or the macro as the user writes it.
    pub(crate) const fn written(self) -> &'static str {
        match self {
            Self::Attribute(kind) => kind.attribute(),
            Self::Block(kind) => kind.block(),
        }
    }

    /// Returns the attribute or the macro with arguments, for messages that show what to write.
    pub(crate) fn written_with(self, arguments: &str) -> String {
        match self {
            Self::Attribute(kind) => kind.attribute().replace(']', &format!("({arguments})]")),
            Self::Block(kind) => format!("{}({arguments})", kind.block()),
        }
    }

    /// Returns whether the argument at this position may be an expression without a key: the name,
    /// and in `step!` the index.
    pub(crate) fn takes_expression(self, position: usize) -> bool {
        self.is_block() && (position == 0 || (position == 1 && self.kind() == Kind::Step))
    }

    /// Returns the names of the options that can be written here.
    pub(crate) fn options(self) -> impl Iterator<Item = &'static str> {
        OPTIONS.iter().filter(move |option| option.is_taken_by(self)).map(|option| option.name)
    }

    /// Returns the option names as a phrase: "`name`, `index`, `args`, `value` and `crate`".
    pub(crate) fn options_phrase(self) -> String {
        let quoted: Vec<_> = self.options().map(|option| format!("`{option}`")).collect();
        match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => quoted.join(""),
        }
    }

    /// Returns where `option` can be written, if anywhere: in a macro where this is one, else in an
    /// attribute.
    pub(crate) fn taking(self, option: &str) -> Option<Self> {
        let known = OPTIONS.iter().find(|known| known.name == option)?;
        let kind = if known.kinds.contains(&self.kind()) { self.kind() } else { *known.kinds.first()? };
        Some(if self.is_block() && !known.is_for_functions { Self::Block(kind) } else { Self::Attribute(kind) })
    }
}

/// Returns whether there is an option of this name.
pub(crate) fn is_option(name: &Ident) -> bool {
    OPTIONS.iter().any(|option| name == option.name)
}

/// An option: its name, the kinds that take it, and its syntax.
struct KnownOption {
    name: &'static str,
    kinds: &'static [Kind],
    form: &'static str,
    /// True if only attributes take it.
    is_for_functions: bool,
}

impl KnownOption {
    fn is_taken_by(&self, form: Form) -> bool {
        self.kinds.contains(&form.kind()) && !(self.is_for_functions && form.is_block())
    }
}

const fn option(name: &'static str, kinds: &'static [Kind], form: &'static str) -> KnownOption {
    KnownOption { name, kinds, form, is_for_functions: false }
}

const fn of_functions(name: &'static str, form: &'static str) -> KnownOption {
    KnownOption { name, kinds: &Kind::ALL, form, is_for_functions: true }
}

/// The options, in the order in which messages list them.
const OPTIONS: [KnownOption; 7] = [
    option("name", &Kind::ALL, "name = \"…\""),
    option("shapes", &[Kind::Op], "shapes(x, self.weight)"),
    option("flops", &[Kind::Op], "flops = 2 * m * n * k"),
    option("index", &[Kind::Step], "index = step"),
    option("args", &Kind::ALL, "args(tokens = n)"),
    of_functions("value", "value"),
    of_functions("crate", "crate = my_crate::profiler_runtime"),
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
        let (attribute, block) = (Form::Attribute(Kind::Step), Form::Block(Kind::Step));
        assert_eq!(attribute.options_phrase(), "`name`, `index`, `args`, `value` and `crate`");
        assert_eq!(block.options_phrase(), "`name`, `index` and `args`");
        assert_eq!(attribute.written_with("\"a\""), "#[profiled_step(\"a\")]");
        assert_eq!(block.written_with("\"a\""), "step!(\"a\")");
    }
}
