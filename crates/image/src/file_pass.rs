//! One file, read once: every observer that wants its bytes gets them in the same pass.
//!
//! ```text
//!            ┌─► SHA-256        executables and shared objects
//!  bytes ────┼─► secret scan    text
//!            └─► memory or spill file ─► catalogers that asked for it
//! ```
//!
//! Only what a cataloger wants is kept, in memory up to [`Limits::memory`], beyond that in an unlinked
//! temporary file that is opened before the sandbox closes.

use crate::{
    caps::Limits,
    catalog::{Candidate, Cataloger, Scope, Want},
    content::{Content, FilePart},
    facts::{Fact, Facts},
    secret::TextScan,
};
use gabion_model::{Aspect, Digest};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, BufRead, Read, Seek, Write},
};

/// What is looked for in the files of a tree.
#[derive(Clone, Copy)]
pub struct Analyser<'a> {
    /// Who is asked about each file.
    pub catalogers: &'a [&'a dyn Cataloger],
    /// Whether text is searched for secrets.
    pub secrets: bool,
    /// The kind of tree.
    pub scope: Scope,
    /// The limits.
    pub limits: Limits,
    /// Whether programs get a digest: for whoever compares two indexes.
    pub digests: bool,
}

/// What one file told.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Its facts.
    pub facts: Vec<Fact>,
    /// Digest of its content, if it is a program.
    pub digest: Option<Digest>,
    /// How the secret scan met it.
    pub text: Text,
}

/// How the secret scan met a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Text {
    /// It was not asked to.
    #[default]
    NotScanned,
    /// Scanned, so many bytes.
    Scanned(u64),
    /// Binary: not text.
    Binary,
    /// UTF-16 or UTF-32 text, which the rules do not read.
    Wide,
}

/// The buffers of one reading thread, reused from file to file.
#[derive(Debug)]
pub struct FilePass {
    head: Vec<u8>,
    spill: Option<File>,
}

/// Enough to recognise what a file is; most files are no longer.
const HEAD: usize = 64 << 10;

impl<'a> Analyser<'a> {
    /// The catalogers that want this file, given its path alone.
    pub fn wanting(&self, file: &Candidate<'_>) -> Vec<(&'a dyn Cataloger, Want)> {
        self.catalogers.iter().map(|&c| (c, c.want(file))).filter(|(_, want)| *want != Want::No).collect()
    }

    /// Whether the content of a file is needed at all.
    pub fn needs_content(&self, file: &Candidate<'_>, wanting: &[(&dyn Cataloger, Want)]) -> bool {
        file.size > 0 && (self.secrets || !wanting.is_empty() || self.digests(file))
    }

    fn digests(&self, file: &Candidate<'_>) -> bool {
        self.digests && self.scope == Scope::Image && file.is_program()
    }
}

impl FilePass {
    /// With a temporary file for what does not fit in memory.
    pub fn new(spill: Option<File>) -> Self {
        Self { head: Vec::with_capacity(HEAD), spill }
    }

    /// Reads a file from a stream. An error is one of the stream; what catalogers dislike becomes a gap.
    pub fn stream<'a>(
        &mut self,
        analyser: &Analyser<'a>,
        file: &Candidate<'_>,
        mut wanting: Vec<(&'a dyn Cataloger, Want)>,
        stream: &mut impl BufRead,
    ) -> io::Result<Outcome> {
        self.head.clear();
        fill(&mut self.head, stream, HEAD.min(file.size as usize))?;
        let mut observers = Observers::new(analyser, file, &self.head);
        wanting.retain(|(_, want)| fits(*want, &self.head));
        observers.feed(&self.head);

        let mut spilled = None;
        let rest = file.size.saturating_sub(self.head.len() as u64);
        if rest > 0 && !wanting.is_empty() {
            if file.size <= analyser.limits.memory {
                let kept = self.head.len();
                fill(&mut self.head, stream, file.size as usize)?;
                observers.feed(&self.head[kept..]);
            } else {
                let spill = self.spill.as_mut();
                spilled =
                    Some(spill.map_or_else(
                        || Err(no_spill()),
                        |to| spill_to(to, &self.head, stream, &mut observers),
                    ));
            }
        } else if rest > 0 && observers.any() {
            drain(stream, |chunk| observers.feed(chunk))?;
        }

        let mut facts = Facts::default();
        match spilled {
            None => catalog(&wanting, file, &Content::Memory(&self.head), &mut facts),
            Some(Ok(len)) => {
                let part = self.spill.as_ref().map(|file| FilePart { file, len });
                if let Some(part) = &part {
                    catalog(&wanting, file, &Content::Stored(part), &mut facts);
                }
            }
            Some(Err(Spilling::Read(error))) => return Err(error),
            Some(Err(Spilling::Write(error))) => {
                for (cataloger, _) in &wanting {
                    facts.gap(cataloger.aspect(), format!("no temporary space to read it: {error}"));
                }
            }
        }
        if self.head.capacity() > HEAD {
            self.head = Vec::with_capacity(HEAD);
        }
        Ok(observers.finish(facts))
    }

