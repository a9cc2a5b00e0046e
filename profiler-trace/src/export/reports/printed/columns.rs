//! A table that fits a terminal's width: drops the least important columns first and keeps every
//! line short enough.

use std::fmt::Write as _;

/// Spaces between columns.
const GAP: usize = 2;
/// Minimum width of a shortened name.
const MIN_NAME: usize = 16;
/// Maximum width of a name.
const MAX_NAME: usize = 48;
/// Minimum and maximum width of a bar.
const BAR: (usize, usize) = (5, 20);

/// A column of numbers.
pub(super) struct Head {
    pub(super) title: &'static str,
    /// Priority for dropping the column when space is short: higher ranks are dropped first, rank 0
    /// never.
    pub(super) rank: u8,
}

/// A row: its name, one cell per column, and the share that its bar shows.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
    pub(super) share: f64,
}

/// Characters that a terminal can show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letters {
    pub(super) unicode: bool,
}

/// Appends the table to `text`, with a bar if there is space for one.
pub(super) fn push(text: &mut String, title: &str, heads: &[Head], rows: &[Row], width: usize, letters: Letters) {
    let longest = rows.iter().map(|row| count(&row.name)).chain([count(title)]).max().unwrap_or(0);
    let wide: Vec<usize> = (0..heads.len())
        .map(|at| rows.iter().map(|row| count(&row.cells[at])).chain([count(heads[at].title)]).max().unwrap_or(0))
        .collect();
    let mut kept: Vec<usize> = (0..heads.len()).collect();
    let numbers = |kept: &[usize]| kept.iter().map(|&at| wide[at] + GAP).sum::<usize>();
    while numbers(&kept) + longest.min(MIN_NAME) > width {
        let Some(least) = kept.iter().copied().filter(|&at| heads[at].rank > 0).max_by_key(|&at| heads[at].rank) else {
            break;
        };
        kept.retain(|&at| at != least);
    }
    let room = width.saturating_sub(numbers(&kept)).max(1);
    // A bar is more useful than the end of a long name.
    let bar_needs = if room >= MIN_NAME + GAP + BAR.0 { GAP + BAR.0 } else { 0 };
    let name_width = longest.min(MAX_NAME).min(room - bar_needs);
    let bar_width = (room - name_width).saturating_sub(GAP).min(BAR.1);
    let bar_width = if bar_needs == 0 || bar_width < BAR.0 { 0 } else { bar_width };
    let mut push_line = |name: &str, cells: &dyn Fn(usize) -> String, bar: &str| {
        let mut line = format!("{:<name_width$}", letters.cut(name, name_width));
        for &at in &kept {
            // Writing to a `String` cannot fail.
            let _ = write!(line, "{:>width$}", cells(at), width = wide[at] + GAP);
        }
        let _ = write!(line, "{:GAP$}{bar}", "");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    push_line(title, &|at| heads[at].title.to_owned(), "");
    for row in rows {
        push_line(&row.name, &|at| row.cells[at].clone(), &letters.bar(row.share, bar_width));
    }
}

/// Appends a sentence, broken into lines of at most `width` columns except for longer words.
pub(super) fn push_sentence(text: &mut String, sentence: &str, width: usize) {
    const INDENT: &str = "  ";
    let mut line = INDENT.to_owned();
    for word in sentence.split_whitespace() {
        if line.trim().is_empty() || count(&line) + 1 + count(word) <= width {
            line.push_str(if line.trim().is_empty() { "" } else { " " });
        } else {
            text.push_str(&line);
            text.push('\n');
            line = format!("{INDENT}{INDENT}");
        }
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

fn count(text: &str) -> usize {
    text.chars().count()
}

impl Letters {
    /// Returns a name, shortened to the width.
    fn cut(self, name: &str, width: usize) -> String {
        if count(name) <= width {
            return name.to_owned();
        }
        let end = if self.unicode { '…' } else { '~' };
        name.chars().take(width.saturating_sub(1)).chain([end]).collect()
    }

    /// Returns a bar for a share, in eighths of a character if Unicode is available. A share above
    /// 100 % fills the bar and ends in a marker.
    fn bar(self, share: f64, width: usize) -> String {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        if share > 1.0 && width > 0 {
            let (letter, mark) = if self.unicode { ("█", "▶") } else { ("#", ">") };
            return letter.repeat(width - 1) + mark;
        }
        let length = share.clamp(0.0, 1.0) * width as f64;
        if !self.unicode {
            // CAST: at most `width`.
            return "#".repeat(length.round() as usize);
        }
        // CAST: at most eight times `width`.
        let eighths = (length * 8.0).round() as usize;
        "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADS: [Head; 3] =
        [Head { title: "calls", rank: 2 }, Head { title: "total", rank: 0 }, Head { title: "self", rank: 3 }];

    fn table(width: usize, unicode: bool) -> String {
        let row = |name: &str, share| Row {
            name: name.into(),
            cells: ["4", "1234.567", "0.125"].map(Into::into).into(),
            share,
        };
        let mut text = String::new();
        push(
            &mut text,
            "stage",
            &HEADS,
            &[row("vae.decode.chunk.with.a.long.name", 0.5), row("a", 1.0)],
            width,
            Letters { unicode },
        );
        text
    }

    #[test]
    fn no_line_of_a_table_is_wider_than_the_terminal() {
        for width in [20, 30, 40, 60, 80, 200] {
            for unicode in [false, true] {
                let text = table(width, unicode);
                assert!(text.lines().all(|line| count(line) <= width.max(27)), "{width}:\n{text}");
                assert!(unicode || text.is_ascii(), "{text}");
                assert!(text.contains("1234.567"), "{width}:\n{text}");
            }
        }
        assert!(table(80, true).contains("self") && !table(30, true).contains("self"));
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let bar = |share| Letters { unicode: true }.bar(share, 4);
        assert_eq!([0.0, 0.03, 0.5, 0.53, 1.0, 7.0].map(bar), ["", "▏", "██", "██▏", "████", "███▶"]);
        assert_eq!([0.5, 7.0].map(|share| Letters { unicode: false }.bar(share, 4)), ["##", "###>"]);
    }

    #[test]
    fn a_sentence_is_broken_between_words() {
        let mut text = String::new();
        push_sentence(&mut text, "no allocation was reported: wrap the allocator", 30);
        assert_eq!(text, "  no allocation was reported:\n    wrap the allocator\n");
    }
}
