//! Holds a control group still, or ends all that is in it. A group is named by its path below the root of the hierarchy, as
//! [`crate::containers::Containers::path`] tells it.

use super::RespondError;
use crate::sensor::unified;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Processes come to rest within this, or they are in the kernel for longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The directory of a group.
pub(super) fn directory(group: &[u8]) -> Result<PathBuf, RespondError> {
    let root = unified().ok_or(RespondError::NoCgroups)?;
    let below = group.strip_prefix(b"/").unwrap_or(group);
    Ok(root.join(OsStr::from_bytes(below)))
}

/// Holds all processes of a group still. They stay so until [`thaw`], whoever ends in between.
pub fn freeze(group: &[u8]) -> Result<(), RespondError> {
    set(group, "1")?;
    let events = directory(group)?.join("cgroup.events");
    let until = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(&events).map_err(RespondError::file(&events))?;
        if text.lines().any(|line| line == "frozen 1") {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(RespondError::Restless);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Lets a group go on.
pub fn thaw(group: &[u8]) -> Result<(), RespondError> {
    set(group, "0")
}

fn set(group: &[u8], value: &str) -> Result<(), RespondError> {
    let path = directory(group)?.join("cgroup.freeze");
    fs::write(&path, value).map_err(RespondError::file(&path))
}

/// The processes of a group and the groups below it.
pub fn members(group: &[u8]) -> Result<Vec<u32>, RespondError> {
    let mut found = Vec::new();
    let mut below = vec![directory(group)?];
    while let Some(directory) = below.pop() {
        let path = directory.join("cgroup.procs");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // A group below may go while it is looked at.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !found.is_empty() => continue,
            Err(error) => return Err(RespondError::file(path)(error)),
        };
        found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        below.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    Ok(found)
}

/// Ends all processes of a group, also those that it starts meanwhile. Tells how many there were.
pub fn kill_all(group: &[u8]) -> Result<usize, RespondError> {
    let count = members(group)?.len();
    let path = directory(group)?.join("cgroup.kill");
    if path.exists() {
        fs::write(&path, "1").map_err(RespondError::file(&path))?;
        return Ok(count);
    }
    // Before 5.14: what stands still starts nothing.
    freeze(group)?;
    for pid in members(group)? {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // It may have ended since; frozen, it cannot have started another under its number.
        let _ = pid.map(|pid| kill_process(pid, Signal::KILL));
    }
    thaw(group)?;
    Ok(count)
}
