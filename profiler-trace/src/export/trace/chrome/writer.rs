//! Writer of the events other than ranges of threads.

use crate::export::events::{Event, OnRow, Row};
use crate::export::trace::buffer::Page;

use super::formatter::Formatter;
use super::rows::Rows;
use super::text_cache::RowId;

/// Writer of events on one page after the other; a row is introduced before its first event.
pub(super) struct Events<'a, 'out> {
    pub(super) page: Page<'out>,
    pub(super) rows: Rows<'a>,
    pub(super) format: Formatter<'a>,
}

impl Events<'_, '_> {
    pub(super) fn row_id(&mut self, row: Row) -> RowId {
        self.rows.row_id(&mut self.page, row)
    }

    pub(super) fn on_row(&mut self, event: &impl OnRow) {
        let (row, times) = event.row_and_times();
        let row_id = self.row_id(row);
        self.slice(event, row_id, times);
    }

    pub(super) fn slice(&mut self, event: &impl Event, row_id: RowId, times: (u64, u64)) {
        self.format.slice(&mut self.page.text, event, row_id, times);
        self.page.flush_if_full();
    }

    pub(super) fn instant(&mut self, row: Row, event: &impl Event, at: u64) {
        let row_id = self.row_id(row);
        self.format.instant(&mut self.page.text, event, row_id, at);
        self.page.flush_if_full();
    }

    pub(super) fn arrow_end(&mut self, ends: (&str, &str), id: u32, at: (RowId, u64)) {
        self.format.arrow_end(&mut self.page.text, ends, id, at);
        self.page.flush_if_full();
    }
}
