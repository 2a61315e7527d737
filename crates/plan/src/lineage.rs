//! The forest with names: what each node is called, who answers for it, whether it is ours, and whether what is said
//! about bases is true.

use crate::{
    Claim, Rules,
    image::Image,
    plan::BaseClaim,
    trie::{self, Span},
};
use gabion_model::{BaseHint, Layer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where the name of a node comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamedBy {
    /// An image that was scanned is exactly this.
    Image,
    /// All who say what their base is and are built directly on this say so.
    Hint,
    /// Nobody names it.
    Nobody,
}

/// Whether the base that an image is said to have is what it is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BaseStanding {
    /// The layers of that image are the first of this one.
    Confirmed,
    /// An image of that name was scanned and has other layers: it was rebuilt since.
    Stale,
    /// The image of that digest was scanned and has other layers: what is said is not true.
    Contradicted,
    /// It was used by the build, as one of several images, and its layers are not in this one: something was built with it.
    Builder,
    /// No such image was scanned.
    Unseen,
}

/// A node of the forest; the layers are those of its span.
pub(crate) struct Kin {
    pub(crate) name: String,
    pub(crate) named_by: NamedBy,
    pub(crate) owners: BTreeSet<String>,
    pub(crate) external: bool,
}

/// The forest.
pub(crate) struct Lineage {
    pub(crate) spans: Vec<Span>,
    pub(crate) kin: Vec<Kin>,
    /// The node at which each image ends.
    pub(crate) node_of: Vec<usize>,
    /// What is said about the base of each image, and what is true of it.
    pub(crate) bases: Vec<Vec<BaseClaim>>,
}

impl Lineage {
    pub(crate) fn of(images: &[Image<'_>], rules: &Rules<'_>) -> Self {
        let layers: Vec<&[Layer]> = images.iter().map(|image| &*image.report.layers).collect();
        let spans = trie::grow(&layers);
        let mut node_of = vec![0; images.len()];
        for (node, span) in spans.iter().enumerate() {
            for &image in &span.images {
                node_of[image] = node;
            }
        }
        let claims = |(at, image): (usize, &Image<'_>)| {
            image.hints.iter().map(|hint| claim(hint, at, node_of[at], images, &spans)).collect()
        };
        let bases: Vec<Vec<BaseClaim>> = images.iter().enumerate().map(claims).collect();
        let kin = kin(images, &spans, &node_of, &bases, rules);
        Self { spans, kin, node_of, bases }
    }

    /// From a node up to its root.
    pub(crate) fn way(&self, node: usize) -> impl Iterator<Item = usize> {
        way(&self.spans, node)
    }

    /// The node of the image that holds the layer with this index; the image's own if there is no such layer.
    pub(crate) fn node_of_layer(&self, image: usize, layer: Option<usize>) -> usize {
        let own = self.node_of[image];
        let holds = |node: &usize| {
            layer.is_some_and(|at| (self.spans[*node].first..self.spans[*node].end).contains(&at))
        };
        self.way(own).find(holds).unwrap_or(own)
    }
}

fn way(spans: &[Span], node: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(node), |&node| spans[node].parent)
}

