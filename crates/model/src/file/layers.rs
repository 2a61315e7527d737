//! Laying the layers of an image on top of each other.

use super::{FileEntry, FileIndex, FileKind};

impl FileIndex {
    /// The lowest layer as a tree: what it hides is nowhere.
    #[must_use]
    pub fn into_tree(mut self) -> Self {
        for id in 0..self.entries.len() as u32 {
            let entry = &mut self.entries[id as usize];
            // Nothing but what the layer itself says is taken from an index that somebody else has made.
            (entry.opaque, entry.layer, entry.package) = (false, 0, FileEntry::NO_PACKAGE);
            if self.entries[id as usize].kind == FileKind::Whiteout {
                self.remove(id);
            }
        }
        self
    }

    /// Puts an upper layer on top of this tree, by the rules of the OCI image specification: whiteouts
    /// first, then opaque directories, then additions and replacements.
    pub fn apply(&mut self, upper: &Self, layer: u16) {
        for id in upper.ids() {
            let entry = upper.entry(id);
            let hides = entry.kind == FileKind::Whiteout || entry.opaque;
            if hides && let Some(mine) = self.find(&upper.path(id)) {
                if entry.kind == FileKind::Whiteout {
                    self.remove(mine);
                } else {
                    self.clear(mine);
                }
            }
        }
        // Upper ids map to ours, so that each path is walked once only.
        let mut map = vec![Self::ROOT; upper.entries.len()];
        for id in upper.ids() {
            let entry = upper.entry(id);
            if entry.kind == FileKind::Whiteout {
                continue;
            }
            let parent = map[entry.parent as usize];
            let name = upper.name(id);
            let (mine, there) = self.place(parent, name, layer);
            if there {
                let known = *self.entry(mine);
                if entry.kind == FileKind::Implied && !known.removed && known.is_dir() {
                    map[id as usize] = mine;
                    continue;
                }
                if known.removed {
                    self.revive(mine);
                } else if !(known.is_dir() && entry.is_dir()) {
                    self.clear(mine);
                }
            }
            map[id as usize] = mine;
            let extra = match upper.extra(id) {
                Some(extra) => {
                    self.extras.push(extra.clone());
                    self.extras.len() as u32 - 1
                }
                None => FileEntry::NO_EXTRA,
            };
            let old = self.entries[mine as usize];
            self.entries[mine as usize] = FileEntry {
                parent: old.parent,
                name: old.name,
                name_len: old.name_len,
                first_child: old.first_child,
                next_sibling: old.next_sibling,
                linked: old.linked,
                extra,
                layer,
                removed: false,
                opaque: false,
                ..*entry
            };
        }
    }
}
