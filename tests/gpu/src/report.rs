//! The report of a day: tables of the steps' figures.

use serde_json::Value;

/// Returns whether a step exceeded a limit or did not finish.
pub(crate) fn is_broken(step: &Value) -> bool {
    step.get("failed").is_some() || figures(step).iter().any(|figure| figure["holds"] == false)
}

/// Returns the result of a step.
pub(crate) fn result(step: &Value) -> String {
    if let Some(why) = step["failed"].as_str() {
        return format!("FAILED: {why}");
    }
    if let Some(why) = step["skipped"].as_str() {
        return format!("skipped: {why}");
    }
    let wrong: Vec<&str> = figures(step)
        .iter()
        .filter(|figure| figure["holds"] == false)
        .filter_map(|figure| figure["what"].as_str())
        .collect();
    if wrong.is_empty() { "ok".to_owned() } else { format!("WRONG: {}", wrong.join("; ")) }
}

/// Returns a summary of the day, in one sentence.
pub(crate) fn summary(steps: &[Value]) -> String {
    let broken = steps.iter().filter(|step| is_broken(step)).count();
    let skipped = steps.iter().filter(|step| step.get("skipped").is_some()).count();
    let whole = steps.len() - broken - skipped;
    let seconds: f64 = steps.iter().filter_map(|step| step["seconds"].as_f64()).sum();
    format!("{} steps in {seconds:.0} s: {whole} within their limits, {skipped} skipped, {broken} wrong", steps.len())
}

/// Returns the report, in Markdown.
pub(crate) fn text(day: &Value) -> String {
    let steps = day["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = format!("# What the profiler says about this GPU\n\n{}.\n", summary(steps));
    overview(steps, &mut text);
    for step in steps.iter().filter(|step| step.get("figures").is_some()) {
        details(step, &mut text);
    }
    text.push_str("\n## What was found on the machine\n\n");
    let found = day["found"].as_array().map(Vec::as_slice).unwrap_or_default();
    if found.is_empty() {
        text.push_str("Nobody looked.\n");
    }
    for line in found.iter().filter_map(Value::as_str) {
        text.push_str(&format!("- {line}\n"));
    }
    text
}

fn overview(steps: &[Value], text: &mut String) {
    text.push_str("\n| step | answers | time | result |\n|---|---|--:|---|\n");
    for step in steps {
        let [name, about] = ["step", "about"].map(|key| step[key].as_str().unwrap_or_default());
        let (seconds, limit) = (step["seconds"].as_f64().unwrap_or(0.0), &step["limit_s"]);
        text.push_str(&format!("| {name} | {about} | {seconds:.1} of {limit} s | {} |\n", cell(&result(step))));
    }
}

fn details(step: &Value, text: &mut String) {
    text.push_str(&format!("\n## {}\n\n", step["step"].as_str().unwrap_or_default()));
    text.push_str("| figure | seen | limit | |\n|---|---|---|---|\n");
    for figure in figures(step) {
        let unit = figure["unit"].as_str().unwrap_or_default();
        let verdict = figure["holds"].as_bool().map_or("", |holds| if holds { "ok" } else { "WRONG" });
        let limit = cell(figure["limit"].as_str().unwrap_or_default());
        let seen = format!("{} {unit}", seen(&figure["seen"]));
        let what = cell(figure["what"].as_str().unwrap_or_default());
        text.push_str(&format!("| {what} | {} | {limit} | {verdict} |\n", cell(seen.trim_end())));
    }
}

fn figures(step: &Value) -> &[Value] {
    step["figures"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Formats a value; of several values, the distinct ones.
fn seen(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => {
            let mut each: Vec<String> = all.iter().map(seen).collect();
            each.dedup();
            let (many, more) = (each.len(), each.len() > 8);
            each.truncate(8);
            each.join(", ") + &if more { format!(" … ({many})") } else { String::new() }
        }
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// Escapes text for a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_says_what_is_wrong_and_what_was_skipped() {
        let good = json!({"what": "ops", "seen": [4, 4], "unit": "", "limit": "4", "holds": true});
        let bad = json!({"what": "launch", "seen": 3.5, "unit": "µs", "limit": "<= 3 µs", "holds": false});
        let step = |name: &str| json!({"step": name, "about": "a question", "seconds": 1.5, "limit_s": 10});
        let mut steps = vec![step("right"), step("wrong"), step("absent"), step("dead")];
        steps[0]["figures"] = json!([good]);
        steps[1]["figures"] = json!([bad]);
        steps[2]["skipped"] = "there is no GPU".into();
        steps[3]["failed"] = "it was not done after 10 s".into();
        let text = text(&json!({"steps": steps, "found": ["nvcc: not here"]}));
        for line in [
            "4 steps in 6 s: 1 within their limits, 1 skipped, 2 wrong.",
            "| right | a question | 1.5 of 10 s | ok |",
            "| wrong | a question | 1.5 of 10 s | WRONG: launch |",
            "| absent | a question | 1.5 of 10 s | skipped: there is no GPU |",
            "| dead | a question | 1.5 of 10 s | FAILED: it was not done after 10 s |",
            "| ops | 4 | 4 | ok |",
            "| launch | 3.5 µs | <= 3 µs | WRONG |",
            "- nvcc: not here",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