/// Compares what is said with the layers.
fn claim(hint: &BaseHint, image: usize, node: usize, images: &[Image<'_>], spans: &[Span]) -> BaseClaim {
    let is_it = |other: &Image<'_>| hint.digest.is_some_and(|digest| other.is(digest));
    let on_the_way = |found: &dyn Fn(&Image<'_>) -> bool| {
        way(spans, node).find(|&n| spans[n].images.iter().any(|&i| i != image && found(&images[i])))
    };
    let elsewhere = |found: &dyn Fn(&Image<'_>) -> bool| {
        images.iter().enumerate().any(|(at, other)| at != image && found(other))
    };
    let named = |other: &Image<'_>| hint.name.as_deref().is_some_and(|name| same_name(other, name));
    let (standing, base) = if let Some(node) = on_the_way(&is_it).or_else(|| on_the_way(&named)) {
        (BaseStanding::Confirmed, Some(node))
    } else if hint.one_of_several && (elsewhere(&is_it) || elsewhere(&named)) {
        (BaseStanding::Builder, None)
    } else if elsewhere(&is_it) {
        (BaseStanding::Contradicted, None)
    } else if elsewhere(&named) {
        (BaseStanding::Stale, None)
    } else {
        (BaseStanding::Unseen, None)
    };
    BaseClaim { hint: hint.clone(), standing, node: base }
}

/// `debian:12`, `library/debian:12` and `docker.io/library/debian:12` are one name.
fn same_name(image: &Image<'_>, name: &str) -> bool {
    image.is_named(name)
        || std::iter::once(&image.name).chain(&image.aliases).any(|other| short(other) == short(name))
}

fn short(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

fn kin(
    images: &[Image<'_>],
    spans: &[Span],
    node_of: &[usize],
    bases: &[Vec<BaseClaim>],
    rules: &Rules<'_>,
) -> Vec<Kin> {
    let hinted = hinted(spans, node_of, bases);
    let no_labels = BTreeMap::new();
    let mut kin: Vec<Kin> = spans
        .iter()
        .zip(hinted)
        .map(|(span, hinted)| {
            if let Some(&first) = span.images.first() {
                return Kin {
                    name: images[first].name.clone(),
                    named_by: NamedBy::Image,
                    owners: span.images.iter().filter_map(|&image| images[image].owner.clone()).collect(),
                    external: span.images.iter().all(|&image| images[image].external),
                };
            }
            let Some(name) = hinted else {
                let (name, named_by) = (String::new(), NamedBy::Nobody);
                return Kin { name, named_by, owners: BTreeSet::new(), external: false };
            };
            let claim = Claim { name: &name, labels: &no_labels };
            let owners = (rules.owner)(&claim).into_iter().collect();
            let external = (rules.external)(&claim);
            Kin { name, named_by: NamedBy::Hint, owners, external }
        })
        .collect();

    // From the leaves to the roots: what an image that is not ours is built on is not ours either, unless it has a
    // name that says otherwise; and what has no name belongs to the owner of all that is built on it, if they have one.
    let mut below: Vec<BTreeSet<Option<String>>> = vec![BTreeSet::new(); spans.len()];
    for node in (0..spans.len()).rev() {
        below[node].extend(spans[node].images.iter().map(|&image| images[image].owner.clone()));
        if kin[node].named_by == NamedBy::Nobody && below[node].len() == 1 {
            kin[node].owners = below[node].iter().flatten().cloned().collect();
        }
        if let Some(parent) = spans[node].parent {
            let (front, back) = below.split_at_mut(node);
            front[parent].extend(back[0].iter().cloned());
            kin[parent].external |= kin[node].external && kin[parent].named_by == NamedBy::Nobody;
        }
    }
    for (node, span) in spans.iter().enumerate() {
        if kin[node].named_by == NamedBy::Nobody {
            kin[node].name =
                format!("base of {} and {} more", images[span.sample].name, span.below.saturating_sub(1));
        }
    }
    tell_apart(&mut kin, images, spans);
    kin
}

/// What images say is their base names the layers that they share, which may be more than the base, or its state of
/// another day. Where several nodes have such a name, only the one that the others are built on keeps it.
fn tell_apart(kin: &mut [Kin], images: &[Image<'_>], spans: &[Span]) {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (node, kin) in kin.iter().enumerate().filter(|(_, kin)| kin.named_by == NamedBy::Hint) {
        by_name.entry(kin.name.clone()).or_default().push(node);
    }
    for (name, nodes) in by_name.into_iter().filter(|(_, nodes)| nodes.len() > 1) {
        // Parents come before their children.
        let first = nodes[0];
        let is_base = nodes.iter().all(|&node| way(spans, node).any(|above| above == first));
        for node in nodes.into_iter().skip(usize::from(is_base)) {
            let span = &spans[node];
            let of = format!("{} and {} more", images[span.sample].name, span.below.saturating_sub(1));
            kin[node].name = format!("built on {name}, base of {of}");
        }
    }
}

/// What those who are built directly on a node, and name a base that was not scanned, call it; if they agree.
fn hinted(spans: &[Span], node_of: &[usize], bases: &[Vec<BaseClaim>]) -> Vec<Option<String>> {
    let mut names: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); spans.len()];
    for (image, claims) in bases.iter().enumerate() {
        // Of several images that were used, nobody knows which is the base.
        let unseen = claims
            .iter()
            .filter(|claim| claim.standing == BaseStanding::Unseen && !claim.hint.one_of_several);
        if let Some(base) = spans[node_of[image]].parent {
            names[base].extend(unseen.filter_map(|claim| claim.hint.name.as_deref()));
        }
    }
    let only = |names: BTreeSet<&str>| match names.len() {
        1 => names.first().map(|&name| name.to_owned()),
        _ => None,
    };
    names.into_iter().map(only).collect()
}
