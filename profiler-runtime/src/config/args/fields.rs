//! The dotted flags: `--profiler-config.<field>=VALUE`.
//!
//! They are generated from the table of fields, which clap's derive cannot do, so that every field
//! has a flag.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{self, ProfilerConfig};

/// The fields that were given by flags.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FieldFlags {
    /// Field and text, in the order of the table.
    pub(super) given: Vec<(&'static str, String)>,
}

impl FieldFlags {
    fn names() -> impl Iterator<Item = &'static str> {
        config::FIELDS.iter().map(|field| field.name).chain(config::UpstreamName::upstream_fields())
    }

    fn id(name: &str) -> String {
        format!("profiler-config.{name}")
    }
}

impl FromArgMatches for FieldFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let text = |name: &str| matches.get_one::<String>(&Self::id(name)).cloned();
        self.given = Self::names().filter_map(|name| Some((name, text(name)?))).collect();
        Ok(())
    }
}

impl Args for FieldFlags {
    fn augment_args(command: Command) -> Command {
        let default = ProfilerConfig::default();
        let fields = config::FIELDS.iter().map(|field| {
            let (values, usual) = (field.kind.expects(), (field.get)(&default));
            let help = format!("{} [{values}; default: {usual}]", field.meaning());
            Arg::new(Self::id(field.name)).help(help).value_name("VALUE").hide_short_help(true)
        });
        let upstream = config::UpstreamName::upstream_fields().map(|name| Arg::new(Self::id(name)).hide(true));
        command.args(fields.chain(upstream).map(|arg| {
            let flag = arg.get_id().to_string();
            // Every word break may be `-` or `_`, as in vLLM.
            let spellings = [flag.replacen('-', "_", 1), flag.replace('_', "-")];
            arg.long(flag).aliases(spellings).allow_negative_numbers(true)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}
