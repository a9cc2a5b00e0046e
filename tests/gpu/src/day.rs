//! A day with a GPU: runs each step in its own process and within its time limit, and writes the
//! report.
//!
//! A step that crashes or hangs loses only its own figures.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::this_program;
use crate::report;
use crate::steps::{ALL, Step};

/// File of the steps' figures, in `OUT`.
const FIGURES: &str = "figures.json";
/// File of the steps' output.
const LOG: &str = "log.txt";
/// Variable with a comma-separated list of steps to run; without it, all run.
const ONLY: &str = "GPU_ONLY";
/// Maximum size of the log.
const MAX_LOG_BYTES: usize = 8 << 20;

/// Runs every step. Fails if a limit was exceeded or a step did not finish.
pub(crate) fn run(out: &Path) -> ExitCode {
    fs::create_dir_all(out).unwrap();
    let (mut steps, mut log) = (Vec::new(), String::new());
    let only = std::env::var(ONLY).ok();
    for step in ALL.iter().filter(|step| only.as_ref().is_none_or(|only| only.split(',').any(|name| name == step.name)))
    {
        let (result, printed) = measured(step, out);
        println!("{:>6.1} s  {:<15} {}", result["seconds"].as_f64().unwrap_or(0.0), step.name, report::result(&result));
        log.push_str(&format!("== {}\n{printed}\n", step.name));
        steps.push(result);
    }
    let log = String::from_utf8_lossy(&log.as_bytes()[..log.len().min(MAX_LOG_BYTES)]).into_owned();
    let day = json!({"found": found(), "steps": steps});
    fs::write(out.join(LOG), log).unwrap();
    fs::write(out.join(FIGURES), format!("{day:#}\n")).unwrap();
    let text = report::text(&day);
    fs::write(out.join("report.md"), &text).unwrap();
    let broken = steps.iter().filter(|step| report::is_broken(step)).count();
    println!("{}", report::summary(&steps));
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns what the script found on the machine, one item per line.
fn found() -> Vec<String> {
    let file = std::env::var_os("GPU_FOUND").and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    file.lines().map(str::to_owned).collect()
}

/// Runs a step, and returns its result and output.
fn measured(step: &Step, out: &Path) -> (Value, String) {
    let began = Instant::now();
    let printed = out.join(format!(".{}.txt", step.name));
    let ended = start(step, out, &printed).map(|mut child| wait(&mut child, Duration::from_secs(step.limit)));
    let text = fs::read(&printed).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let _ = fs::remove_file(&printed);
    let figures = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
    let mut result = match (ended, figures) {
        (Ok(Some(true)), Some(figures)) => figures,
        (Ok(Some(_)), _) => json!({"failed": end_of_output(&text)}),
        (Ok(None), _) => json!({"failed": format!("it was not done after {} s", step.limit)}),
        (Err(error), _) => json!({"failed": format!("it could not be started: {error}")}),
    };
    result["step"] = step.name.into();
    result["about"] = step.about.into();
    result["limit_s"] = step.limit.into();
    result["seconds"] = json!((began.elapsed().as_secs_f64() * 10.0).round() / 10.0);
    (result, text)
}

fn start(step: &Step, out: &Path, printed: &Path) -> std::io::Result<Child> {
    let mut file = File::create(printed)?;
    file.flush()?;
    let mut command = Command::new(this_program());
    command.args(["step", step.name]).arg(out).stdin(Stdio::null());
    // A process group, so that the step's child processes can be ended too.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdout(file.try_clone()?).stderr(file).spawn()
}

/// Returns whether the step succeeded, or `None` if it exceeded its time limit and was killed.
fn wait(child: &mut Child, limit: Duration) -> Option<bool> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(_) => return Some(false),
        }
    }
    #[cfg(unix)]
    // SAFETY: the group is the child's, which was not waited for yet.
    unsafe {
        libc::kill(-(child.id() as i32), libc::SIGKILL);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Returns the end of a failed step's output.
fn end_of_output(text: &str) -> String {
    let text = text.trim_end().as_bytes();
    String::from_utf8_lossy(&text[text.len().saturating_sub(300)..]).replace('\n', " ")
}
