//! What another version of the database says differently: which packages are to be asked about again, before everything else.
//!
//! ```text
//!   blocks of before   a b c d   ─┐  by hash: c, C     rows of these that only one has
//!   blocks of after    a b C d   ─┘                     statement ─► its package     advisory, KEV, SSVC ─► its CVEs
//! ```
//!
//! A day changes a few hundred of many thousand blocks, so this takes milliseconds. How likely a CVE is to be exploited (EPSS) changes every
//! day for all of them, and changes an order, not what is affected: it is no change here.

use super::{Database, Source, Table, rows};
use crate::{
    Ecosystem,
    evaluate::rules_of,
    record::Advisory,
    segment::{Segment, SegmentError, rows::each},
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Bytes of changed blocks, unpacked, that are compared; where there are more, much of it is new, and it is not worth the memory.
const MOST: usize = 32 << 20;

/// What is said differently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Packages that something else is said of.
    pub packages: BTreeSet<(Ecosystem, String)>,
    /// Vulnerabilities that something else is known of: those that findings have as their rule.
    pub rules: BTreeSet<String>,
}

/// A row as bytes: key with its table, value.
type Row = (Vec<u8>, Vec<u8>);

impl Changes {
    /// From one version to another. None if so much has changed that asking about everything is as quick.
    pub fn between(before: &Database, after: &Database) -> Result<Option<Self>, SegmentError> {
        let old: BTreeMap<&str, &Source> = by_name(before);
        let new: BTreeMap<&str, &Source> = by_name(after);
        let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
        let mut changes = Self::default();
        let mut room = MOST;
        for name in names {
            let (old, new) = (old.get(name).map(|s| s.segment()), new.get(name).map(|s| s.segment()));
            if old.map(Segment::root) == new.map(Segment::root) {
                continue;
            }
            let (Some(gone), Some(come)) = (only_in(old, new, &mut room)?, only_in(new, old, &mut room)?)
            else {
                return Ok(None);
            };
            for (key, value) in gone.symmetric_difference(&come) {
                changes.add(old.or(new), key, value)?;
            }
        }
        Ok(Some(changes))
    }

    fn add(&mut self, of: Option<&Segment>, key: &[u8], value: &[u8]) -> Result<(), SegmentError> {
        let (Some(segment), Some((&table, key))) = (of, key.split_first()) else { return Ok(()) };
        match table {
            table if table == Table::Statement as u8 => {
                let statement = rows::read_statement(segment.path(), key, value)?.affected;
                self.packages.insert((statement.ecosystem, statement.package));
            }
            table if table == Table::Advisory as u8 => {
                let advisory: Advisory = rows::read(segment.path(), value)?;
                self.rules.extend(rules_of(&advisory));
            }
            table if table == Table::Exploited as u8 || table == Table::Assessment as u8 => {
                self.rules.insert(String::from_utf8_lossy(key).into_owned());
            }
            _ => {}
        }
        Ok(())
    }
}

fn by_name(database: &Database) -> BTreeMap<&str, &Source> {
    database.sources().iter().map(|source| (source.about().name.as_str(), source)).collect()
}

/// Rows of the blocks that one has and the other has not. None if they are more than there is room for.
fn only_in(
    one: Option<&Segment>,
    other: Option<&Segment>,
    room: &mut usize,
) -> Result<Option<BTreeSet<Row>>, SegmentError> {
    let Some(one) = one else { return Ok(Some(BTreeSet::new())) };
    let known: HashSet<_> = match other {
        Some(other) => (0..other.blocks()).map(|block| other.block_hash(block)).collect::<Result<_, _>>()?,
        None => HashSet::new(),
    };
    let mut found = BTreeSet::new();
    for block in 0..one.blocks() {
        if known.contains(&one.block_hash(block)?) {
            continue;
        }
        let (_, unpacked) = one.block_afresh(block)?;
        let Some(less) = room.checked_sub(unpacked.len()) else { return Ok(None) };
        *room = less;
        for row in each(&unpacked) {
            let row = row.map_err(|fault| SegmentError::Damaged { path: one.path().to_owned(), fault })?;
            found.insert((row.key.to_owned(), row.value.to_owned()));
        }
    }
    Ok(Some(found))
}
