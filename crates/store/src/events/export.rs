//! All events that fit, handed over page by page, the newest first: what takes longer than one page, and must lack nothing.

use super::{EventStoreError, Query};
use gabion_api::rest::{Event, EventPage, Unsearched};
use std::io;

/// Events of a page.
const PAGE: usize = 1000;

/// Why an export has ended before its end. What was handed over until then is not all.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] EventStoreError),
    /// Nor could others.
    #[error("the events could not be asked for: {0}")]
    Ask(String),
    /// A part of what was asked for could not be searched: an export without it would look whole.
    #[error("a part of the events cannot be exported: {}: {}", .0.what, .0.why)]
    Unsearched(Unsearched),
    /// Whoever takes them has gone, or has no room.
    #[error("the events could not be written")]
    Write(#[from] io::Error),
}

/// All events that fit, as `page` tells them, the newest first, a thousand at a time; how many.
pub fn export(
    query: &Query,
    mut page: impl FnMut(&Query) -> Result<EventPage, ExportError>,
    mut take: impl FnMut(Vec<Event>) -> io::Result<()>,
) -> Result<u64, ExportError> {
    let mut query = Query { limit: PAGE, cursor: None, ..query.clone() };
    let mut all = 0;
    loop {
        let page = page(&query)?;
        if let Some(unsearched) = page.unsearched.into_iter().next() {
            return Err(ExportError::Unsearched(unsearched));
        }
        all += page.items.len() as u64;
        if !page.items.is_empty() {
            take(page.items)?;
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(all),
        }
    }
}
