//! Which packages there are, what they own, who owns them, and in which layer they first appeared.

use super::{Input, Told, Visible};
use crate::facts::Fact;
use gabion_model::{
    FileEntry, FileIndex, Location, Package, PackageKind, PackageRef,
    path::{self, display},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A package before it has a place in the report.
struct Draft {
    package: Package,
    /// Entries of the tree that it owns.
    files: Vec<u32>,
}

pub(super) fn packages(
    input: &Input<'_>,
    told: &[Told],
    visible: &[Visible<'_>],
    tree: &mut FileIndex,
) -> Vec<Package> {
    let beside = Beside::new(visible);
    let mut first_seen = FirstSeen { told, sets: HashMap::new() };
    let mut drafts: Vec<Draft> = Vec::new();
    for file in visible {
        for fact in file.facts {
            let Fact::Package { package, files } = fact else {
                continue;
            };
            let mut package = package.clone();
            if package.locations.is_empty() {
                package.locations.push(Location { path: display(file.path).into_owned(), layer: None });
            }
            if input.config.is_some() {
                let layer = first_seen.layer(file, &package) as u32;
                package.layer = Some(layer);
                package.locations.iter_mut().for_each(|l| l.layer = Some(file.layer as u32));
            }
            let listed = beside.join(file, tree, &mut package);
            let files = owned(tree, files.iter().chain(listed));
            drafts.push(Draft { package, files });
        }
    }
    // Owners first: a language package is told apart by who owns it.
    let mut owners: HashMap<u32, usize> = HashMap::new();
    for (at, draft) in drafts.iter().enumerate().filter(|(_, d)| d.package.kind.is_os()) {
        for &id in &draft.files {
            owners.entry(id).or_insert(at);
        }
    }
    let owner_of = |location: &Location| {
        let on_disk = location.path.split("!/").next().unwrap_or_default();
        let at = owners.get(&tree.locate(on_disk.as_bytes())?)?;
        Some(drafts[*at].package.reference())
    };
    let owned_by: Vec<Option<PackageRef>> = drafts
        .iter()
        .map(|d| if d.package.kind.is_os() { None } else { d.package.locations.first().and_then(owner_of) })
        .collect();
    let mut merged: BTreeMap<_, Draft> = BTreeMap::new();
    for (mut draft, owner) in drafts.into_iter().zip(owned_by) {
        draft.package.owned_by = owner;
        let p = &draft.package;
        let key = (
            p.kind,
            p.name.clone(),
            p.version.clone(),
            p.arch.clone(),
            p.qualifiers.clone(),
            p.owned_by.clone(),
        );
        match merged.get_mut(&key) {
            Some(known) => merge(known, draft),
            None => {
                merged.insert(key, draft);
            }
        }
    }
    let drafts: Vec<Draft> = merged.into_values().collect();
    for os in [true, false] {
        for (at, draft) in drafts.iter().enumerate().filter(|(_, d)| d.package.kind.is_os() == os) {
            for &id in &draft.files {
                if tree.entry(id).package == FileEntry::NO_PACKAGE {
                    tree.set_package(id, at as u32);
                }
            }
        }
    }
    drafts.into_iter().map(|d| d.package).collect()
}

/// Entries of the tree at listed paths, as [`FileIndex::locate`] finds them. Lists go by directory, so each is looked for once.
fn owned<'a>(tree: &FileIndex, files: impl Iterator<Item = &'a String>) -> Vec<u32> {
    let mut owned = Vec::new();
    let mut known: Option<(&[u8], [Option<u32>; 2])> = None;
    for file in files.map(String::as_bytes) {
        let parent = path::parent(file);
        let directories = match known {
            Some((same, directories)) if same == parent => directories,
            _ => [tree.find(parent), tree.resolve(parent)],
        };
        known = Some((parent, directories));
        let entry = directories.into_iter().flatten().find_map(|id| tree.child(id, path::name(file)));
        owned.extend(entry.filter(|&id| !tree.entry(id).is_dir()));
    }
    owned
}

/// The same package found twice is one package with two locations.
fn merge(known: &mut Draft, other: Draft) {
    let (mine, theirs) = (&mut known.package, other.package);
    mine.locations.extend(theirs.locations);
    mine.locations.sort();
    mine.locations.dedup();
    mine.layer = mine.layer.min(theirs.layer);
    mine.licenses.extend(theirs.licenses);
    mine.licenses.sort();
    mine.licenses.dedup();
    mine.facts.extend(theirs.facts);
    mine.facts.sort();
    mine.facts.dedup();
    for name in theirs.found_by.split(", ") {
        if !mine.found_by.split(", ").any(|n| n == name) {
            mine.found_by = format!("{}, {name}", mine.found_by);
        }
    }
    known.files.extend(other.files);
}

/// Facts of files that belong to a record elsewhere, by path.
struct Beside<'a> {
    owns: HashMap<&'a [u8], &'a [String]>,
    licenses: HashMap<u32, &'a [String]>,
}

