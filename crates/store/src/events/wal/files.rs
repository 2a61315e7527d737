//! The files of the log: which there are, how one begins, and what one holds that was left behind.

use super::{
    super::{EventStoreError, StoredEvent, failed},
    Found, Segment,
    frame::{self, Frame, Frames},
    path,
};
use std::{
    collections::HashMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

/// The numbers of the files that are there, in order.
pub(super) fn numbers(directory: &Path) -> Result<Vec<u64>, EventStoreError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed("list", directory))? {
        let name = entry.map_err(failed("list", directory))?.file_name();
        numbers
            .extend(name.to_str().and_then(|n| n.strip_suffix(".wal")).and_then(|n| n.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// A new file with its marks, on disk.
pub(super) fn create(
    directory: &Path,
    number: u64,
    first: u64,
    marks: &HashMap<String, u64>,
) -> Result<(Arc<File>, Segment), EventStoreError> {
    let path = path(directory, number);
    let bytes = frame::marks(first, marks);
    let write = || {
        // It is there already if the last attempt found no room.
        let file = File::options().write(true).create(true).truncate(true).open(&path)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        File::open(directory)?.sync_all()?;
        Ok(file)
    };
    let file = write().map_err(failed("begin", &path))?;
    Ok((Arc::new(file), Segment { number, first, end: first, bytes: bytes.len() as u64 }))
}

/// The place at which a file begins, if its marks can be read.
pub(super) fn first_of(path: &Path) -> Result<Option<u64>, EventStoreError> {
    let mut frames = Frames::open(path)?;
    let bytes = frames.bytes()?;
    Ok(match frames.next(bytes)? {
        Some(Frame::Marks(first, _)) => Some(first),
        _ => None,
    })
}

/// Reads a file of the log: what it holds, its marks, and what of it is broken.
pub(super) fn scan(
    directory: &Path,
    number: u64,
    limit: Option<u64>,
    last: bool,
    marks: &mut HashMap<String, u64>,
    found: &mut Found,
) -> Result<Segment, EventStoreError> {
    let path = path(directory, number);
    let mut frames = Frames::open(&path)?;
    // What a killed process has written is not on disk yet; what the log says it holds has to be.
    frames.sync()?;
    let bytes = frames.bytes()?;
    let mut segment = Segment { number, first: u64::MAX, end: 0, bytes };
    while let Some(frame) = frames.next(bytes)? {
        match frame {
            Frame::Marks(first, of_file) => {
                segment.first = segment.first.min(first);
                segment.end = segment.end.max(first);
                for (source, last) in of_file {
                    let mark = marks.entry(source).or_default();
                    *mark = last.max(*mark);
                }
            }
            Frame::Batch(batch) if limit.is_none_or(|limit| batch.first < limit) => {
                segment.first = segment.first.min(batch.first);
                segment.end = segment.end.max(batch.end());
                for event in batch.events() {
                    let event = StoredEvent::decode(event)?;
                    let mark = marks.entry(event.source).or_default();
                    *mark = event.number.max(*mark);
                }
            }
            Frame::Batch(_) => {}
        }
    }
    segment.first = segment.first.min(segment.end);
    let rest = bytes - frames.good();
    found.damaged += frames.skipped();
    if last {
        found.torn += rest;
    } else if limit.is_none_or(|limit| segment.end < limit) {
        // Where the next file goes on without a gap, the rest was never acknowledged, and told when it was found.
        found.damaged += rest;
    }
    Ok(segment)
}
