//! The events that are no ranges of a thread, on their way into one page after the other.

use crate::export::events::{Event, OnRow, Row};
use crate::export::trace::buffer::Page;

use super::formatter::Formatter;
use super::prefix_cache::Place;
use super::rows::Rows;

/// Writes the events of a trace that are no ranges of a thread, each after the row that it is on.
pub(super) struct Events<'a, 'out> {
    pub(super) page: Page<'out>,
    pub(super) rows: Rows<'a>,
    pub(super) format: Formatter<'a>,
}

impl Events<'_, '_> {
    pub(super) fn place(&mut self, row: Row) -> Place {
        self.rows.place(&mut self.page, row)
    }

    pub(super) fn on_row(&mut self, event: &impl OnRow) {
        let (row, times) = event.place();
        let place = self.place(row);
        self.slice(event, place, times);
    }

    pub(super) fn slice(&mut self, event: &impl Event, place: Place, times: (u64, u64)) {
        self.format.slice(&mut self.page.text, event, place, times);
        self.page.pause();
    }

    pub(super) fn instant(&mut self, row: Row, event: &impl Event, at: u64) {
        let place = self.place(row);
        self.format.instant(&mut self.page.text, event, place, at);
        self.page.pause();
    }

    pub(super) fn arrow_end(&mut self, ends: (&str, &str), id: u32, at: (Place, u64)) {
        self.format.arrow_end(&mut self.page.text, ends, id, at);
        self.page.pause();
    }
}
