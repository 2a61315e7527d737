//! Files of which a change matters: those that can run, and those that run with more rights than their caller.

use super::Change;
use gabion_model::{FileIndex, FileKind, path::display};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct FileChange {
    pub(super) change: Change,
    pub(super) path: String,
    /// What about it matters: `program`, `setuid`, `capabilities`, `mode`, `owner`.
    pub(super) what: Vec<&'static str>,
}

pub(super) fn files(old: &FileIndex, new: &FileIndex) -> Vec<FileChange> {
    let mut all = Vec::new();
    let privileged = |tree: &FileIndex, id: u32| {
        let mut what = Vec::new();
        if tree.entry(id).is_setid() {
            what.push("setuid");
        }
        if tree.capabilities(id).is_some() {
            what.push("capabilities");
        }
        what
    };
    let of_interest = |tree: &FileIndex, id: u32| {
        let mut what = privileged(tree, id);
        if tree.digest(id).is_some() {
            what.push("program");
        }
        what
    };
    let is_file =
        |tree: &FileIndex, id: u32| matches!(tree.entry(id).kind, FileKind::File | FileKind::Hardlink);
    for id in new.ids().filter(|&id| is_file(new, id)) {
        let path = new.path(id);
        let what = of_interest(new, id);
        let (change, what) = match old.find(&path) {
            None if what.is_empty() => continue,
            None => (Change::Added, what),
            Some(before) => {
                let mut differs = Vec::new();
                let (a, b) = (old.entry(before), new.entry(id));
                if old.digest(before) != new.digest(id) {
                    differs.push("program");
                }
                if privileged(old, before) != privileged(new, id) {
                    differs.extend(if what.contains(&"capabilities") {
                        ["capabilities"]
                    } else {
                        ["setuid"]
                    });
                }
                if !what.is_empty() && a.mode != b.mode {
                    differs.push("mode");
                }
                if !what.is_empty() && (a.uid, a.gid) != (b.uid, b.gid) {
                    differs.push("owner");
                }
                if differs.is_empty() {
                    continue;
                }
                (Change::Changed, differs)
            }
        };
        all.push(FileChange { change, path: display(&path).into_owned(), what });
    }
    for id in old.ids().filter(|&id| is_file(old, id)) {
        let path = old.path(id);
        let what = of_interest(old, id);
        if !what.is_empty() && new.find(&path).is_none() {
            all.push(FileChange { change: Change::Removed, path: display(&path).into_owned(), what });
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}
