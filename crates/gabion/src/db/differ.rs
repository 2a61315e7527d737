//! `gabion db diff`: what two databases do not have in common.

use super::cli::TextFormat;
use crate::output;
use gabion_advisory::{Database, database::Statement, segment::SegmentError};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    process::ExitCode,
};

/// Advisories whose statements are not the same.
#[derive(Debug, Default, Serialize)]
pub(super) struct Difference {
    pub(super) added: BTreeSet<String>,
    pub(super) changed: BTreeSet<String>,
    pub(super) removed: BTreeSet<String>,
}

pub(super) fn run(old: &Database, new: &Database, format: TextFormat) -> anyhow::Result<ExitCode> {
    let difference = between(old, new)?;
    if format == TextFormat::Json {
        return super::print_json(&difference);
    }
    let lists = [("+", &difference.added), ("~", &difference.changed), ("-", &difference.removed)];
    for (sign, ids) in lists {
        for id in ids {
            output::line(&format!("{sign} {id}"))?;
        }
    }
    let [added, changed, removed] = lists.map(|(_, ids)| ids.len());
    output::note(&format!("{added} advisories added, {changed} changed, {removed} removed"));
    Ok(ExitCode::SUCCESS)
}

/// What all statements of each advisory come to, whatever their order.
fn sums(database: &Database, other: &Database) -> Result<BTreeMap<String, u64>, SegmentError> {
    let known: BTreeSet<_> = other.sources().iter().map(|source| source.segment().root()).collect();
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    // What both have need not be read.
    for source in database.sources().iter().filter(|source| !known.contains(&source.segment().root())) {
        source.every_statement(&mut |statement: Statement| {
            let mut hash = DefaultHasher::new();
            format!("{:?}", (&statement.standing, &statement.affected)).hash(&mut hash);
            let sum = sums.entry(statement.advisory).or_default();
            *sum = sum.wrapping_add(hash.finish());
        })?;
    }
    Ok(sums)
}

pub(super) fn between(old: &Database, new: &Database) -> Result<Difference, SegmentError> {
    let (before, after) = (sums(old, new)?, sums(new, old)?);
    let mut difference = Difference::default();
    for (id, sum) in &after {
        match before.get(id) {
            None => difference.added.insert(id.clone()),
            Some(known) if known != sum => difference.changed.insert(id.clone()),
            Some(_) => false,
        };
    }
    difference.removed = before.into_keys().filter(|id| !after.contains_key(id)).collect();
    Ok(difference)
}
