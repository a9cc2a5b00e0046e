//! One sample in a process of its own: the bench runs itself again with an order, and reads one
//! line of JSON back.

use crate::Result;
use crate::measure::{self, Sample};
use crate::scenario::Scenario;
use crate::subject::{self, Subject};
use std::env;
use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

/// The first argument of a child.
const CHILD: &str = "--child";

/// What a child is told to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Short name of the subject.
    pub subject: String,
    /// The situation.
    pub scenario: Scenario,
    /// Spans that are counted, per thread.
    pub spans: u64,
    /// Spans made before the counting starts, per thread.
    pub warm_up: u64,
}

impl Order {
    /// An order with a tenth of the spans as warm-up.
    pub fn new(subject: &dyn Subject, scenario: Scenario, spans: u64) -> Self {
        Self { subject: subject.name().to_owned(), scenario, spans, warm_up: spans / 10 }
    }

    /// The command line of this program's child that carries the order out, behind `wrapper` where
    /// there is one.
    ///
    /// # Errors
    /// When this program cannot find itself.
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
            // No sockets in a benchmark; hotpath serves its figures over HTTP unless told not to.
            .env("HOTPATH_METRICS_SERVER_OFF", "true")
            // A user's own settings must not decide what is measured.
            .env_remove("PROFILER_CONFIG")
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs the child and reads its sample.
    ///
    /// # Errors
    /// When the child fails; its own words are in the message.
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
    /// When `output` is that of a child that failed.
    pub fn check(&self, output: &Output) -> Result<()> {
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("the child for {self:?} failed with {}: {}", output.status, said.trim()).into())
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

/// If this process is a child, carries its order out and returns true.
///
/// # Errors
/// When the order is malformed or the sample cannot be taken.
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