    /// Reads a file that can be read at any offset, in place.
    pub fn in_place<'a>(
        &mut self,
        analyser: &Analyser<'a>,
        file: &Candidate<'_>,
        mut wanting: Vec<(&'a dyn Cataloger, Want)>,
        source: &File,
    ) -> io::Result<Outcome> {
        let part = FilePart { file: source, len: file.size };
        let content = Content::Stored(&part);
        let mut reader = content.reader();
        // Most catalogers read a few places of a large file; whoever observes it gets all of it.
        let head = if analyser.secrets || analyser.digests(file) { HEAD } else { HEAD / 4 };
        self.head.clear();
        reader.by_ref().take(head.min(file.size as usize) as u64).read_to_end(&mut self.head)?;
        let mut observers = Observers::new(analyser, file, &self.head);
        wanting.retain(|(_, want)| fits(*want, &self.head));
        observers.feed(&self.head);
        if observers.any() && file.size > self.head.len() as u64 {
            drain(&mut io::BufReader::with_capacity(HEAD, reader), |chunk| observers.feed(chunk))?;
        }
        let mut facts = Facts::default();
        let whole = self.head.len() as u64 == file.size;
        let content = if whole { Content::Memory(&self.head) } else { content };
        catalog(&wanting, file, &content, &mut facts);
        Ok(observers.finish(facts))
    }
}

/// A spill fails on either side: the archive cannot be read (fatal), or the disk is full (a gap).
enum Spilling {
    Read(io::Error),
    Write(io::Error),
}

fn no_spill() -> Spilling {
    Spilling::Write(io::Error::other("there is no temporary file"))
}

fn spill_to(
    to: &mut File,
    head: &[u8],
    stream: &mut impl BufRead,
    observers: &mut Observers,
) -> Result<u64, Spilling> {
    let mut written = to.rewind().and_then(|()| to.write_all(head));
    let mut len = head.len() as u64;
    drain(stream, |chunk| {
        observers.feed(chunk);
        if written.is_ok() {
            written = to.write_all(chunk);
        }
        len += chunk.len() as u64;
    })
    .map_err(Spilling::Read)?;
    written.map_err(Spilling::Write)?;
    Ok(len)
}

fn catalog(
    wanting: &[(&dyn Cataloger, Want)],
    file: &Candidate<'_>,
    content: &Content<'_>,
    facts: &mut Facts,
) {
    for (cataloger, _) in wanting {
        if let Err(error) = cataloger.read(file, content, facts) {
            facts.gap(cataloger.aspect(), format!("{}: {error}", cataloger.name()));
        }
    }
}

fn fits(want: Want, head: &[u8]) -> bool {
    match want {
        Want::No => false,
        Want::Content => true,
        Want::Elf => head.starts_with(b"\x7fELF"),
        // An executable jar has a script in front of the archive.
        Want::Zip => head.starts_with(b"PK") || head.starts_with(b"#!"),
    }
}

/// Appends from the stream until `to` holds `len` bytes or the stream ends.
fn fill(to: &mut Vec<u8>, stream: &mut impl BufRead, len: usize) -> io::Result<()> {
    to.reserve_exact(len.saturating_sub(to.len()));
    while to.len() < len {
        let chunk = stream.fill_buf()?;
        let n = chunk.len().min(len - to.len());
        if n == 0 {
            break;
        }
        to.extend_from_slice(&chunk[..n]);
        stream.consume(n);
    }
    Ok(())
}

fn drain(stream: &mut impl BufRead, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let chunk = stream.fill_buf()?;
        let n = chunk.len();
        if n == 0 {
            return Ok(());
        }
        each(chunk);
        stream.consume(n);
    }
}

/// What looks at the bytes as they pass.
struct Observers {
    digest: Option<Sha256>,
    secrets: Option<(TextScan, u64)>,
    text: Text,
}

impl Observers {
    fn new(analyser: &Analyser<'_>, file: &Candidate<'_>, head: &[u8]) -> Self {
        let text = if analyser.secrets { classify(head) } else { Text::NotScanned };
        Self {
            digest: analyser.digests(file).then(Sha256::new),
            secrets: matches!(text, Text::Scanned(_)).then(|| (TextScan::new(file.path), 0)),
            text,
        }
    }

    fn any(&self) -> bool {
        self.digest.is_some() || self.secrets.is_some()
    }

    fn feed(&mut self, chunk: &[u8]) {
        if let Some(digest) = &mut self.digest {
            digest.update(chunk);
        }
        if let Some((scan, bytes)) = &mut self.secrets {
            scan.feed(chunk);
            *bytes += chunk.len() as u64;
        }
    }

    fn finish(self, facts: Facts) -> Outcome {
        let mut outcome = Outcome {
            facts: facts.list,
            digest: self.digest.map(|d| Digest::sha256(d.finalize().into())),
            text: self.text,
        };
        match (self.secrets, self.text) {
            (Some((scan, bytes)), _) => {
                outcome.text = Text::Scanned(bytes);
                let told = scan.finish();
                outcome.facts.extend(told.matches.into_iter().map(Fact::Secret));
                if told.untold > 0 {
                    let reason = format!("{} more secrets than are told of one file", told.untold);
                    outcome.facts.push(Fact::Gap { aspect: Aspect::SECRETS, reason });
                }
            }
            (None, Text::Wide) => outcome.facts.push(Fact::Gap {
                aspect: Aspect::SECRETS,
                reason: "UTF-16 or UTF-32 text is not searched".into(),
            }),
            _ => {}
        }
        outcome
    }
}

/// Text has no NUL among its first 8,000 bytes; that is how git and grep tell, too.
fn classify(head: &[u8]) -> Text {
    let sample = &head[..head.len().min(8000)];
    if sample.starts_with(b"\xff\xfe") || sample.starts_with(b"\xfe\xff") {
        Text::Wide
    } else if memchr::memchr(0, sample).is_some() {
        Text::Binary
    } else {
        Text::Scanned(0)
    }
}
