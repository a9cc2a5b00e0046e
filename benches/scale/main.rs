//! `cargo bench -p profiler-benches --bench scale`: the cost of a range from recording to file, for
//! ten thousand to a hundred million ranges.
//!
//! A constant cost per range means linear total cost. Each size and format runs in a new process,
//! because the result includes the peak memory of a process. The bench prints the table, and writes
//! it with a picture to `docs/scale.md` and `docs/scale.svg`. `-- --largest 100000000` extends it
//! to a hundred million ranges.

mod form;
mod options;
mod page;
mod picture;
mod sample;

use form::Form;
use options::Options;
use profiler_benches::Result;
use sample::Sample;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// First argument of a child.
const CHILD: &str = "--child";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [first, form, ranges] if first == CHILD => serve(form, ranges),
        _ => bench(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let mut samples = Vec::new();
    for (ranges, form) in options.runs() {
        samples.push(min_of(options.rounds(ranges), || child(form, ranges))?);
        write!(io::stderr(), ".")?;
    }
    writeln!(io::stderr())?;
    writeln!(io::stdout().lock(), "{}", page::table(&samples))?;
    if options.writes_docs() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        fs::write(docs.join("scale.md"), page::text(&samples))?;
        fs::write(docs.join("scale.svg"), picture::draw(&samples)?)?;
    }
    Ok(())
}

/// Returns the minimum of several samples; noise only adds to them.
fn min_of(rounds: u32, mut sample: impl FnMut() -> Result<Sample>) -> Result<Sample> {
    let mut min = sample()?;
    for _ in 1..rounds {
        min = min.min(&sample()?);
    }
    Ok(min)
}

/// Runs this program again for one sample.
fn child(form: Form, ranges: u64) -> Result<Sample> {
    let mut command = Command::new(env::current_exe()?);
    command.args([CHILD, form.name(), &ranges.to_string()]).env_remove("PROFILER_CONFIG").stdin(Stdio::null());
    let output = command.output()?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{ranges} ranges as {}: {}: {}", form.name(), output.status, message.trim()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn serve(form: &str, ranges: &str) -> Result<()> {
    let sample = sample::take(Form::from_name(form)?, ranges.parse()?)?;
    Ok(writeln!(io::stdout().lock(), "{}", serde_json::to_string(&sample)?)?)
}
