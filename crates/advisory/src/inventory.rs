//! Which of many images have a package: the way from a new advisory to the images it affects, without matching them again.
//!
//! ```text
//!  reports, SBOMs ─► Collector ─► file ─► Inventory ─┐
//!                                                    ├─► statement ─► rows of its package ─► judge ─► images
//!  what is new in the database ─► statements ────────┘
//! ```
//!
//! The file is a segment: one row for each version of a package, with all images that have it. Ten thousand images of one
//! company share most of their packages, so there are far fewer rows than packages in images.

#[cfg(test)]
mod tests;

use crate::{
    Ecosystem,
    database::Statement,
    evaluate::{Asked, Platform, covers, questions},
    judge::{Verdict, judge},
    record::Standing,
    segment::{Builder, Segment, SegmentError},
};
use gabion_model::{OsRelease, ScanReport, Status};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

/// Number, big-endian: the name of an image.
const IMAGES: u8 = 1;
/// Ecosystem and package: who has it, in which version.
const PACKAGES: u8 = 2;

/// One version of a package, as it is compared. All of it decides whether a statement is about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Version {
    text: String,
    binary: bool,
    module: Option<String>,
    arch: Option<String>,
    /// `ID` and `VERSION_ID`, for packages of a distribution.
    os: Option<(String, Option<String>)>,
}

/// Collects images.
#[derive(Debug, Default)]
pub struct Collector {
    images: BTreeMap<String, u32>,
    /// Of them, those that were not looked at in full.
    partial: BTreeSet<u32>,
    versions: BTreeMap<(Ecosystem, String), BTreeMap<Version, BTreeSet<u32>>>,
}

impl Collector {
    /// What an index has already.
    pub fn of(inventory: &Inventory) -> Result<Self, SegmentError> {
        let mut collector = Self::default();
        let mut rows = inventory.segment.rows(IMAGES)?;
        while let Some(row) = rows.next_row()? {
            let number = row.key.try_into().map(u32::from_be_bytes).unwrap_or_default();
            let (name, partial): (String, bool) = inventory.read(row.value)?;
            collector.images.insert(name, number);
            if partial {
                collector.partial.insert(number);
            }
        }
        let mut rows = inventory.segment.rows(PACKAGES)?;
        while let Some(row) = rows.next_row()? {
            let (ecosystem, name) = row.key.split_first().unwrap_or((&0, &[]));
            let key = (Ecosystem::from_number(*ecosystem), String::from_utf8_lossy(name).into_owned());
            let (version, images): (Version, BTreeSet<u32>) = inventory.read(row.value)?;
            collector.versions.entry(key).or_default().entry(version).or_default().extend(images);
        }
        Ok(collector)
    }

    /// Adds an image. One that was added under this name before is replaced.
    pub fn add(&mut self, name: &str, report: &ScanReport) {
        let number = match self.images.get(name) {
            Some(&number) => {
                self.forget(number);
                number
            }
            None => self.images.values().max().map_or(0, |last| last + 1),
        };
        self.images.insert(name.to_owned(), number);
        if is_partial(report) {
            self.partial.insert(number);
        }
        let os = report.os.as_ref();
        for ((ecosystem, package), asked) in questions(report, &Platform::named(os)) {
            let versions = self.versions.entry((ecosystem, package)).or_default();
            for Asked { version, binary, module, arch, .. } in asked {
                let of_os = os.filter(|_| ecosystem.is_distribution());
                let version = Version {
                    text: version.into_owned(),
                    binary,
                    module: module.map(str::to_owned),
                    arch: arch.map(str::to_owned),
                    os: of_os.map(|os| (os.id.clone(), os.version.clone())),
                };
                versions.entry(version).or_default().insert(number);
            }
        }
    }

    fn forget(&mut self, number: u32) {
        self.partial.remove(&number);
        for versions in self.versions.values_mut() {
            versions.retain(|_, images| !(images.remove(&number) && images.is_empty()));
        }
        self.versions.retain(|_, versions| !versions.is_empty());
    }

    /// Images in it.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// Writes it.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        let mut builder = Builder::new(None);
        let refused = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        for (name, number) in &self.images {
            let value = written(&(name, self.partial.contains(number)))?;
            builder.push(IMAGES, &number.to_be_bytes(), &value).map_err(refused)?;
        }
        for ((ecosystem, package), versions) in &self.versions {
            let key = [&[ecosystem.number()], package.as_bytes()].concat();
            for row in versions {
                builder.push(PACKAGES, &key, &written(&row)?).map_err(refused)?;
            }
        }
        builder.meta("kind", "inventory").meta("images", &self.images.len().to_string());
        builder.meta("partial", &self.partial.len().to_string());
        builder.finish(path).map(drop)
    }
}

