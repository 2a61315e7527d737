//! Paragraphs: runs of lines that are not blank. The databases of dpkg and apk have one for each package.
//!
//! A hostile database can name a package or a file with a few bytes each, and every name costs some fifty
//! times that in memory. So there are limits to how many are believed; all of Debian has 70,000 packages.

use crate::content::ReadError;

/// Packages of one database.
pub(super) const MAX_PACKAGES: usize = 200_000;
/// Files that one database, or one list, may name.
pub(super) const MAX_FILES: usize = 1_000_000;

/// That there are more.
pub(super) fn too_many(what: &str, limit: usize) -> ReadError {
    ReadError::malformed(format!("names more than {limit} {what}"))
}

/// Gives each paragraph, borrowed, with its line ends.
pub(super) struct Paragraphs<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Paragraphs<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut start = None;
        let mut at = 0;
        while at < self.0.len() {
            let end = memchr::memchr(b'\n', &self.0[at..]).map_or(self.0.len(), |n| at + n + 1);
            let blank = self.0[at..end].trim_ascii().is_empty();
            match (blank, start) {
                (false, None) => start = Some(at),
                (true, Some(start)) => {
                    let paragraph = &self.0[start..at];
                    self.0 = &self.0[end..];
                    return Some(paragraph);
                }
                _ => {}
            }
            at = end;
        }
        let last = start.map(|start| &self.0[start..]);
        self.0 = b"";
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_part_and_nothing_else_does() {
        let parts = |text: &'static str| Paragraphs(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(parts("\n \na\nb\n\t\r\n\nc"), [&b"a\nb\n"[..], b"c"]);
        assert_eq!(parts("a\n .\nb"), [b"a\n .\nb"]);
        assert!(parts(" \n\n").is_empty());
    }
}
