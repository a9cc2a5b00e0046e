//! A step's figures, some with a limit, or the reason why there are none.

use serde_json::{Value, json};

/// Figures, or the reason why the step was skipped.
pub(crate) type Outcome = Result<Findings, String>;

/// Figures of one step.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    figures: Vec<Figure>,
}

#[derive(Debug)]
struct Figure {
    what: String,
    seen: Vec<Value>,
    unit: &'static str,
    /// Limit, and whether it holds.
    limit: Option<(String, bool)>,
}

impl Findings {
    /// Adds a figure.
    pub(crate) fn note(&mut self, what: impl Into<String>, seen: impl Into<Value>, unit: &'static str) {
        self.add(Figure { what: what.into(), seen: vec![rounded(seen.into())], unit, limit: None });
    }

    /// Adds a figure with a limit. If it is added several times, the limit must hold each time.
    pub(crate) fn demand(
        &mut self,
        what: impl Into<String>,
        seen: impl Into<Value>,
        unit: &'static str,
        (limit, holds): (impl Into<String>, bool),
    ) {
        let limit = Some((limit.into(), holds));
        self.add(Figure { what: what.into(), seen: vec![rounded(seen.into())], unit, limit });
    }

    /// Adds a count whose value is known in advance.
    pub(crate) fn demand_count(&mut self, what: impl Into<String>, seen: impl Into<Value>, known: u64) {
        let seen = seen.into();
        let holds = seen.as_u64() == Some(known);
        self.demand(what, seen, "", (known.to_string(), holds));
    }

    fn add(&mut self, new: Figure) {
        let Some(old) = self.figures.iter_mut().find(|old| old.what == new.what) else {
            return self.figures.push(new);
        };
        old.seen.extend(new.seen);
        if let (Some((_, held)), Some((_, holds))) = (&mut old.limit, new.limit) {
            *held &= holds;
        }
    }

    /// Returns the figures as JSON: `what`, `seen` (a list if there are several values), `unit`,
    /// `limit`, `holds`.
    pub(crate) fn json(self) -> Value {
        let each = |figure: Figure| {
            let mut seen = figure.seen;
            let seen = if seen.len() == 1 { seen.remove(0) } else { Value::from(seen) };
            let mut each = json!({"what": figure.what, "seen": seen, "unit": figure.unit});
            if let Some((limit, holds)) = figure.limit {
                each["limit"] = limit.into();
                each["holds"] = holds.into();
            }
            each
        };
        self.figures.into_iter().map(each).collect()
    }
}

/// Rounds a number to thousandths, or to an integer if it is large.
fn rounded(value: Value) -> Value {
    match value.as_f64() {
        Some(number) if value.is_f64() && number.abs() >= 1e4 => json!(number.round() as i64),
        Some(number) if value.is_f64() => json!((number * 1000.0).round() / 1000.0),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_failed_once_stays_failed() {
        let mut found = Findings::default();
        found.demand_count("ops", 4, 4);
        found.demand_count("ops", 3, 4);
        found.demand_count("ops", 4, 4);
        found.note("time", 1.23456, "ms");
        let json = found.json();
        assert_eq!(json[0], json!({"what": "ops", "seen": [4, 3, 4], "unit": "", "limit": "4", "holds": false}));
        assert_eq!(json[1], json!({"what": "time", "seen": 1.235, "unit": "ms"}));
    }
}