impl<'a> Beside<'a> {
    fn new(visible: &'a [Visible<'a>]) -> Self {
        let mut beside = Self { owns: HashMap::new(), licenses: HashMap::new() };
        for file in visible {
            for fact in file.facts {
                match fact {
                    Fact::Owns(paths) => _ = beside.owns.insert(file.path, paths),
                    Fact::Licenses(names) => _ = beside.licenses.insert(file.id, names),
                    _ => {}
                }
            }
        }
        beside
    }

    /// Completes a package from the files beside its record; returns the paths that are listed there.
    fn join(&self, file: &Visible<'_>, tree: &FileIndex, package: &mut Package) -> &'a [String] {
        let in_directory = |name: &str| {
            let mut path = path::parent(file.path).to_vec();
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
            path
        };
        let name = &package.name;
        let lists: Vec<Vec<u8>> = match package.kind {
            PackageKind::Deb => vec![
                in_directory(&format!("info/{name}:{}.list", package.arch.as_deref().unwrap_or_default())),
                in_directory(&format!("info/{name}.list")),
                [file.path, b".md5sums"].concat(),
                in_directory(&format!("{name}.md5sums")),
            ],
            PackageKind::Alpm => vec![in_directory("files")],
            PackageKind::Pypi => vec![in_directory("RECORD"), in_directory("installed-files.txt")],
            _ => return &[],
        };
        if package.kind == PackageKind::Deb && package.licenses.is_empty() {
            let copyright = tree.resolve(format!("usr/share/doc/{name}/copyright").as_bytes());
            if let Some(names) = copyright.and_then(|id| self.licenses.get(&id)) {
                package.licenses = names.to_vec();
            }
        }
        lists.iter().find_map(|list| self.owns.get(&list[..])).copied().unwrap_or_default()
    }
}

type Key = (String, String, Option<String>);

/// Finds the layer in which a package of a record first appeared.
struct FirstSeen<'a> {
    told: &'a [Told],
    sets: HashMap<(usize, &'a [u8]), HashSet<Key>>,
}

impl<'a> FirstSeen<'a> {
    /// Goes down from the visible record: as long as the layers below that have the record know the same
    /// package at the same version, it was there before.
    fn layer(&mut self, file: &Visible<'a>, package: &Package) -> usize {
        let key = key_of(package);
        let mut first = file.layer;
        for (below, told) in self.told.iter().enumerate().take(file.layer).rev() {
            let Some(facts) = told.facts.get(file.path) else {
                continue;
            };
            let known = self.sets.entry((below, file.path)).or_insert_with(|| {
                let packages = facts.iter().filter_map(|fact| match fact {
                    Fact::Package { package, .. } => Some(key_of(package)),
                    _ => None,
                });
                packages.collect()
            });
            if !known.contains(&key) {
                break;
            }
            first = below;
        }
        first
    }
}

fn key_of(package: &Package) -> Key {
    (package.name.clone(), package.version.clone(), package.arch.clone())
}
