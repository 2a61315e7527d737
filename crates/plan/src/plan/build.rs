//! Puts a plan together: places, the optimum over them, and what each change, line and image gets of it.

use super::{
    Action, Change, ImageSummary, Node, NodeLayer, Plan, SCHEMA_VERSION, Stay, Tally, Totals,
    change::changes, gap::gaps,
};
use crate::{
    Options, Rules, StayReason, image,
    image::Image,
    lineage::Lineage,
    optimum::{Instance, Optimum, Problem},
    place::{self, Aside, Place},
};
use gabion_model::{Finding, Layer, ScanReport};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// What becomes of a place.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Cleared(usize, Action),
    Stays(StayReason),
}

/// See [`crate::plan`].
pub(crate) fn build(reports: &[&ScanReport], rules: &Rules<'_>, options: &Options) -> Plan {
    let images = image::images(reports, rules);
    let lineage = Lineage::of(&images, rules);
    let mut places = Vec::new();
    let asides: Vec<Aside> = images
        .iter()
        .enumerate()
        .map(|(at, image)| place::places(at, image, &lineage, options, &mut places))
        .collect();

    let problem = problem(&lineage, &places);
    let optimum = problem.solve(options.max_changes);
    let all = if options.max_changes.is_some() { problem.solve(None) } else { optimum.clone() };
    let fates: Vec<Fate> = places.iter().map(|place| fate(place, &problem, &optimum, &lineage)).collect();

    let changes = changes(&lineage, &places, &fates, rules.compare);
    let (images_done, totals) = count(&images, &lineage, &places, &fates, &asides);
    Plan {
        schema_version: SCHEMA_VERSION.to_owned(),
        totals,
        waves: waves(&lineage, &changes, &places, &fates),
        curve: curve(&all),
        stays: stays(&lineage, &places, &fates),
        nodes: nodes(&images, &lineage, &places, &fates),
        images: images_done,
        gaps: gaps(&images),
        changes,
    }
}

fn instance(place: &Place<'_>, lineage: &Lineage) -> Instance {
    Instance {
        origin: place.node,
        image: lineage.node_of[place.image],
        weight: place.weight(),
        patchable: place.patchable,
    }
}

fn problem(lineage: &Lineage, places: &[Place<'_>]) -> Problem {
    let open = places.iter().filter(|place| place.hopeless.is_none());
    Problem {
        parent: lineage.spans.iter().map(|span| span.parent).collect(),
        ours: lineage.kin.iter().map(|kin| !kin.external).collect(),
        instances: open.map(|place| instance(place, lineage)).collect(),
    }
}

fn fate(place: &Place<'_>, problem: &Problem, optimum: &Optimum, lineage: &Lineage) -> Fate {
    if let Some(reason) = place.hopeless {
        return Fate::Stays(reason);
    }
    let instance = instance(place, lineage);
    match problem.cleared_by(&instance, optimum) {
        Some((node, patch)) => Fate::Cleared(node, if patch { Action::Patch } else { Action::Fix }),
        None if problem.clearable(&instance) => Fate::Stays(StayReason::OverBudget),
        None => Fate::Stays(StayReason::NotOurs),
    }
}

/// In thousandths of the best, rounded down, so that only all is shown as all.
fn curve(optimum: &Optimum) -> Vec<u16> {
    let best = optimum.curve.last().copied().unwrap_or_default().max(1);
    let share = |&weight: &u64| u16::try_from(u128::from(weight) * 1000 / u128::from(best)).unwrap_or(1000);
    optimum.curve.iter().map(share).collect()
}

/// The layer of a place among those of its node.
pub(super) fn layer(lineage: &Lineage, place: &Place<'_>) -> Option<usize> {
    let span = &lineage.spans[place.node];
    place.layer.and_then(|layer| layer.checked_sub(span.first)).filter(|layer| *layer < span.end - span.first)
}

pub(super) fn tally<'a>(findings: impl Iterator<Item = &'a Finding>) -> Tally {
    let mut tally = Tally::default();
    findings.for_each(|finding| tally.add(finding.severity));
    tally
}

