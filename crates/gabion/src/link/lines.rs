//! Lines of files that follow each other, read while somebody writes them.
//!
//! ```text
//!   alerts.1.jsonl ─► alerts.jsonl          the second is renamed to the first when it is full
//!   000…1.jsonl ─► 000…9.jsonl ─► …         a new one each time
//! ```
//! A file is read to its end; that it is over is known when another follows it. Files are told apart by what they are, not by their
//! names, so a file that is renamed while it is read is read on.

use std::{
    fs::{File, Metadata},
    io::{self, BufRead, BufReader, ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::PathBuf,
};

/// No line is longer; what is longer is no line.
const MAX_LINE: u64 = 2 << 20;

/// Where files are now, in order.
pub(super) type Files = Box<dyn Fn() -> Vec<PathBuf> + Send>;

/// The reader.
pub(super) struct Lines {
    files: Files,
    current: Option<Current>,
    /// The beginning of a line whose end was not there yet.
    part: Vec<u8>,
    /// Lines that were too long.
    pub(super) damaged: u64,
}

struct Current {
    reader: BufReader<File>,
    id: (u64, u64),
    /// Another follows, so nobody writes here any more.
    is_over: bool,
}

impl Lines {
    /// From the first line of the first file on.
    pub(super) fn new(files: Files) -> Self {
        Self { files, current: None, part: Vec::new(), damaged: 0 }
    }

    /// The next line without its end, if one is whole.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let Some(current) = &mut self.current else {
                self.current = self.follow(None)?;
                if self.current.is_none() {
                    return Ok(None);
                }
                continue;
            };
            let left = MAX_LINE.saturating_sub(self.part.len() as u64);
            (&mut current.reader).take(left).read_until(b'\n', &mut self.part)?;
            if self.part.pop_if(|last| *last == b'\n').is_some() {
                let line = std::mem::take(&mut self.part);
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            if self.part.len() as u64 >= MAX_LINE {
                self.damaged += 1;
                self.part.clear();
                current.reader.skip_until(b'\n')?;
                continue;
            }
            if current.is_over {
                // A line that was cut by a crash is none.
                self.damaged += u64::from(!self.part.is_empty());
                self.part.clear();
                let id = current.id;
                self.current = self.follow(Some(id))?;
                continue;
            }
            let id = current.id;
            if self.successor(id)?.is_none() {
                return Ok(None);
            }
            // Something may have been written between the end and now.
            if let Some(current) = &mut self.current {
                current.is_over = true;
            }
        }
    }

    /// The file after this one; the first if this one is gone.
    fn follow(&self, id: Option<(u64, u64)>) -> io::Result<Option<Current>> {
        let opened = match id {
            Some(id) => self.successor(id)?,
            None => self.listed()?.into_iter().next(),
        };
        Ok(opened.map(|(file, id)| Current { reader: BufReader::new(file), id, is_over: false }))
    }

    fn successor(&self, id: (u64, u64)) -> io::Result<Option<(File, (u64, u64))>> {
        let mut files = self.listed()?;
        Ok(match files.iter().position(|(_, other)| *other == id) {
            Some(place) if place + 1 < files.len() => Some(files.swap_remove(place + 1)),
            Some(_) => None,
            None => files.into_iter().next(),
        })
    }

    fn listed(&self) -> io::Result<Vec<(File, (u64, u64))>> {
        let mut files = Vec::new();
        for path in (self.files)() {
            match File::open(&path).and_then(|file| Ok((file.metadata()?, file))) {
                Ok((meta, file)) => files.push((file, identity(&meta))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    fn write(path: &Path, text: &str) {
        use std::io::Write;
        let mut file = File::options().create(true).append(true).open(path).expect("opens");
        file.write_all(text.as_bytes()).expect("writes");
    }

    fn all(lines: &mut Lines) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("reads") {
            all.push(String::from_utf8(line).expect("text"));
        }
        all
    }

    #[test]
    fn lines_are_followed_over_renamed_files_and_half_lines() {
        let home = tempfile::tempdir().expect("a directory");
        let (old, new) = (home.path().join("a.1"), home.path().join("a"));
        let files = vec![old.clone(), new.clone()];
        let mut lines = Lines::new(Box::new(move || files.clone()));
        assert!(all(&mut lines).is_empty(), "there is no file yet");
        write(&new, "one\ntw");
        assert_eq!(all(&mut lines), ["one"]);
        write(&new, "o\n\nthree\n");
        assert_eq!(all(&mut lines), ["two", "three"]);
        write(&new, "four\n");
        fs::rename(&new, &old).expect("renames");
        write(&new, "five\n");
        assert_eq!(all(&mut lines), ["four", "five"]);
        // Renamed twice: one was never seen.
        fs::rename(&new, &old).expect("renames");
        write(&new, "six\n");
        fs::rename(&new, &old).expect("renames");
        write(&new, "seven\n");
        assert_eq!(all(&mut lines), ["six", "seven"]);
        // A line that a crash has cut.
        write(&new, "eig");
        assert!(all(&mut lines).is_empty());
        fs::rename(&new, &old).expect("renames");
        write(&new, "nine\n");
        assert_eq!(all(&mut lines), ["nine"]);
        assert_eq!(lines.damaged, 1);
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("a");
        write(&path, &format!("one\n{}\ntwo\n", "x".repeat(MAX_LINE as usize + 5)));
        let mut lines = Lines::new(Box::new(move || vec![path.clone()]));
        assert_eq!(all(&mut lines), ["one", "two"]);
        assert_eq!(lines.damaged, 1);
    }
}
