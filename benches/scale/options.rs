//! How far the sizes go.

use crate::form::Form;
use profiler_benches::Result;

/// Ten thousand.
const SMALLEST: u64 = 10_000;
/// What takes a minute.
const LARGEST: u64 = 10_000_000;
/// Above it only compressed files are written: plain JSON of a hundred million ranges takes 13 GB
/// of the disk.
const LARGEST_PLAIN: u64 = 10_000_000;

/// What the person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    largest: u64,
}

impl Options {
    /// Parses what follows the program's name.
    ///
    /// # Errors
    /// When an argument is unknown or lacks its value.
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
                other => return Err(format!("unknown argument `{other}`: this bench knows `--largest RANGES`").into()),
            }
        }
        Ok(options)
    }

    /// Sizes and formats, in the order in which they run.
    pub(crate) fn runs(self) -> impl Iterator<Item = (u64, Form)> {
        let sizes = std::iter::successors(Some(SMALLEST), |size| size.checked_mul(10))
            .take_while(move |&size| size <= self.largest);
        sizes.flat_map(|size| {
            let fits = move |form: &Form| size <= LARGEST_PLAIN || form.is_compressed();
            Form::ALL.into_iter().filter(fits).map(move |form| (size, form))
        })
    }

    /// How often a size is measured: a small one is over before the machine has settled.
    pub(crate) const fn rounds(self, ranges: u64) -> u32 {
        match ranges {
            0..1_000_000 => 7,
            1_000_000..10_000_000 => 3,
            _ => 1,
        }
    }

    /// A look at small sizes is no result to keep.
    pub(crate) const fn writes_docs(self) -> bool {
        self.largest >= LARGEST
    }
}