/// What is built anew: what is changed, and what is built on it if something is cleared there or below.
fn waves(lineage: &Lineage, changes: &[Change], places: &[Place<'_>], fates: &[Fate]) -> Vec<Vec<usize>> {
    let mut anew: BTreeSet<usize> = changes.iter().map(|change| change.node).collect();
    for (place, fate) in places.iter().zip(fates) {
        if let Fate::Cleared(changed, _) = *fate {
            let way = lineage.way(lineage.node_of[place.image]);
            anew.extend(way.take_while(|&node| node != changed));
        }
    }
    let mut wave = vec![0; lineage.spans.len()];
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for node in anew.iter().copied() {
        let before = lineage.way(node).skip(1).find(|above| anew.contains(above));
        wave[node] = before.map_or(0, |above| wave[above] + 1);
        waves.resize(waves.len().max(wave[node] + 1), Vec::new());
        waves[wave[node]].push(node);
    }
    waves
}

fn stays(lineage: &Lineage, places: &[Place<'_>], fates: &[Fate]) -> Vec<Stay> {
    let mut groups: BTreeMap<(StayReason, usize, Option<usize>), Vec<&Place<'_>>> = BTreeMap::new();
    for (place, fate) in places.iter().zip(fates) {
        if let Fate::Stays(reason) = *fate {
            groups.entry((reason, place.node, layer(lineage, place))).or_default().push(place);
        }
    }
    let mut stays: Vec<Stay> = groups
        .into_iter()
        .map(|((reason, node, layer), places)| {
            let rules: BTreeSet<&str> = places.iter().map(|place| &*place.finding.rule).collect();
            let packages: BTreeSet<&str> =
                places.iter().flat_map(|place| &place.packages).map(|package| &*package.name).collect();
            let images: BTreeSet<usize> = places.iter().map(|place| place.image).collect();
            Stay {
                reason,
                node,
                layer,
                tally: tally(places.iter().map(|place| place.finding)),
                rules: rules.into_iter().map(str::to_owned).collect(),
                packages: packages.into_iter().map(str::to_owned).collect(),
                images: images.into_iter().collect(),
            }
        })
        .collect();
    stays.sort_by_key(|stay| Reverse(stay.tally.places));
    stays
}

fn nodes(images: &[Image<'_>], lineage: &Lineage, places: &[Place<'_>], fates: &[Fate]) -> Vec<Node> {
    let mut nodes: Vec<Node> = lineage
        .spans
        .iter()
        .zip(&lineage.kin)
        .map(|(span, kin)| {
            let layers = images[span.sample].report.layers.get(span.first..span.end).unwrap_or_default();
            let layer =
                |layer: &Layer| NodeLayer { diff_id: layer.diff_id, created_by: layer.created_by.clone() };
            Node {
                parent: span.parent,
                name: kin.name.clone(),
                named_by: kin.named_by,
                layers: layers.iter().map(layer).collect(),
                images: span.images.clone(),
                images_below: span.below,
                owners: kin.owners.iter().cloned().collect(),
                external: kin.external,
                brought: Tally::default(),
                cleared: Tally::default(),
            }
        })
        .collect();
    for (place, fate) in places.iter().zip(fates) {
        let node = &mut nodes[place.node];
        node.brought.add(place.finding.severity);
        if matches!(fate, Fate::Cleared(..)) {
            node.cleared.add(place.finding.severity);
        }
    }
    nodes
}

/// Findings as a scan counts them: cleared if all their places are.
fn count(
    images: &[Image<'_>],
    lineage: &Lineage,
    places: &[Place<'_>],
    fates: &[Fate],
    asides: &[Aside],
) -> (Vec<ImageSummary>, Totals) {
    let mut summaries: Vec<ImageSummary> = images
        .iter()
        .enumerate()
        .map(|(at, image)| ImageSummary {
            name: image.name.clone(),
            aliases: image.aliases.clone(),
            node: lineage.node_of[at],
            owner: image.owner.clone(),
            external: image.external,
            findings: 0,
            cleared: 0,
            bases: lineage.bases[at].clone(),
        })
        .collect();
    let mut totals = Totals {
        images: images.len(),
        places: places.len(),
        suppressed: asides.iter().map(|aside| aside.suppressed).sum(),
        left_out: asides.iter().map(|aside| aside.left_out).sum(),
        ..Totals::default()
    };
    // The places of a finding follow each other.
    let same = |a: &(&Place<'_>, &Fate), b: &(&Place<'_>, &Fate)| {
        a.0.image == b.0.image && std::ptr::eq(a.0.finding, b.0.finding)
    };
    let pairs: Vec<(&Place<'_>, &Fate)> = places.iter().zip(fates).collect();
    for finding in pairs.chunk_by(same) {
        let cleared = finding.iter().all(|(_, fate)| matches!(fate, Fate::Cleared(..)));
        let possible = |fate: &Fate| matches!(fate, Fate::Cleared(..) | Fate::Stays(StayReason::OverBudget));
        let clearable = finding.iter().all(|(_, fate)| possible(fate));
        let image = &mut summaries[finding[0].0.image];
        image.findings += 1;
        image.cleared += usize::from(cleared);
        totals.findings += 1;
        totals.cleared += usize::from(cleared);
        totals.clearable += usize::from(clearable);
    }
    let done = summaries.iter().filter(|image| image.cleared > 0);
    totals.images_cleared = done.clone().count();
    let owners: BTreeSet<&String> = done.filter_map(|image| image.owner.as_ref()).collect();
    totals.owners = owners.into_iter().cloned().collect();
    (summaries, totals)
}
