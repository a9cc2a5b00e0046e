//! The command line of a bench: `cargo bench -p profiler-benches -- --rounds 7 --json FILE`.

use crate::Result;
use std::path::PathBuf;

/// What the person asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Rounds of samples.
    pub rounds: u32,
    /// Fewer spans and smaller exports: a look, not a result to quote.
    pub quick: bool,
    /// Where the samples go as JSON.
    pub json: Option<PathBuf>,
    /// Only these subjects, by short name; empty means all.
    pub only: Vec<String>,
    /// Fail if this product needs more than it may: only where something is counted, never where it
    /// is timed.
    pub budget: bool,
    /// This program was built without link-time optimisation, for which the budget has figures of
    /// its own.
    pub without_lto: bool,
}

impl Arguments {
    /// Parses what follows the program's name.
    ///
    /// # Errors
    /// When an argument is unknown or lacks its value.
    pub fn parse(arguments: &[String]) -> Result<Self> {
        let mut parsed =
            Self { rounds: 7, quick: false, json: None, only: Vec::new(), budget: false, without_lto: false };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("`{argument}` needs a value"));
            match argument.as_str() {
                // Cargo passes this to every bench.
                "--bench" => {}
                "--quick" => parsed.quick = true,
                "--budget" => parsed.budget = true,
                "--without-lto" => parsed.without_lto = true,
                "--rounds" => parsed.rounds = value()?.parse().map_err(|_| "`--rounds` needs a number")?,
                "--json" => parsed.json = Some(PathBuf::from(value()?)),
                "--only" => parsed.only.extend(value()?.split(',').map(str::to_owned)),
                other => {
                    let known =
                        "`--rounds N`, `--quick`, `--only NAME,NAME`, `--budget`, `--without-lto` and `--json FILE`";
                    return Err(format!("unknown argument `{other}`: a bench knows {known}").into());
                }
            }
        }
        if parsed.rounds == 0 {
            return Err("`--rounds` needs at least 1".into());
        }
        Ok(parsed)
    }

    /// Whether the subject with this short name is wanted.
    pub fn wants(&self, subject: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == subject)
    }
}
