//! The changes of a plan: what each is about, line by line, and in which order they are made.

use super::{
    Action, Change, Line, Other, Tally, Update,
    build::{Fate, layer, tally},
};
use crate::{Compare, lineage::Lineage, place::Place};
use gabion_model::{PackageKind, Severity};
use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

/// What is cleared, by the change that clears it.
pub(super) fn changes(
    lineage: &Lineage,
    places: &[Place<'_>],
    fates: &[Fate],
    compare: Compare<'_>,
) -> Vec<Change> {
    let mut by_change: BTreeMap<(usize, Action), Vec<&Place<'_>>> = BTreeMap::new();
    for (place, fate) in places.iter().zip(fates) {
        if let Fate::Cleared(node, action) = *fate {
            by_change.entry((node, action)).or_default().push(place);
        }
    }
    let mut by_node: BTreeMap<usize, Vec<(u64, Change)>> = BTreeMap::new();
    for ((node, action), places) in by_change {
        let weight = places.iter().map(|place| place.weight()).sum();
        let images: BTreeSet<usize> = places.iter().map(|place| place.image).collect();
        let lines = lines(lineage, &places, compare);
        let clears = tally(places.iter().map(|place| place.finding));
        let change = Change { number: 0, node, action, clears, images: images.into_iter().collect(), lines };
        by_node.entry(node).or_default().push((weight, change));
    }
    in_order(lineage, by_node)
}

/// The node that clears most first, but what it is built on before it.
fn in_order(lineage: &Lineage, mut by_node: BTreeMap<usize, Vec<(u64, Change)>>) -> Vec<Change> {
    let weight = |changes: &[(u64, Change)]| changes.iter().map(|(weight, _)| weight).sum::<u64>();
    let mut nodes: Vec<(Reverse<u64>, usize)> =
        by_node.iter().map(|(&node, changes)| (Reverse(weight(changes)), node)).collect();
    nodes.sort_unstable();
    let mut order = Vec::new();
    for (_, node) in nodes {
        let mut way: Vec<usize> = lineage.way(node).filter(|node| by_node.contains_key(node)).collect();
        while let Some(node) = way.pop() {
            let mut changes = by_node.remove(&node).unwrap_or_default();
            changes.sort_by_key(|(weight, change)| (Reverse(*weight), change.action));
            order.extend(changes.into_iter().map(|(_, change)| change));
        }
    }
    (1..).zip(order).map(|(number, change)| Change { number, ..change }).collect()
}

/// What a change is about, by the line that brought it.
fn lines(lineage: &Lineage, places: &[&Place<'_>], compare: Compare<'_>) -> Vec<Line> {
    let mut by_line: BTreeMap<(usize, bool, Option<usize>), Vec<&Place<'_>>> = BTreeMap::new();
    for place in places {
        // The configuration comes last: it is written after all layers.
        let layer = layer(lineage, place);
        by_line.entry((place.node, layer.is_none(), layer)).or_default().push(place);
    }
    let line = |((node, _, layer), places): (_, Vec<&Place<'_>>)| Line {
        node,
        layer,
        updates: updates(&places, compare),
        others: others(&places),
    };
    by_line.into_iter().map(line).collect()
}

/// An [`Update`] in the making.
#[derive(Default)]
struct Bump<'a> {
    packages: BTreeSet<&'a str>,
    to: Vec<(&'a str, &'a str)>,
    vulnerabilities: BTreeSet<&'a str>,
    clears: Tally,
}

fn updates(places: &[&Place<'_>], compare: Compare<'_>) -> Vec<Update> {
    let mut bumps: BTreeMap<(PackageKind, &str, &str), Bump<'_>> = BTreeMap::new();
    for place in places {
        let Some(vulnerability) = place.finding.vulnerability.as_deref() else { continue };
        let Some(package) = place.packages.first() else { continue };
        let decisive = vulnerability.matches.first();
        let name = decisive.map_or(&*package.name, |m| &m.package);
        let from = decisive.map_or(&*package.version, |m| &m.version);
        let bump = bumps.entry((package.kind, name, from)).or_default();
        bump.packages.extend(place.packages.iter().map(|package| &*package.name));
        let comparator = decisive.map_or("", |m| &m.comparator);
        let to = vulnerability.fixed_version.as_deref().unwrap_or_default();
        if !bump.to.contains(&(comparator, to)) {
            bump.to.push((comparator, to));
        }
        bump.vulnerabilities.insert(&place.finding.rule);
        bump.clears.add(place.finding.severity);
    }
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    let mut updates: Vec<Update> = bumps
        .into_iter()
        .map(|((kind, package, from), bump)| Update {
            kind,
            package: package.to_owned(),
            packages: owned(bump.packages),
            from: from.to_owned(),
            to: newest(bump.to, compare),
            vulnerabilities: owned(bump.vulnerabilities),
            clears: bump.clears,
        })
        .collect();
    updates.sort_by_key(|update| Reverse(update.clears.places));
    updates
}

/// The newest of these versions; all of them, if they cannot be compared.
fn newest(mut versions: Vec<(&str, &str)>, compare: Compare<'_>) -> Vec<String> {
    versions.sort_unstable();
    let newest = versions.iter().copied().try_fold(None, |newest, (comparator, version)| match newest {
        None => Some(Some((comparator, version))),
        Some((other, _)) if other != comparator => None,
        Some((_, best)) => compare(comparator, best, version)
            .map(|order| Some((comparator, if order == Ordering::Less { version } else { best }))),
    });
    match newest {
        Some(newest) => newest.into_iter().map(|(_, version)| version.to_owned()).collect(),
        None => {
            versions.into_iter().map(|(_, v)| v.to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
        }
    }
}

fn others(places: &[&Place<'_>]) -> Vec<Other> {
    let mut others: BTreeMap<(Reverse<Severity>, &str, &str), Other> = BTreeMap::new();
    for finding in places.iter().map(|place| place.finding).filter(|finding| finding.vulnerability.is_none())
    {
        let place = finding.evidence.first().map_or("", |evidence| &evidence.place);
        let other =
            others.entry((Reverse(finding.severity), &finding.rule, place)).or_insert_with(|| Other {
                kind: finding.kind,
                rule: finding.rule.clone(),
                title: finding.title.clone(),
                severity: finding.severity,
                place: place.to_owned(),
                fix: finding.fix.clone(),
                clears: 0,
            });
        other.clears += 1;
    }
    others.into_values().collect()
}
