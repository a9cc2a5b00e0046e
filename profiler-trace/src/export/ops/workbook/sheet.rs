//! One sheet of a workbook: the layout of its columns on screen and on paper.
//!
//! A value that was not measured is an empty cell, never 0. A column without values exists for
//! scripts, which find vLLM-Omni's columns by name, and is hidden from people. Pages fit the
//! visible columns, and each repeats the header row.

use std::time::Duration;

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, Worksheet, XlsxError};

use crate::export::format::xml;
use crate::export::ops::averages::MAX_ROWS;

/// Maximum number of characters in a cell.
const MAX_TEXT: usize = 32_767;
/// Minimum and maximum width of a column, in characters.
const WIDTHS: (usize, usize) = (12, 80);
/// Width of the filter button, in characters.
const BUTTON: usize = 4;
/// Height of a line, and maximum height of a row, in points.
const HEIGHTS: (usize, usize) = (15, 409);
const A4: u8 = 9;
/// Minimum number of characters on a line of the widest column; most are narrower than a digit.
const LINE_LENGTH: usize = 96;
/// Maximum indentation of the file format, minus the indentation of all texts.
const MAX_INDENT: u32 = 14;

/// One column of a table with rows of type `T`.
pub(super) struct Column<T> {
    head: &'static str,
    shows: Shows,
    cell: fn(&T) -> Cell,
}

/// Presentation of a column's cells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    /// Text; long lines are wrapped.
    Text,
    /// A whole number.
    Count,
    /// Microseconds, with their three decimals.
    Micros,
    /// A fraction from 0 to 1, shown in percent.
    Share,
    /// A truth value.
    Flag,
    /// The same value in every table, for scripts only.
    Nothing,
}

/// Value of a cell.
pub(super) enum Cell {
    Empty,
    Number(f64),
    Text(String),
    /// Text at a depth of a tree.
    Indented(String, u32),
    Flag(bool),
}

