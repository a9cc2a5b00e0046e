//! Command line of a bench: `cargo bench -p profiler-benches -- --rounds 7 --json FILE`.

use crate::Result;
use std::path::PathBuf;

/// Parsed arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// Number of rounds.
    pub rounds: u32,
    /// Fewer spans and smaller exports: a quick check, not results to publish.
    pub quick: bool,
    /// File for the samples as JSON.
    pub json: Option<PathBuf>,
    /// Short names of the selected subjects; empty for all.
    pub only: Vec<String>,
    /// Fails if this product exceeds its budget; only for benches that count rather than time.
    pub budget: bool,
    /// Selects the budget for a program that was built without link-time optimisation.
    pub without_lto: bool,
}

impl Arguments {
    /// Parses the arguments after the program's name.
    ///
    /// # Errors
    /// Returns an error for an unknown argument or a missing value.
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
                    let options =
                        "`--rounds N`, `--quick`, `--only NAME,NAME`, `--budget`, `--without-lto` and `--json FILE`";
                    return Err(format!("unknown argument `{other}`: the options are {options}").into());
                }
            }
        }
        if parsed.rounds == 0 {
            return Err("`--rounds` needs at least 1".into());
        }
        Ok(parsed)
    }

    /// Returns whether the subject with this short name is selected.
    pub fn wants(&self, subject: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == subject)
    }
}
