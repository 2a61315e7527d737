//! Alerts as the agent keeps them: a line of JSON each, numbered from 1 on, also over restarts.
//!
//! There are two files, `alerts.jsonl` and the one before it; when the first is full it takes the place of the second. A line that was
//! cut by a crash is no alert, and does not spoil the next.

use anyhow::Context;
use gabion_detect::alert::Alert;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

/// A file of alerts is not longer, in bytes.
const MAX_FILE: u64 = 64 << 20;
/// No line is longer.
const MAX_LINE: u64 = 1 << 20;
/// The end of a file in which its last line is looked for.
const TAIL: u64 = 2 * MAX_LINE;

/// An alert, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Its number.
    pub(crate) id: u64,
    /// When, in nanoseconds since 1970.
    pub(crate) time: u64,
    /// The rule.
    pub(crate) rule: String,
    /// How bad it is.
    pub(crate) priority: String,
    /// The incident that it belongs to.
    pub(crate) incident: Option<u64>,
    /// The container, by name; none on the host.
    pub(crate) container: Option<String>,
    /// What it says.
    pub(crate) message: String,
    /// What an exception of the rule can be made of: fields and their values.
    pub(crate) facts: BTreeMap<String, String>,
    /// As Falco prints it.
    pub(crate) falco: serde_json::Value,
}

/// The files of a state directory, the older first.
pub(crate) fn files(state: &Path) -> [PathBuf; 2] {
    [state.join("alerts.1.jsonl"), state.join("alerts.jsonl")]
}

/// Alerts being kept.
#[derive(Debug)]
pub(crate) struct Journal {
    state: PathBuf,
    file: File,
    size: u64,
    last: u64,
    /// Alerts that could not be kept.
    pub(crate) lost: u64,
}

impl Journal {
    /// Goes on where the last one ended.
    pub(crate) fn open(state: &Path) -> anyhow::Result<Self> {
        let [before, path] = files(state);
        let attempt = || -> io::Result<Self> {
            let mut last = 0;
            for path in [&before, &path] {
                last = last.max(last_id(path)?);
            }
            let mut file = OpenOptions::new().create(true).append(true).read(true).open(&path)?;
            let mut size = file.seek(SeekFrom::End(0))?;
            if size > 0 {
                let mut end = [0];
                file.seek(SeekFrom::End(-1))?;
                file.read_exact(&mut end)?;
                if end != *b"\n" {
                    file.write_all(b"\n")?;
                    size += 1;
                }
            }
            Ok(Self { state: state.to_owned(), file, size, last, lost: 0 })
        };
        attempt().with_context(|| format!("cannot keep alerts in {}", path.display()))
    }

    /// Keeps one. Its number counts also if it cannot be kept.
    pub(crate) fn keep(&mut self, alert: &Alert, incident: Option<u64>) -> Kept {
        self.last += 1;
        let facts = gabion_detect::tune::facts(alert);
        let kept = Kept {
            id: self.last,
            time: alert.time,
            rule: alert.rule.clone(),
            priority: alert.priority.as_str().to_owned(),
            incident,
            container: alert.container_name(),
            message: String::from_utf8_lossy(&alert.message).into_owned(),
            facts,
            falco: gabion_detect::output::falco_json(alert),
        };
        self.lost += u64::from(self.write(&kept).is_err());
        kept
    }

    fn write(&mut self, kept: &Kept) -> io::Result<()> {
        let mut line = serde_json::to_vec(kept)?;
        line.push(b'\n');
        if line.len() as u64 > MAX_LINE {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if self.size + line.len() as u64 > MAX_FILE {
            let [before, path] = files(&self.state);
            fs::rename(&path, before)?;
            self.file = OpenOptions::new().create(true).append(true).open(path)?;
            self.size = 0;
        }
        let written = self.file.write_all(&line);
        if written.is_err() {
            // Half a line may be there: it ends here, so that the next is whole.
            let _ = self.file.write_all(b"\n");
        }
        self.size += line.len() as u64;
        written
    }
}

/// The number of the last alert of a file; 0 if it has none.
fn last_id(path: &Path) -> io::Result<u64> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let ids = tail.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice::<Kept>(line).ok());
    Ok(ids.map(|kept| kept.id).max().unwrap_or(0))
}

/// What was kept, read again.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The alerts, the oldest first.
    pub(crate) alerts: Vec<Kept>,
    /// Lines that are no alert.
    pub(crate) damaged: u64,
}

/// The last alerts that are wanted, at most so many.
pub(crate) fn read(
    state: &Path,
    most: usize,
    mut wanted: impl FnMut(&Kept) -> bool,
) -> anyhow::Result<Found> {
    let mut alerts = std::collections::VecDeque::new();
    let mut damaged = 0;
    let mut found = false;
    for path in files(state) {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        found = true;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line);
            match length.with_context(|| format!("cannot read {}", path.display()))? {
                0 => break,
                1 => continue,
                _ => {}
            }
            match serde_json::from_slice::<Kept>(&line) {
                Ok(kept) if wanted(&kept) => {
                    alerts.push_back(kept);
                    if alerts.len() > most {
                        alerts.pop_front();
                    }
                }
                Ok(_) => {}
                Err(_) => damaged += 1,
            }
        }
    }
    if !found {
        anyhow::bail!("no agent has kept alerts in {}\nhint: gabion agent, or --state", state.display());
    }
    Ok(Found { alerts: alerts.into(), damaged })
}
