//! Incidents: each is sent anew when it has changed, until the hub has kept it as it is.

use super::progress::{Progress, Stamp};
use gabion_api::agent::Incident;
use std::{
    collections::VecDeque,
    fs::{self, File, Metadata},
    io::{self, ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A story is not longer, in bytes.
const MAX_STORY: u64 = 8 << 20;
/// A picture that is longer is left out.
const MAX_PICTURE: u64 = 4 << 20;
/// So many are under way at once.
const UNDER_WAY: usize = 4;
/// How often the directory is read though it looks unchanged.
const ANYWAY: Duration = Duration::from_secs(30);
const SECOND: i64 = 1_000_000_000;

pub(super) struct Incidents {
    directory: PathBuf,
    /// When the directory had changed last, and when it was read.
    looked: Option<(Stamp, Instant)>,
    waiting: VecDeque<(u64, Stamp)>,
    /// Sent in this session, and not acknowledged yet.
    under_way: VecDeque<(u64, Stamp)>,
    acknowledged: u64,
}

impl Incidents {
    pub(super) const fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            looked: None,
            waiting: VecDeque::new(),
            under_way: VecDeque::new(),
            acknowledged: 0,
        }
    }

    /// The next one to send now.
    pub(super) fn next(&mut self, progress: &mut Progress) -> io::Result<Option<Incident>> {
        self.look(progress)?;
        while self.under_way.len() < UNDER_WAY
            && let Some((id, _)) = self.waiting.pop_front()
        {
            // It may have changed again, or be gone.
            let Some((json, stamp)) = read(&self.directory.join(format!("{id}.json")), MAX_STORY)? else {
                continue;
            };
            let picture = read(&self.directory.join(format!("{id}.svg")), MAX_PICTURE)?;
            self.under_way.push_back((id, stamp));
            let picture = picture.map(|(bytes, _)| bytes).unwrap_or_default();
            return Ok(Some(Incident { id, json, picture }));
        }
        Ok(None)
    }

    fn look(&mut self, progress: &mut Progress) -> io::Result<()> {
        let now = stamp(&fs::metadata(&self.directory)?);
        if self.looked.is_some_and(|(before, at)| before == now && at.elapsed() < ANYWAY) {
            return Ok(());
        }
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            let Some(id) = id else { continue };
            let stamp = match entry.metadata() {
                Ok(meta) => stamp(&meta),
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let is_known =
                progress.incidents.get(&id) == Some(&stamp) || self.under_way.contains(&(id, stamp));
            if !is_known && !self.waiting.iter().any(|(other, _)| *other == id) {
                self.waiting.push_back((id, stamp));
            }
        }
        progress.forget_incidents(&self.directory);
        self.looked = Some((now, Instant::now()));
        Ok(())
    }

    /// So many of this session are kept. Whether that is news.
    pub(super) fn kept(&mut self, count: u64, progress: &mut Progress) -> bool {
        let before = self.acknowledged;
        while self.acknowledged < count
            && let Some((id, stamp)) = self.under_way.pop_front()
        {
            progress.incidents.insert(id, stamp);
            self.acknowledged += 1;
        }
        self.acknowledged > before
    }

    /// The session has ended: what was under way may not have come.
    pub(super) fn again(&mut self) {
        self.acknowledged = 0;
        self.waiting.extend(self.under_way.drain(..));
    }
}

fn stamp(meta: &Metadata) -> Stamp {
    (meta.mtime() * SECOND + meta.mtime_nsec(), meta.size())
}

/// A file that is not too long, and when it was written.
fn read(path: &Path, most: u64) -> io::Result<Option<(Vec<u8>, Stamp)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let stamp = stamp(&file.metadata()?);
    if stamp.1 > most {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(Some((bytes, stamp)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_are_sent_when_they_change_until_they_are_kept() {
        let home = tempfile::tempdir().expect("a directory");
        let write = |id: u64, text: &str| {
            let new = home.path().join(".new");
            fs::write(&new, text).expect("writes");
            fs::rename(&new, home.path().join(format!("{id}.json"))).expect("renames");
        };
        let (mut incidents, mut progress) = (Incidents::new(home.path().to_owned()), Progress::default());
        let all = |incidents: &mut Incidents, progress: &mut Progress| {
            incidents.looked = None;
            let mut ids = Vec::new();
            while let Some(incident) = incidents.next(progress).expect("reads") {
                ids.push(incident.id);
            }
            ids.sort_unstable();
            ids
        };
        assert!(all(&mut incidents, &mut progress).is_empty());
        write(1, "one");
        write(2, "two");
        fs::write(home.path().join("2.svg"), "<svg").expect("writes");
        assert_eq!(all(&mut incidents, &mut progress), [1, 2]);
        assert!(all(&mut incidents, &mut progress).is_empty());
        assert!(incidents.kept(1, &mut progress));
        assert_eq!(progress.incidents.len(), 1);
        incidents.again();
        assert_eq!(all(&mut incidents, &mut progress).len(), 1, "the other comes again");
        assert!(incidents.kept(1, &mut progress) && !incidents.kept(1, &mut progress));
        write(1, "one and more");
        assert_eq!(all(&mut incidents, &mut progress), [1]);
        write(1, "one and still more");
        assert_eq!(all(&mut incidents, &mut progress), [1], "it has changed while it was under way");
        incidents.kept(3, &mut progress);
        for id in 3..20 {
            write(id, "many");
        }
        assert_eq!(all(&mut incidents, &mut progress).len(), UNDER_WAY);
        fs::remove_file(home.path().join("1.json")).expect("removes");
        all(&mut incidents, &mut progress);
        assert!(!progress.incidents.contains_key(&1));
    }
}
