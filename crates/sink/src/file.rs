//! A file of lines of JSON. A record is taken when it is on disk; a file that is large enough is put aside: `NAME.jsonl.1` is the last of these.

use crate::{Whole, plain, record::Record};
use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Held while a file is written: somebody may try a sink while its worker sends.
static WRITING: Mutex<()> = Mutex::new(());

#[derive(Clone)]
pub(crate) struct File {
    directory: PathBuf,
    name: String,
    max: u64,
    keep: u32,
}

impl File {
    pub(crate) fn new(directory: &Path, name: &str, max: u64, keep: u32) -> Self {
        Self { directory: directory.to_owned(), name: name.to_owned(), max, keep }
    }

    pub(crate) async fn send(&self, records: &[Record]) -> Whole {
        let mut bytes = Vec::new();
        for record in records {
            bytes.extend_from_slice(plain::record(record).to_string().as_bytes());
            bytes.push(b'\n');
        }
        let file = self.clone();
        match tokio::task::spawn_blocking(move || file.append(&bytes)).await {
            Ok(Ok(())) => Whole::Taken,
            Ok(Err(error)) => {
                Whole::Again(format!("{} cannot be written: {error}", self.path(0).display()), None)
            }
            Err(error) => Whole::Again(error.to_string(), None),
        }
    }

    /// The file, or one that was put aside.
    fn path(&self, number: u32) -> PathBuf {
        let name = if number == 0 {
            format!("{}.jsonl", self.name)
        } else {
            format!("{}.jsonl.{number}", self.name)
        };
        self.directory.join(name)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        fs::create_dir_all(&self.directory)?;
        let path = self.path(0);
        let mut length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if length > 0 && length + bytes.len() as u64 > self.max {
            self.rotate()?;
            length = 0;
        }
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // Whoever can put a link there can have it anyway, but nothing is written through one.
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)?;
        // A line that is not whole was never said to be taken; it comes again.
        let whole = whole_lines(&mut file, length)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::Start(whole))?;
        file.write_all(bytes)?;
        file.sync_data()?;
        if length == 0 {
            fs::File::open(&self.directory)?.sync_all()?;
        }
        Ok(())
    }

    fn rotate(&self) -> io::Result<()> {
        if self.keep == 0 {
            return fs::remove_file(self.path(0));
        }
        for number in (0..self.keep).rev() {
            match fs::rename(self.path(number), self.path(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

/// How much of a file of that length is whole lines.
fn whole_lines(file: &mut fs::File, length: u64) -> io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut part = vec![0; (end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        fs::read_to_string(path).map(|text| text.lines().map(str::to_owned).collect()).unwrap_or_default()
    }

    #[test]
    fn a_torn_line_goes_and_old_files_are_put_aside() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = File::new(directory.path(), "all", 12, 2);
        file.append(b"one\n").expect("writes");
        fs::OpenOptions::new()
            .append(true)
            .open(file.path(0))
            .expect("opens")
            .write_all(b"tor")
            .expect("writes");
        file.append(b"two\n").expect("writes");
        assert_eq!(lines(&file.path(0)), ["one", "two"]);
        for line in ["three\n", "four\n", "five\n", "sixsixsix\n", "seven\n"] {
            file.append(line.as_bytes()).expect("writes");
        }
        let all: Vec<String> = (0..4).rev().flat_map(|number| lines(&file.path(number))).collect();
        assert_eq!(all, ["five", "sixsixsix", "seven"], "at most two are kept, whole, in order");
        assert!(!file.path(3).exists());
    }
}
