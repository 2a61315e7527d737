//! A document that never grows beyond what GitHub takes, and tells what did not fit.

use crate::text;

/// The most that GitHub takes of a comment, in characters; counted in bytes here, of which there are never fewer.
const MOST: usize = 65_536;
/// Kept for telling what was left out.
const RESERVED: usize = 1_024;

#[derive(Default)]
pub(super) struct Sheet {
    text: String,
    /// What was left out, in words.
    cut: Vec<String>,
}

impl Sheet {
    /// Adds what must not be missing as long as there is room for it.
    pub(super) fn add(&mut self, text: &str) {
        if self.fits(text) {
            self.text.push_str(text);
        }
    }

    /// Adds rows, but no more than so many and than there is room for; the rest is told as so many of `noun`.
    pub(super) fn rows(&mut self, rows: impl Iterator<Item = String>, most: usize, noun: &str) {
        let (mut shown, mut left) = (0, 0);
        for row in rows {
            if left == 0 && shown < most && self.fits(&row) {
                self.text.push_str(&row);
                shown += 1;
            } else {
                left += 1;
            }
        }
        if left > 0 {
            // The noun counts, not what it is without.
            let (noun, rest) =
                noun.split_once(' ').map_or((noun, String::new()), |(n, r)| (n, format!(" {r}")));
            self.cut.push(format!("{}{rest}", text::count(left, &format!("more {noun}"))));
        }
    }

    fn fits(&self, text: &str) -> bool {
        self.text.len() + text.len() <= MOST - RESERVED
    }

    /// The document, with what was left out at its end.
    pub(super) fn finish(mut self) -> String {
        if !self.cut.is_empty() {
            self.text.push_str("\nNot shown: ");
            self.text.push_str(&self.cut.join(", "));
            self.text.push_str(". `gabion scan --all` tells everything.\n");
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut sheet = Sheet::default();
        sheet.rows((0..1_000).map(|_| "x".repeat(100)), usize::MAX, "line without a fix");
        sheet.rows((0..3).map(|n| format!("{n}\n")), 2, "gate");
        let text = sheet.finish();
        assert!(text.len() <= MOST, "{}", text.len());
        let told =
            "Not shown: 355 more lines without a fix, 1 more gate. `gabion scan --all` tells everything.";
        assert!(text.trim_end().ends_with(told), "{}", &text[text.len() - 200..]);
    }
}
