//! Java archives: jars, wars and their kin, those inside them, and those shaded into them.
//!
//! ```text
//!  app.war ─ archive ─┬─ META-INF/MANIFEST.MF ─ manifest ─┐
//!   (Content)  list   ├─ META-INF/maven/**/pom.*  ─ pom  ─┼─ identity ─► packages of app.war
//!                     │  names of classes ────────────────┘
//!                     └─ WEB-INF/lib/*.jar ─► the same again, one level deeper
//!                           stored: read in place (part)
//!                           deflated, small: in memory
//!                           deflated, large: read through (inflated)
//! ```
//!
//! Nothing is looked up by digest or over the network: an archive is what it says it is, or what its name
//! says. Where that leaves its group open, the package's fact `group` says what it was guessed from.

mod archive;
mod budget;
mod filename;
mod groups;
mod identity;
mod inflated;
mod manifest;
mod part;
mod pom;
#[cfg(test)]
mod tests;

use self::{
    archive::{Archive, Method},
    budget::Budget,
    identity::{PomRecord, Records},
    inflated::Inflated,
    manifest::Manifest,
    pom::Pom,
};
use super::{Candidate, Cataloger, Scope, Want};
use crate::{
    caps::Limits,
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Location, path};
use std::{borrow::Cow, collections::BTreeMap};

/// A nested archive up to this many bytes is inflated into memory.
const IN_MEMORY: u64 = 16 << 20;

/// Maven records read of one archive; the largest shaded jars have some hundred.
const RECORDS: usize = 20_000;

/// What is incomplete when a Java archive cannot be read.
const ASPECT: Aspect = Aspect::named("packages.maven");

/// Java archives.
#[derive(Debug)]
pub struct Java;

impl Cataloger for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn aspect(&self) -> Aspect {
        ASPECT
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.scope != Scope::Image || file.size == 0 {
            return Want::No;
        }
        match extension(file.name()) {
            // Even if a shell script stands before the archive.
            Some(b"jar" | b"war" | b"ear") => Want::Content,
            // Names that other formats have, too.
            Some(_) => Want::Zip,
            None => Want::No,
        }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        read(file.path, content, &Limits::DEFAULT, out)
    }
}

/// [`Java::read`] with other limits.
fn read(path: &[u8], content: &Content<'_>, limits: &Limits, out: &mut Facts) -> Result<(), ReadError> {
    let mut walk = Walk { budget: &Budget::new(limits), out };
    let outermost = Place { path: path::display(path), depth: 0, streamed: false };
    walk.archive(*content, &outermost)
}

/// The extension of a file that may be a Java archive.
fn extension(name: &[u8]) -> Option<&'static [u8]> {
    const ALL: [&[u8]; 13] = [
        b"jar", b"war", b"ear", b"par", b"sar", b"nar", b"kar", b"far", b"rar", b"hpi", b"jpi", b"zap",
        b"lpkg",
    ];
    let dot = name.iter().rposition(|&b| b == b'.')?;
    ALL.into_iter().find(|ext| name[dot + 1..].eq_ignore_ascii_case(ext))
}

/// Where an archive is.
struct Place<'p> {
    /// Printable path; inside another archive with `!/` between the two.
    path: Cow<'p, str>,
    /// 0 for a file of the image.
    depth: u32,
    /// Going backwards in it means to inflate it anew.
    streamed: bool,
}

/// What a member is looked at for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    Manifest,
    PomProperties,
    PomXml,
    Nested,
}

/// Goes through an archive and those inside it.
struct Walk<'w> {
    budget: &'w Budget,
    out: &'w mut Facts,
}

