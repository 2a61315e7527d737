//! Ends processes. A process is held by a descriptor before it is looked at, so the signal never meets another one to which its
//! number was given.

use super::RespondError;
use gabion_model::event::Task;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::fd::OwnedFd,
};

/// The kernel counts the start of a process in hundredths of a second, in `/proc`.
const TICK: u64 = 10_000_000;
/// How often descendants are looked for: each time, those found so far stand still already.
const ROUNDS: usize = 64;

/// Ends one process.
pub fn kill(task: Task) -> Result<(), RespondError> {
    let held = hold(task)?;
    signal(&held, Signal::KILL)
}

/// Ends a process and all that descend from it, as far as `/proc` shows. They are stopped first, the parents before their children, so
/// that none can start another meanwhile. Tells how many were ended.
pub fn kill_tree(task: Task) -> Result<usize, RespondError> {
    let root = hold(task)?;
    signal(&root, Signal::STOP)?;
    let mut held: BTreeMap<u32, OwnedFd> = BTreeMap::from([(task.pid, root)]);
    for _ in 0..ROUNDS {
        let mut found = false;
        for (pid, parent) in parents() {
            if pid > 1 && held.contains_key(&parent) && !held.contains_key(&pid) {
                // It may have ended since.
                let Ok(child) = hold(Task { pid, tid: pid, start: 0 }) else { continue };
                // Its number may have been given again since the list was made.
                if parent_of(pid) == Some(parent) && signal(&child, Signal::STOP).is_ok() {
                    held.insert(pid, child);
                    found = true;
                }
            }
        }
        if !found {
            break;
        }
    }
    let mut ended = 0;
    for child in held.values() {
        ended += usize::from(signal(child, Signal::KILL).is_ok());
    }
    Ok(ended)
}

fn hold(task: Task) -> Result<OwnedFd, RespondError> {
    if task.pid <= 1 || task.pid == std::process::id() {
        return Err(RespondError::Untouchable(task.pid));
    }
    let pid = i32::try_from(task.pid).ok().and_then(Pid::from_raw).ok_or(RespondError::Ended(task.pid))?;
    let held = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| match error {
        rustix::io::Errno::SRCH => RespondError::Ended(task.pid),
        error => RespondError::Call { what: "hold the process", source: error.into() },
    })?;
    let started = started(task.pid).ok_or(RespondError::Ended(task.pid))?;
    if task.start > 0 && started.abs_diff(task.start / TICK) > 1 {
        return Err(RespondError::Ended(task.pid));
    }
    Ok(held)
}

fn signal(held: &OwnedFd, signal: Signal) -> Result<(), RespondError> {
    pidfd_send_signal(held, signal)
        .map_err(|error| RespondError::Call { what: "signal the process", source: error.into() })
}

/// Fields of `/proc/PID/stat` from the third on; the second is a name with anything in it.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text[text.rfind(')')? + 1..].split_whitespace().map(str::to_owned).collect())
}

/// When a process started, in ticks since the node did.
fn started(pid: u32) -> Option<u64> {
    stat(pid)?.get(19)?.parse().ok()
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

/// All processes with their parents.
fn parents() -> BTreeSet<(u32, u32)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent_of(pid)?))
        })
        .collect()
}