/// An index that can be asked.
#[derive(Debug)]
pub struct Inventory {
    segment: Segment,
}

/// Images that a statement affects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Affects {
    /// The advisory.
    pub advisory: String,
    /// `Debian`, `npm`.
    pub ecosystem: String,
    /// The package that it is about.
    pub package: String,
    /// The version that the images have.
    pub version: String,
    /// Their names.
    pub images: Vec<String>,
}

impl Inventory {
    /// Opens it.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let segment = Segment::open(path)?;
        if segment.meta().get("kind").is_none_or(|kind| kind != "inventory") {
            return Err(SegmentError::Foreign(path.to_owned()));
        }
        Ok(Self { segment })
    }

    /// How many images are in it.
    pub fn images(&self) -> u64 {
        self.segment.meta().get("images").and_then(|n| n.parse().ok()).unwrap_or_default()
    }

    /// How many of them were not looked at in full, so that they may have packages that are not in here.
    pub fn partial(&self) -> u64 {
        self.segment.meta().get("partial").and_then(|n| n.parse().ok()).unwrap_or_default()
    }

    /// Asks about one statement.
    pub fn affected(&self, statement: &Statement) -> Result<Vec<Affects>, SegmentError> {
        let affected = &statement.affected;
        if statement.standing == Standing::Withdrawn {
            return Ok(Vec::new());
        }
        let key = [&[affected.ecosystem.number()], affected.package.as_bytes()].concat();
        let mut rows = self.segment.get(PACKAGES, &key)?;
        let mut hits = Vec::new();
        while let Some(row) = rows.next_row()? {
            let (version, images): (Version, BTreeSet<u32>) = self.read(row.value)?;
            if version.is_meant_by(statement)
                && matches!(judge(affected, &version.text), Verdict::Affected(_))
            {
                hits.push((version.text, images));
            }
        }
        let named = |(version, numbers): (String, BTreeSet<u32>)| {
            let images = numbers.into_iter().map(|number| self.name(number)).collect::<Result<_, _>>()?;
            Ok(Affects {
                advisory: statement.advisory.clone(),
                ecosystem: affected.ecosystem.name().to_owned(),
                package: affected.package.clone(),
                version,
                images,
            })
        };
        hits.into_iter().map(named).collect()
    }

    fn name(&self, number: u32) -> Result<String, SegmentError> {
        let mut rows = self.segment.get(IMAGES, &number.to_be_bytes())?;
        let named: Option<(String, bool)> = rows.next_row()?.map(|row| self.read(row.value)).transpose()?;
        Ok(named.map(|(name, _)| name).unwrap_or_default())
    }

    fn read<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T, SegmentError> {
        let damaged =
            |_| SegmentError::Damaged { path: self.segment.path().to_owned(), fault: "a row is no version" };
        postcard::from_bytes(value).map_err(damaged)
    }
}

fn written(value: &impl Serialize) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(value).map_err(|error| io::Error::other(error.to_string()))
}

/// Whether there may be packages that were not found.
fn is_partial(report: &ScanReport) -> bool {
    let mut packages = report.coverage.iter().filter(|(aspect, _)| aspect.as_str().starts_with("packages"));
    packages.any(|(_, status)| !matches!(status, Status::Full { .. } | Status::NotEvaluated { .. }))
}

impl Version {
    /// Whether a statement under the name of its package is about it.
    fn is_meant_by(&self, statement: &Statement) -> bool {
        let asked = Asked {
            package: 0,
            version: Cow::Borrowed(&self.text),
            binary: self.binary,
            module: self.module.as_deref(),
            arch: self.arch.as_deref(),
        };
        let release = &statement.affected.release;
        let of_release = match &self.os {
            None => release.is_empty(),
            Some((id, version)) => {
                let os = OsRelease {
                    id: id.clone(),
                    version: version.clone(),
                    codename: None,
                    name: String::new(),
                    like: Vec::new(),
                    end_of_life: None,
                    path: String::new(),
                };
                covers(&os, self.text.contains("+esm"), release)
            }
        };
        of_release && asked.is_meant_by(statement)
    }
}