/// Writes a table into an empty sheet.
pub(super) fn fill<T>(
    sheet: &mut Worksheet,
    rows: impl Iterator<Item = T>,
    columns: &[Column<T>],
) -> Result<(), XlsxError> {
    let formats: Vec<Format> = columns.iter().map(|column| column.shows.format()).collect();
    for (index, column) in (0..).zip(columns) {
        sheet.write_string_with_format(0, index, column.head, &column.shows.head())?;
    }
    let mut widths = vec![0; columns.len()];
    let mut count = 0;
    for (row, each) in (1..).zip(rows.take(MAX_ROWS)) {
        let cells: Vec<Cell> = columns.iter().map(|column| (column.cell)(&each)).collect();
        // LibreOffice adapts a row to its text only if the row has an explicit height.
        let lines = cells.iter().map(Cell::lines).max().unwrap_or(1);
        if lines > 1 {
            sheet.set_row_height(row, (lines * HEIGHTS.0).min(HEIGHTS.1) as f64)?;
        }
        for (((index, cell), format), width) in (0..).zip(cells).zip(&formats).zip(&mut widths) {
            *width = (*width).max(cell.width());
            cell.write(sheet, (row, index), format)?;
        }
        count = row;
    }
    for ((index, column), content) in (0..).zip(columns).zip(widths) {
        let width = (content + 3).max(column.head.len() + BUTTON);
        sheet.set_column_width(index, width.clamp(WIDTHS.0, WIDTHS.1) as f64)?;
        if column.shows == Shows::Nothing || (content == 0 && count > 0) {
            sheet.set_column_hidden(index)?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    // CAST: a table has a few dozen columns.
    sheet.autofilter(0, 0, count, columns.len() as u16 - 1)?;
    set_up_printing(sheet)
}

fn set_up_printing(sheet: &mut Worksheet) -> Result<(), XlsxError> {
    sheet.set_paper_size(A4).set_landscape().set_print_fit_to_pages(1, 0);
    sheet.set_margins(0.4, 0.4, 0.4, 0.6, 0.2, 0.3).set_footer("&L&F, &A&Rpage &P of &N");
    sheet.set_repeat_rows(0, 0)?;
    Ok(())
}

impl<T> Column<T> {
    /// Creates a column; scripts find it by its name.
    pub(super) const fn new(head: &'static str, shows: Shows, cell: fn(&T) -> Cell) -> Self {
        Self { head, shows, cell }
    }
}

impl Shows {
    fn format(self) -> Format {
        let format = self.aligned();
        match self {
            Self::Text => format.set_text_wrap(),
            Self::Count => format.set_num_format("#,##0"),
            Self::Micros => format.set_num_format("#,##0.000"),
            Self::Share => format.set_num_format("0.00%"),
            // Without a format, LibreOffice shows a formatted flag as a number.
            Self::Flag => format.set_num_format("\"TRUE\";\"TRUE\";\"FALSE\""),
            Self::Nothing => format,
        }
    }

    fn head(self) -> Format {
        let format = self.aligned().set_bold().set_background_color(Color::RGB(0x00E8_ECF2));
        format.set_border_bottom(FormatBorder::Thin)
    }

    /// Returns the alignment: numbers right, texts left, both with a small distance to the next
    /// column.
    fn aligned(self) -> Format {
        let format = Format::new().set_align(FormatAlign::Top);
        match self {
            Self::Count | Self::Micros | Self::Share => format.set_align(FormatAlign::Right).set_indent(1),
            Self::Text | Self::Flag | Self::Nothing => format.set_align(FormatAlign::Left).set_indent(1),
        }
    }
}

impl Cell {
    /// Creates a text cell. Text is shortened to the maximum length, and characters that XML cannot
    /// represent are removed.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(cell_text(text))
    }

    /// Creates a text cell at a depth of a tree.
    pub(super) fn indented(text: &str, depth: u32) -> Self {
        Self::Indented(cell_text(text), depth.min(MAX_INDENT))
    }

    pub(super) fn bytes(bytes: Option<i64>) -> Self {
        bytes.map_or(Self::Empty, |bytes| Self::Number(bytes as f64))
    }

    pub(super) fn us(time: Duration) -> Self {
        Self::Number(time.as_nanos() as f64 / 1e3)
    }

    pub(super) fn us_if_known(time: Option<Duration>) -> Self {
        time.map_or(Self::Empty, Self::us)
    }

    /// Creates the share of a part in a whole; an empty cell if the whole is zero.
    pub(super) fn share(part: Duration, whole: Duration) -> Self {
        if whole.is_zero() { Self::Empty } else { Self::Number(part.as_secs_f64() / whole.as_secs_f64()) }
    }

    /// Returns the cell's width in characters; 0 if it is empty.
    fn width(&self) -> usize {
        let widest = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        match self {
            Self::Empty | Self::Flag(false) => 0,
            // Three decimals, and a comma for every three digits.
            Self::Number(number) => format!("{number:.3}").len() * 4 / 3,
            Self::Text(text) => widest(text),
            Self::Indented(text, depth) => widest(text) + *depth as usize,
            Self::Flag(true) => "TRUE".len(),
        }
    }

    /// Returns the number of lines in a column of maximum width.
    fn lines(&self) -> usize {
        match self {
            Self::Text(text) | Self::Indented(text, _) => {
                text.lines().map(|line| line.chars().count().div_ceil(LINE_LENGTH).max(1)).sum()
            }
            Self::Empty | Self::Number(_) | Self::Flag(_) => 1,
        }
    }

    fn write(self, sheet: &mut Worksheet, (row, column): (u32, u16), format: &Format) -> Result<(), XlsxError> {
        match self {
            Self::Empty => {}
            Self::Number(number) => {
                sheet.write_number_with_format(row, column, number, format)?;
            }
            Self::Text(text) => {
                sheet.write_string_with_format(row, column, text, format)?;
            }
            Self::Indented(text, depth) => {
                // CAST: at most `MAX_INDENT`.
                let format = format.clone().set_indent(1 + depth as u8);
                sheet.write_string_with_format(row, column, text, &format)?;
            }
            Self::Flag(flag) => {
                sheet.write_boolean_with_format(row, column, flag, format)?;
            }
        }
        Ok(())
    }
}

fn cell_text(text: &str) -> String {
    let letters = text.encode_utf16().count();
    let kept = text.chars().filter(|&letter| letter == '\n' || (!letter.is_control() && xml::has(letter)));
    // A character may take two UTF-16 units.
    if letters > MAX_TEXT { kept.take(MAX_TEXT / 2).collect() } else { kept.collect() }
}
