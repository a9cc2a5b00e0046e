//! Options of the bench: the sizes to measure.

use crate::form::Form;
use profiler_benches::Result;

/// Smallest number of ranges.
const SMALLEST: u64 = 10_000;
/// Default largest number of ranges, which takes a minute.
const LARGEST: u64 = 10_000_000;
/// Number of ranges above which only compressed files are written: plain JSON of a hundred million
/// ranges takes 13 GB of disk space.
const LARGEST_PLAIN: u64 = 10_000_000;

/// Parsed options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    largest: u64,
}

impl Options {
    /// Parses the arguments after the program's name.
    ///
    /// # Errors
    /// Returns an error for an unknown argument or a missing value.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self { largest: LARGEST };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                // Cargo passes this to every bench.
                "--bench" => {}
                "--largest" => {
                    let number = rest.next().and_then(|number| number.parse().ok());
                    options.largest = number
                        .filter(|&number| number >= SMALLEST)
                        .ok_or("`--largest` needs a number of ranges, from 10000")?;
                }
                other => return Err(format!("unknown argument `{other}`: the option is `--largest RANGES`").into()),
            }
        }
        Ok(options)
    }

    /// Returns sizes and formats in the order in which they run.
    pub(crate) fn runs(self) -> impl Iterator<Item = (u64, Form)> {
        let sizes = std::iter::successors(Some(SMALLEST), |size| size.checked_mul(10))
            .take_while(move |&size| size <= self.largest);
        sizes.flat_map(|size| {
            let fits = move |form: &Form| size <= LARGEST_PLAIN || form.is_compressed();
            Form::ALL.into_iter().filter(fits).map(move |form| (size, form))
        })
    }

    /// Returns the number of rounds for a size: a small one ends before the machine has settled.
    pub(crate) const fn rounds(self, ranges: u64) -> u32 {
        match ranges {
            0..1_000_000 => 7,
            1_000_000..10_000_000 => 3,
            _ => 1,
        }
    }

    /// Returns whether the results are published; small sizes alone are only a quick check.
    pub(crate) const fn writes_docs(self) -> bool {
        self.largest >= LARGEST
    }
}