impl Walk<'_> {
    /// Tells the packages of one archive, and of those inside it.
    fn archive(&mut self, content: Content<'_>, place: &Place<'_>) -> Result<(), ReadError> {
        let mut classes = ClassPackages::default();
        let archive = Archive::list(content, self.budget, |name| {
            classes.add(name);
            purpose(name)
        })?;
        if archive.overlong > 0 {
            let n = archive.overlong;
            self.gap(&format!("{n} of its members have names too long to look at"));
        }
        let mut manifest = Manifest::default();
        let mut poms: BTreeMap<Box<[u8]>, [Pom; 2]> = BTreeMap::new();
        for (i, member) in archive.members.iter().enumerate() {
            let dir = path::parent(&member.name);
            let read = match member.kind {
                Purpose::Manifest => archive
                    .prefix(i, manifest::CAP, self.budget)
                    .map(|bytes| manifest = Manifest::parse(&bytes)),
                Purpose::PomProperties => archive
                    .bytes(i, pom::PROPERTIES_CAP, self.budget)
                    .map(|bytes| poms.entry(dir.into()).or_default()[0] = Pom::properties(&bytes)),
                Purpose::PomXml => archive
                    .bytes(i, pom::XML_CAP, self.budget)
                    .map(|bytes| poms.entry(dir.into()).or_default()[1] = Pom::xml(&bytes)),
                Purpose::Nested => self.nested(&archive, i, place),
            };
            if let Err(error) = read {
                self.gap(&format!("its member {}: {error}", path::display(&member.name)));
            }
            if poms.len() > RECORDS {
                return Err(ReadError::malformed("has more Maven records than are read of one archive"));
            }
        }
        let records = Records {
            manifest,
            poms: poms.into_iter().map(|(dir, poms)| joined(&dir, poms)).collect(),
            packages: classes.shared(),
        };
        let file = place.path.rsplit('/').next().unwrap_or_default();
        for mut package in records.packages(file) {
            if !self.budget.package() {
                return Err(ReadError::malformed("has more packages than are told of one archive"));
            }
            if place.depth > 0 {
                package.locations.push(Location { path: place.path.clone().into_owned(), layer: None });
            }
            self.out.package(package, Vec::new());
        }
        Ok(())
    }

    /// Goes into an archive inside another.
    fn nested(
        &mut self,
        archive: &Archive<'_, Purpose>,
        index: usize,
        outer: &Place<'_>,
    ) -> Result<(), ReadError> {
        let Some(member) = archive.members.get(index) else {
            return Ok(());
        };
        let mut place = Place {
            path: format!("{}!/{}", outer.path, path::display(&member.name)).into(),
            depth: outer.depth + 1,
            streamed: outer.streamed,
        };
        if place.depth > self.budget.depth() {
            return Err(ReadError::malformed("lies in too many archives, one in the other"));
        }
        let (part, method) = archive.open(index)?;
        if method == Method::Stored && !outer.streamed {
            self.budget.inflate(member.size)?;
            return self.archive(Content::Stored(&part), &place);
        }
        if member.size <= IN_MEMORY {
            let bytes = archive.bytes(index, IN_MEMORY, self.budget)?;
            place.streamed = false;
            return self.archive(Content::Memory(&bytes), &place);
        }
        place.streamed = true;
        if method == Method::Stored {
            self.budget.inflate(member.size)?;
            return self.archive(Content::Stored(&part), &place);
        }
        let inflated = Inflated::new(part, member.size, self.budget)?;
        self.archive(Content::Stored(&inflated), &place)
    }

    /// Notes what could not be read.
    fn gap(&mut self, reason: &str) {
        if self.budget.gap() {
            self.out.gap(ASPECT, reason);
        }
    }
}

/// What a member is looked at for, if it is.
fn purpose(name: &[u8]) -> Option<Purpose> {
    if name.eq_ignore_ascii_case(b"META-INF/MANIFEST.MF") {
        return Some(Purpose::Manifest);
    }
    let file = path::name(name);
    if let b"pom.properties" | b"pom.xml" = file {
        memchr::memmem::find(name, b"META-INF/maven/")?;
        return Some(if file == b"pom.xml" { Purpose::PomXml } else { Purpose::PomProperties });
    }
    extension(file).map(|_| Purpose::Nested)
}

/// The properties and the XML of one directory as one record; the directory itself has names for what both lack.
fn joined(dir: &[u8], [mut pom, xml]: [Pom; 2]) -> PomRecord {
    let named = Pom {
        group: path::display(path::name(path::parent(dir))).into_owned(),
        artifact: path::display(path::name(dir)).into_owned(),
        ..Pom::default()
    };
    pom.complete(&xml);
    if !(pom.group.is_empty() && pom.artifact.is_empty() && pom.version.is_empty()) {
        pom.complete(&named);
    }
    PomRecord { pom, at_root: dir.starts_with(b"META-INF/maven/") }
}

/// The longest package that all classes share.
#[derive(Default)]
struct ClassPackages {
    /// As a path; absent before the first class.
    shared: Option<Vec<u8>>,
    /// The classes are those of a launcher; the application is in `BOOT-INF`.
    launcher: bool,
}

impl ClassPackages {
    fn add(&mut self, name: &[u8]) {
        if name.starts_with(b"BOOT-INF/") {
            self.launcher = true;
        }
        let counts = name.ends_with(b".class")
            && !name.starts_with(b"META-INF/")
            && !name.starts_with(b"BOOT-INF/")
            && !name.starts_with(b"WEB-INF/")
            && name != b"module-info.class";
        if !counts {
            return;
        }
        let dir = path::parent(name);
        match &mut self.shared {
            None => self.shared = Some(dir.to_vec()),
            Some(shared) => {
                let same = shared.split(|&b| b == b'/').zip(dir.split(|&b| b == b'/'));
                let len: usize = same.take_while(|(a, b)| a == b).map(|(a, _)| a.len() + 1).sum();
                shared.truncate(len.saturating_sub(1));
            }
        }
    }

    /// Dotted; empty if they share none, nothing if there is no class that tells.
    fn shared(self) -> Option<String> {
        if self.launcher {
            return None;
        }
        let shared = String::from_utf8(self.shared?).unwrap_or_default();
        Some(shared.replace('/', "."))
    }
}
