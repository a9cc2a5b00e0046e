//! Markdown tables that are also readable as plain text: padded columns, right-aligned numbers.

use std::fmt::Write;

use crate::text;

/// Maximum length of a name in a table, in characters.
const MAX_NAME: usize = 40;

/// Renders `rows` under `header`; the first column is text, the others are numbers.
pub(in crate::export) fn render(header: &[&str], rows: &[impl AsRef<[String]>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|name| name.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row.as_ref()) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    push_row(&mut text, header, &widths);
    let rules: Vec<String> = widths.iter().enumerate().map(|(column, &width)| rule(column, width)).collect();
    push_row(&mut text, &rules, &widths);
    for row in rows {
        push_row(&mut text, row.as_ref(), &widths);
    }
    text
}

fn rule(column: usize, width: usize) -> String {
    if column == 0 { "-".repeat(width) } else { format!("{}:", "-".repeat(width - 1)) }
}

fn push_row(text: &mut String, cells: &[impl AsRef<str>], widths: &[usize]) {
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let (cell, separator) = (cell.as_ref(), if column == 0 { "| " } else { " | " });
        // Writing to a `String` cannot fail.
        let _ = match column {
            0 => write!(text, "{separator}{cell:<width$}"),
            _ => write!(text, "{separator}{cell:>width$}"),
        };
    }
    text.push_str(" |\n");
}

/// Returns a name for a table cell: on one line, without column separators, shortened if too long.
pub(in crate::export) fn cell(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        '|' => '¦',
        letter if text::acts(letter) => ' ',
        letter => letter,
    });
    let shortened = name.chars().count() > MAX_NAME;
    letters.take(if shortened { MAX_NAME - 1 } else { MAX_NAME }).chain(shortened.then_some('…')).collect()
}

/// Formats a share in percent, marked if calls overlapped.
pub(in crate::export) fn share(part: u64, whole: u64, is_concurrent: bool) -> String {
    let mark = if is_concurrent { " (concurrent)" } else { "" };
    format!("{:.1} %{mark}", part as f64 * 100.0 / whole.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_names_cannot_break_them() {
        let rows = [[cell("a|b\nc"), "1.5".to_owned()], [cell(&"é".repeat(50)), "1000".to_owned()]];
        let text = render(&["stage", "ms"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(
            lines.iter().all(|line| line.chars().count() == lines[0].chars().count() && line.matches('|').count() == 3)
        );
        assert!(lines[2].starts_with("| a¦b c ") && lines[2].ends_with("  1.5 |"));
    }
}
