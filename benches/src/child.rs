//! Sampling in child processes: the bench runs its own program again with an order, and reads one
//! line of JSON.

use crate::Result;
use crate::measure::{self, Sample};
use crate::scenario::Scenario;
use crate::subject::{self, Subject};
use std::env;
use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

/// First argument of a child.
const CHILD: &str = "--child";

/// Order of a measurement to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Short name of the subject.
    pub subject: String,
    /// Scenario to measure.
    pub scenario: Scenario,
    /// Number of counted spans, per thread.
    pub spans: u64,
    /// Number of spans before the counting starts, per thread.
    pub warm_up: u64,
}

impl Order {
    /// Creates an order with a tenth of the spans as warm-up.
    pub fn new(subject: &dyn Subject, scenario: Scenario, spans: u64) -> Self {
        Self { subject: subject.name().to_owned(), scenario, spans, warm_up: spans / 10 }
    }

    /// Returns the command that runs a child with this order, under `wrapper` unless it is empty.
    ///
    /// # Errors
    /// Returns an error if the path of this program is unknown.
    pub fn command(&self, wrapper: &[String]) -> Result<Command> {
        let program = env::current_exe()?;
        let mut command = match wrapper {
            [] => Command::new(program),
            [first, rest @ ..] => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command
            .args([CHILD, &self.subject, &self.scenario.to_string()])
            .args([self.spans.to_string(), self.warm_up.to_string()])
            // No sockets in a benchmark: by default hotpath serves its figures over HTTP.
            .env("HOTPATH_METRICS_SERVER_OFF", "true")
            // The user's settings must not affect the measurement.
            .env_remove("PROFILER_CONFIG")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs the child and reads its sample.
    ///
    /// # Errors
    /// Returns an error if the child fails, with its output.
    pub fn run(&self) -> Result<Sample> {
        let output = self.command(&[])?.output()?;
        self.check(&output)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().rev().find(|line| line.starts_with('{'));
        let line = line.ok_or_else(|| format!("the child for {self:?} printed no sample"))?;
        Ok(serde_json::from_str(line)?)
    }

    /// Turns a child's failure into an error.
    ///
    /// # Errors
    /// Returns an error if `output` is that of a failed child.
    pub fn check(&self, output: &Output) -> Result<()> {
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr);
        Err(format!("the child for {self:?} failed with {}: {}", output.status, message.trim()).into())
    }

    fn parse(arguments: &[String]) -> Result<Self> {
        let [subject, scenario, spans, warm_up] = arguments else {
            return Err(format!("a child needs four arguments, not {}", arguments.len()).into());
        };
        Ok(Self {
            subject: subject.clone(),
            scenario: scenario.parse()?,
            spans: spans.parse()?,
            warm_up: warm_up.parse()?,
        })
    }
}

/// Carries out the order if this process is a child. Returns whether it is.
///
/// # Errors
/// Returns an error if the order is malformed or the measurement fails.
pub fn serve(subjects: &[&dyn Subject], arguments: &[String]) -> Result<bool> {
    let [first, order @ ..] = arguments else {
        return Ok(false);
    };
    if first != CHILD {
        return Ok(false);
    }
    let order = Order::parse(order)?;
    let sample = measure::sample(subject::find(subjects, &order.subject)?, &order)?;
    writeln!(io::stdout().lock(), "{}", serde_json::to_string(&sample)?)?;
    Ok(true)
}
