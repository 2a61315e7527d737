//! Incidents of several nodes that are one: which belong together, and what the whole of them is. Pure.
//!
//! A node tells the connections that are part of an incident: those that its own processes began, and those that it came in by. Where one
//! node has begun what another has accepted, both by the same two endpoints and at the same time, the one incident has led to the other:
//!
//! ```text
//!   node a, incident 3                           node b, incident 1
//!   sh ─► curl ──out 10.0.1.5:50200 ► 10.0.2.7:80, 12:00:01.200
//!                                    └─ the same two ends, 12:00:01.203 in──► nginx ─► sh ─► miner
//! ```
//!
//! A flow between two workloads proves nothing, and is not looked at: proxies, health checks and scrapers have flows with everybody, but
//! what they do all day is part of no incident. What a person has said to be two is two, whatever is found later. Who is joined depends on
//! what was told, not on when: only the id of the whole is that of the part that came first, so that what was told of it stays true.

use gabion_api::rest::{Millis, Severity};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

/// Two sides of one connection lie no further apart, by the hub's clock. The ports of a client come again after minutes at the earliest.
pub(super) const WINDOW: Millis = 5_000;

/// One side of a connection that is part of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The node.
    pub(super) node: String,
    /// Who connected.
    pub(super) client: SocketAddr,
    /// Who accepted; where there is a service address in between, the two sides name two.
    pub(super) server: SocketAddr,
    /// When, by the hub's clock.
    pub(super) at: Millis,
}

/// Whether what one node has begun is what another has accepted.
pub(super) fn is_same(begun: &End, accepted: &End) -> bool {
    begun.node != accepted.node
        && begun.client == accepted.client
        && begun.at.abs_diff(accepted.at) <= WINDOW.unsigned_abs()
}

/// Of each part the one that its whole is called after: of all that are joined the first.
///
/// `parts` are ids with the order in which they came; `links` and `apart` are pairs of ids, the latter in any order.
pub(super) fn groups(
    parts: &BTreeMap<String, u64>,
    links: &BTreeSet<(String, String)>,
    apart: &BTreeSet<(String, String)>,
) -> BTreeMap<String, String> {
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (one, other) in links {
        let is_apart = |a: &str, b: &str| apart.contains(&(a.to_owned(), b.to_owned()));
        if !parts.contains_key(one) || !parts.contains_key(other) {
            continue;
        }
        if !is_apart(one, other) && !is_apart(other, one) {
            next.entry(one).or_default().push(other);
            next.entry(other).or_default().push(one);
        }
    }
    let mut first: Vec<(&u64, &String)> = parts.iter().map(|(id, order)| (order, id)).collect();
    first.sort_unstable();
    let mut leaders = BTreeMap::new();
    for (_, leader) in first {
        let mut todo = vec![leader.as_str()];
        while let Some(id) = todo.pop() {
            if !leaders.contains_key(id) {
                leaders.insert(id.to_owned(), leader.clone());
                todo.extend(next.get(id).into_iter().flatten());
            }
        }
    }
    leaders
}

/// An incident of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) node: String,
    pub(super) title: String,
    pub(super) severity: Severity,
    /// By the clock of its node.
    pub(super) began: Millis,
    /// By the clock of its node.
    pub(super) updated: Millis,
    pub(super) containers: Vec<String>,
    pub(super) tactics: Vec<String>,
    pub(super) techniques: Vec<String>,
    pub(super) on_host: bool,
    /// By how much the hub's clock is ahead of the node's, if that is known.
    pub(super) skew: Option<Millis>,
}

impl Part {
    /// By how much its times are moved where it stands beside those of other nodes.
    pub(super) fn shift(&self) -> Millis {
        self.skew.unwrap_or(0)
    }
}

/// What stands in the row of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) title: String,
    pub(super) severity: Severity,
    pub(super) began: Millis,
    pub(super) updated: Millis,
    pub(super) nodes: Vec<String>,
    pub(super) containers: Vec<String>,
    pub(super) tactics: Vec<String>,
    pub(super) techniques: Vec<String>,
    pub(super) on_host: bool,
}

/// The whole of parts, of which there is at least one. One that is alone is as its node tells it.
pub(super) fn whole(mut parts: Vec<Part>) -> Option<Whole> {
    let many = parts.len();
    let shift = |part: &Part| if many > 1 { part.shift() } else { 0 };
    parts.sort_by_key(|part| (part.began + shift(part), part.id.clone()));
    let worst = parts.iter().min_by_key(|part| Reverse(part.severity))?;
    let mut nodes: Vec<String> = Vec::new();
    for part in &parts {
        if !nodes.contains(&part.node) {
            nodes.push(part.node.clone());
        }
    }
    let title = match nodes.len() {
        1 => worst.title.clone(),
        many => format!("{}, over {many} nodes", worst.title),
    };
    let mut containers: Vec<String> = parts.iter().flat_map(|part| part.containers.clone()).collect();
    containers.sort_unstable();
    let techniques: BTreeSet<String> = parts.iter().flat_map(|part| part.techniques.clone()).collect();
    Some(Whole {
        title,
        severity: worst.severity,
        began: parts.iter().map(|part| part.began + shift(part)).min()?,
        updated: parts.iter().map(|part| part.updated + shift(part)).max()?,
        nodes,
        containers,
        tactics: in_order(parts.iter().map(|part| part.tactics.as_slice()).collect()),
        techniques: techniques.into_iter().collect(),
        on_host: parts.iter().any(|part| part.on_host),
    })
}

/// All words of lists that are each in the same order, in that order.
fn in_order(lists: Vec<&[String]>) -> Vec<String> {
    let mut lists: Vec<&[String]> = lists.into_iter().filter(|list| !list.is_empty()).collect();
    let mut all: Vec<String> = Vec::new();
    while !lists.is_empty() {
        let is_later =
            |word: &String| lists.iter().any(|list| list.iter().skip(1).any(|later| later == word));
        // There is one that nothing comes before, unless a node has told them in another order than the others.
        let next =
            lists.iter().map(|list| &list[0]).find(|word| !is_later(word)).unwrap_or(&lists[0][0]).clone();
        for list in &mut lists {
            if list[0] == next {
                *list = &list[1..];
            }
        }
        lists.retain(|list| !list.is_empty());
        if !all.contains(&next) {
            all.push(next);
        }
    }
    all
}

#[cfg(test)]
mod tests;
