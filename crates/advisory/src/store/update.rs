//! Brings a whole database up to date.
//!
//! ```text
//!  manifest: key, sequence, clock ─► for each segment ─┬─ here, and sound ─────────► nothing to fetch
//!                                                      └─ else ─► transfer::update ─► NAME-ROOT.seg  ─► switch all
//! ```
//!
//! All that stays is read and checked on the way (half a second for a million rows), so that whatever rotted on the disk is
//! fetched again. A segment that an
//! interrupted update had finished is found under its name; one that it had begun is continued.

use super::{Change, Current, Named, Origin, Store, StoreError, open, place};
use crate::{
    segment::{
        Segment,
        replace::{PART, beside},
    },
    transfer::{self, Chunks, Expected, Manifest, Offer, Route, Updated, sign::PublicKey},
};
use jiff::Timestamp;
use std::{fs, io, ops::Range, path::PathBuf};

/// Where an update comes from, and what is believed of it.
pub struct Upstream<'a> {
    /// The place.
    pub chunks: &'a mut dyn Chunks,
    /// The place as a person wrote it: `current.json` keeps it.
    pub name: &'a str,
    /// Who must have signed.
    pub key: &'a PublicKey,
    /// Whether to go back on purpose.
    pub allow_older: bool,
}

/// How an update goes.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// So many bytes are to come, if all goes well.
    Expected(u64),
    /// So many more came.
    Arrived(u64),
    /// A segment is complete.
    Done(&'a str, &'a Updated),
}

/// What an update did.
#[derive(Debug)]
pub struct Report {
    /// The sequence of the manifest.
    pub sequence: u64,
    /// When it was published: an old one tells of a publisher, or of a mirror, that stands still.
    pub created: Timestamp,
    /// Each segment by name.
    pub segments: Vec<(String, Updated)>,
}

impl Report {
    /// Bytes that were fetched, without the manifest.
    pub fn bytes_fetched(&self) -> u64 {
        self.segments.iter().map(|(_, updated)| updated.bytes_fetched).sum()
    }

    /// Whether there was nothing to do.
    pub fn unchanged(&self) -> bool {
        self.segments.iter().all(|(_, updated)| updated.route == Route::Current)
    }
}

/// What to do about one segment.
struct Step<'a> {
    offer: &'a Offer,
    target: PathBuf,
    have: Option<Segment>,
}

impl Step<'_> {
    /// What an interrupted attempt leaves.
    fn part(&self) -> PathBuf {
        beside(&self.target, &format!("{PART}{}", self.offer.file.digest.hex()))
    }

    /// Bytes to fetch, if all goes well.
    fn cost(&self) -> u64 {
        let root = self.have.as_ref().map(Segment::root);
        if root == Some(self.offer.root) {
            return 0;
        }
        let older = self.offer.older.iter().find(|older| Some(older.root) == root);
        if let Some(delta) = older.and_then(|older| older.delta) {
            return delta.size;
        }
        let begun = fs::metadata(self.part()).map_or(0, |part| part.len());
        self.offer.file.size.saturating_sub(begun)
    }
}

impl Change {
    /// Fetches what is new, and makes it count.
    pub fn update(
        self,
        upstream: Upstream<'_>,
        now: Timestamp,
        hear: &mut dyn FnMut(Event<'_>),
    ) -> Result<(Store, Report), StoreError> {
        let Upstream { chunks, name: from, key, allow_older } = upstream;
        let last = match self.before.as_ref().map(|before| &before.origin) {
            Some(Origin::Published { key: before, sequence, .. }) if *before == key.id() => Some(*sequence),
            _ => None,
        };
        let manifest = transfer::fetch_manifest(chunks, key, Expected { now, last, allow_older })?;
        let steps: Vec<Step<'_>> = manifest.segments.iter().map(|offer| self.step(offer)).collect();
        let before = self.before.iter().flat_map(|before| &before.segments);
        let before = before.map(|named| place(&self.directory, named));
        self.tidy(before.chain(steps.iter().flat_map(|step| [step.target.clone(), step.part()])))?;

        hear(Event::Expected(steps.iter().map(Step::cost).sum()));
        let mut segments = Vec::new();
        for Step { offer, target, have } in steps {
            let mut counted = Counted { chunks: &mut *chunks, hear: &mut *hear };
            let updated = transfer::update(have.as_ref(), &manifest, &offer.name, &mut counted, &target)?;
            hear(Event::Done(&offer.name, &updated));
            segments.push((offer.name.clone(), updated));
        }
        let report = Report { sequence: manifest.sequence, created: manifest.created, segments };
        let origin = Origin::Published {
            from: from.to_owned(),
            key: key.id().to_owned(),
            sequence: manifest.sequence,
        };
        let mut segments: Vec<Named> = manifest.segments.iter().map(named).collect();
        segments.extend(self.local(&manifest).cloned());
        let store = self.switch(&Current::new(origin, manifest.created, now, segments))?;
        Ok((store, report))
    }

    /// What was built here and stays, unless the publisher has one of its name.
    fn local(&self, manifest: &Manifest) -> impl Iterator<Item = &Named> {
        let before = self.before.iter().flat_map(|before| &before.segments);
        before.filter(|named| named.local && manifest.segments.iter().all(|offer| offer.name != named.name))
    }

    fn step<'a>(&self, offer: &'a Offer) -> Step<'a> {
        let wanted = named(offer);
        let sound = open(&self.directory, &wanted).ok().filter(|segment| segment.verify().is_ok());
        // One that has the root and is not sound must not pass for what is offered.
        let other = || self.before(&offer.name).filter(|segment| segment.root() != offer.root);
        Step { offer, target: place(&self.directory, &wanted), have: sound.or_else(other) }
    }
}

fn named(offer: &Offer) -> Named {
    Named { name: offer.name.clone(), root: offer.root, local: false }
}

/// Tells of all that comes by.
struct Counted<'a> {
    chunks: &'a mut dyn Chunks,
    hear: &'a mut dyn FnMut(Event<'_>),
}

impl Chunks for Counted<'_> {
    fn fetch(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let bytes = self.chunks.fetch(name, range)?;
        (self.hear)(Event::Arrived(bytes.len() as u64));
        Ok(bytes)
    }
}
