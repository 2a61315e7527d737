//! What containers have loaded: the programs that run in them, and what these have mapped to execute, as the kernel tells it.
//!
//! A file that is read and not mapped is not seen: that of a script, say. Archives of Java are, as they are kept open.

use std::{
    collections::{BTreeSet, VecDeque},
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// Processes of one container that are looked at; beyond, most run the same.
const MAX_PROCESSES: usize = 512;
/// Files of one container.
const MAX_FILES: usize = 3000;
/// The list of what one process has mapped is read so far, in bytes.
const MAX_MAPS: u64 = 4 << 20;
/// Open files of one process that are looked at.
const MAX_OPEN: usize = 4096;
/// Control groups within one.
const MAX_GROUPS: usize = 256;

/// Paths within a container, without leading slash, that the processes of a control group have loaded.
pub(super) fn of_group(group: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for pid in processes(group) {
        of_process(pid, &mut files);
        if files.len() >= MAX_FILES {
            break;
        }
    }
    files
}

/// Processes of a control group, and of those within it.
pub(super) fn processes(group: &str) -> Vec<u32> {
    let Some(mount) = gabion_node::sensor::unified() else { return Vec::new() };
    let mut groups = VecDeque::from([mount.join(group.trim_start_matches('/'))]);
    let mut pids = Vec::new();
    for _ in 0..MAX_GROUPS {
        let Some(group) = groups.pop_front() else { break };
        let inside = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        pids.extend(inside.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|pid| *pid != 0));
        if pids.len() >= MAX_PROCESSES {
            break;
        }
        let within = fs::read_dir(&group).into_iter().flatten().flatten();
        groups.extend(
            within
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    pids.truncate(MAX_PROCESSES);
    pids
}

fn of_process(pid: u32, files: &mut BTreeSet<String>) {
    let directory = format!("/proc/{pid}");
    // It may end meanwhile.
    if let Ok(program) = fs::read_link(format!("{directory}/exe")) {
        add(&program, files);
    }
    if let Ok(maps) = File::open(format!("{directory}/maps")) {
        for line in BufReader::new(maps.take(MAX_MAPS)).split(b'\n').map_while(Result::ok) {
            if let Some(path) = mapped(&line) {
                add(Path::new(path), files);
            }
        }
    }
    for entry in fs::read_dir(format!("{directory}/fd")).into_iter().flatten().flatten().take(MAX_OPEN) {
        if let Ok(open) = fs::read_link(entry.path())
            && open.extension().is_some_and(|end| ["jar", "war", "ear"].iter().any(|kind| end == *kind))
        {
            add(&open, files);
        }
    }
}

/// `7f1c000-7f1d000 r-xp 00001000 08:01 1234    /usr/lib/libc.so.6`: the path of what is mapped to be executed.
fn mapped(line: &[u8]) -> Option<&str> {
    let line = str::from_utf8(line).ok()?;
    let mut rest = line;
    let mut rights = "";
    for field in 0..5 {
        let (word, after) = rest.split_once(' ')?;
        if field == 1 {
            rights = word;
        }
        rest = after.trim_start_matches(' ');
    }
    (rights.contains('x') && rest.starts_with('/')).then_some(rest)
}

fn add(path: &Path, files: &mut BTreeSet<String>) {
    let Some(path) = path.to_str().and_then(|path| path.strip_prefix('/')) else { return };
    // What was replaced or has no name is no file of a package any more.
    if !path.is_empty()
        && !path.ends_with(" (deleted)")
        && !path.starts_with("memfd:")
        && files.len() < MAX_FILES
    {
        files.insert(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_executed_is_told_from_what_is_only_read() {
        for (line, path) in [
            (
                "55d0-55d1 r-xp 00001000 08:01 12                 /usr/bin/my program",
                Some("/usr/bin/my program"),
            ),
            ("55d0-55d1 r--p 00000000 08:01 12                 /usr/lib/locale/C.utf8", None),
            ("7ffd-7ffe r-xp 00000000 00:00 0                  [vdso]", None),
            ("7f00-7f01 rwxp 00000000 00:00 0 ", None),
            ("nonsense", None),
        ] {
            assert_eq!(mapped(line.as_bytes()), path, "{line}");
        }
        assert_eq!(mapped(b"1-2 r-xp 0 08:01 12 /\xff"), None);
    }

    #[test]
    fn this_process_has_loaded_itself_and_its_library() {
        let mut files = BTreeSet::new();
        of_process(std::process::id(), &mut files);
        let own = fs::read_link("/proc/self/exe").expect("is there");
        assert!(files.contains(own.to_str().expect("text").trim_start_matches('/')), "{files:?}");
        assert!(files.iter().any(|file| file.contains("libc.so") || file.contains("ld-musl")), "{files:?}");
        let mut none = BTreeSet::new();
        for path in ["/memfd:x (deleted)", "/tmp/gone (deleted)", "pipe:[1]", "/"] {
            add(Path::new(path), &mut none);
        }
        assert_eq!(none, BTreeSet::new());
    }
}
