//! Markdown tables that are also readable in a terminal.

use std::fmt;

/// A table filled row by row; the first column is text, the others are figures.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Creates a table with this header.
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned).to_vec()] }
    }

    /// Adds a row; missing cells stay empty.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(2)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.first().map_or(0, Vec::len);
        for (index, row) in self.rows.iter().enumerate() {
            for column in 0..columns {
                let cell = row.get(column).map_or("", String::as_str);
                let width = self.width(column);
                if column == 0 {
                    write!(f, "| {cell:width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if index == 0 {
                for column in 0..columns {
                    let dashes = "-".repeat(self.width(column) + 1);
                    write!(f, "|{dashes}{}", if column == 0 { '-' } else { ':' })?;
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// Content of a cell without a figure.
pub const NONE: &str = "–";

/// Formats a figure with decimals that suit its size.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.1}"),
        size if size < 10_000.0 => format!("{value:.0}"),
        _ => format!("{:.0}k", value / 1000.0),
    }
}

/// Formats a ratio to the lower bound.
pub fn ratio(value: f64, bound: f64) -> String {
    let ratio = value / bound;
    if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") }
}
