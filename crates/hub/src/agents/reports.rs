//! What comes in parts, one at a time from each agent, reports above all: put together, inflated under caps.

use gabion_api::agent::Report;
use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A report is not longer, compressed, in bytes.
pub(super) const MAX_COMPRESSED: usize = 64 << 20;
/// Nor inflated.
const MAX_JSON: u64 = 512 << 20;
/// All that are being put together are not longer.
const MAX_ALL: usize = 256 << 20;
/// The reason why there is none is not longer.
const MAX_REASON: usize = 4 << 10;

/// What all sessions hold together.
#[derive(Debug, Default)]
pub(super) struct Budget(AtomicUsize);

/// Of one session: the report whose parts come.
#[derive(Debug)]
pub(super) struct Parts {
    budget: Arc<Budget>,
    /// In bytes.
    most: usize,
    image: String,
    bytes: Vec<u8>,
    /// Why the rest of it is not wanted.
    spoiled: Option<&'static str>,
}

/// A report that is whole, compressed; or why there is none.
pub(super) type Whole = Result<Vec<u8>, String>;

impl Parts {
    pub(super) const fn new(budget: Arc<Budget>, most: usize) -> Self {
        Self { budget, most, image: String::new(), bytes: Vec::new(), spoiled: None }
    }

    /// Takes a part. Gives the report when it was the last.
    pub(super) fn take(&mut self, report: Report) -> Option<(String, Whole)> {
        let Report { image, part, last, failed, .. } = report;
        if image != self.image {
            self.clear();
            self.image.clone_from(&image);
        }
        if !failed.is_empty() {
            self.clear();
            return Some((image, Err(failed.chars().take(MAX_REASON).collect())));
        }
        if self.spoiled.is_none() {
            self.spoiled = self.add(&part).err();
        }
        if !last {
            return None;
        }
        let spoiled = self.spoiled;
        let bytes = self.clear();
        Some((image, spoiled.map_or(Ok(bytes), |why| Err(why.to_owned()))))
    }

    fn add(&mut self, part: &[u8]) -> Result<(), &'static str> {
        if self.bytes.len() + part.len() > self.most {
            self.release();
            return Err("the report is too long");
        }
        let all = self.budget.0.fetch_add(part.len(), Ordering::Relaxed) + part.len();
        self.bytes.extend_from_slice(part);
        if all > MAX_ALL {
            self.release();
            return Err("too many reports came at once");
        }
        Ok(())
    }

    /// Begins anew, and gives what was there.
    fn clear(&mut self) -> Vec<u8> {
        self.spoiled = None;
        self.image.clear();
        self.release()
    }

    fn release(&mut self) -> Vec<u8> {
        self.budget.0.fetch_sub(self.bytes.len(), Ordering::Relaxed);
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.release();
    }
}

/// The JSON of a report that was compressed with zstd.
pub(super) fn inflate(compressed: &[u8]) -> Result<Vec<u8>, String> {
    let mut json = Vec::new();
    gabion_caps::unzstd(compressed, "the report", MAX_JSON)
        .and_then(|mut reader| reader.read_to_end(&mut json))
        .map_err(|error| error.to_string())?;
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(image: &str, part: &[u8], last: bool) -> Report {
        Report { image: image.to_owned(), part: part.to_owned(), last, ..Report::default() }
    }

    #[test]
    fn parts_are_put_together_and_what_is_too_much_is_told() {
        let budget = Arc::new(Budget::default());
        let mut parts = Parts::new(Arc::clone(&budget), MAX_COMPRESSED);
        assert_eq!(parts.take(part("a", b"12", false)), None);
        assert_eq!(parts.take(part("a", b"3", true)), Some(("a".to_owned(), Ok(b"123".to_vec()))));
        // Another begins before the first is whole.
        parts.take(part("a", b"12", false));
        assert_eq!(parts.take(part("b", b"4", true)), Some(("b".to_owned(), Ok(b"4".to_vec()))));
        parts.take(part("a", &vec![0; MAX_COMPRESSED], false));
        assert_eq!(parts.take(part("a", b"1", false)), None);
        assert!(parts.take(part("a", b"1", true)).expect("the last").1.is_err());
        let failed = Report { failed: "no such image".to_owned(), ..part("a", b"", false) };
        assert_eq!(parts.take(failed), Some(("a".to_owned(), Err("no such image".to_owned()))));
        budget.0.fetch_add(MAX_ALL, Ordering::Relaxed);
        assert!(parts.take(part("a", b"1", true)).expect("the last").1.is_err());
        parts.take(part("a", b"1", false));
        drop(parts);
        assert_eq!(budget.0.load(Ordering::Relaxed), MAX_ALL, "all was given back");
    }

    #[test]
    fn what_does_not_inflate_says_so() {
        assert!(inflate(b"nonsense").is_err());
        let good = zstd::bulk::compress(b"{}", 1).expect("compresses");
        assert_eq!(inflate(&good), Ok(b"{}".to_vec()));
        assert!(inflate(&good[..good.len() - 1]).is_err());
    }
}
