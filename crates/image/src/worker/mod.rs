//! The sandboxed child: told what to read on standard input, answers on standard output.
//!
//! ```text
//!  gabion scan ──spawns──► gabion __worker
//!     Job (JSON)  ──stdin──►  open inputs ─► close sandbox ─► read, assemble
//!     cache ◄──────┐                                            │
//!     progress ◄───┴──────────── frames ◄──────────stdout───────┘
//!     report ◄─────┘
//! ```
//!
//! The child gets an empty environment, no network, no credentials. What it sends back is data of known
//! shape; the parent writes it to the cache under a name that is a digest, or parses it as a report.

mod error;
mod frames;
mod image;
mod inputs;
mod job;
mod known;
mod snapshots;

pub use error::WorkError;
pub use frames::{Message, receive};
pub use job::{Job, SbomContent, SbomReader, Work};
pub use known::{LayerKey, Origins};

use crate::{
    assemble::{self, Assembled},
    cache::{self, Cache},
    catalog::{Cataloger, Scope, eol},
    file_pass::{Analyser, FilePass},
    layer::{Counters, LayerFacts},
    manifest::Config,
    sandbox, secret,
    tree::{Layout, Root},
};
use frames::Out;
use gabion_model::{
    Aspect, Coverage, Digest, FileIndex, ImageIdentity, Isolation, ScanReport, Status, Target, Tool,
    scan::SCHEMA_VERSION, symbols::Programs,
};
use inputs::{Opened, Unpacked};
use std::{
    fs::File,
    io::{self, Read, Write},
    sync::{atomic::Ordering, mpsc},
    time::Duration,
};

/// The child's `main`: does one job. False if it failed; the parent was told why.
pub fn run(catalogers: &[&dyn Cataloger], sbom: SbomReader) -> bool {
    // Opened now, read at the end: the kernel fills it in when it is read.
    let status = File::open("/proc/self/status");
    let Ok(stdout) = rustix::io::dup(rustix::stdio::stdout()) else {
        return false;
    };
    let out = Out(std::sync::Mutex::new(stdout.into()));
    let result = serde_json::from_reader(io::stdin().lock())
        .map_err(|e| WorkError::Parent(e.into()))
        .and_then(|job: Job| Worker { job, catalogers, sbom, out: &out }.run());
    let sent = match &result {
        Ok(()) => out.send(&Message::Done(status.map_or(0, peak_kib))),
        Err(error) => out.send(&Message::Failed(error.to_string(), error.hint())),
    };
    result.is_ok() && sent.is_ok()
}

/// Peak resident memory in KiB, from an open `/proc/PID/status`; 0 if it does not say.
pub fn peak_kib(mut status: File) -> u64 {
    let mut text = String::new();
    // Whatever was read is searched.
    let _ = status.read_to_string(&mut text);
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

struct Worker<'a> {
    job: Job,
    catalogers: &'a [&'a dyn Cataloger],
    sbom: SbomReader,
    out: &'a Out,
}

impl Worker<'_> {
    fn run(&self) -> Result<(), WorkError> {
        let job = &self.job;
        let (opened, mut readable) = self.open()?;
        let mut spills: Vec<Option<File>> =
            (0..job.jobs.max(1)).map(|_| cache::unnamed(&job.temporary).ok()).collect();
        let archive_spill = cache::unnamed(&job.temporary);
        readable.extend(job.cache.iter().map(|root| root.join("layers")));
        readable.extend(job.cache.iter().map(|root| root.join("images")));
        readable.extend(job.cache.iter().map(|root| root.join("stamps")));
        readable.extend(job.cache.iter().map(|root| root.join("indexes")));
        readable.extend(job.given.iter().flat_map(|root| [root.join("layers"), root.join("stamps")]));
        let isolation = sandbox::enter(&readable);
        // Everything from here on may meet hostile bytes.
        let opened = self.resolve(opened, archive_spill)?;
        if job.keys {
            self.out.send(&Message::Layers(self.layer_keys(&opened)?))?;
            return Ok(());
        }
        let mut passes: Vec<FilePass> = spills.drain(..).map(FilePass::new).collect();
        let report = match opened {
            Opened::Image(image) => self.image(&image, &mut passes, isolation)?,
            Opened::Snapshots(unpacked) => Some(self.snapshots(unpacked, &mut passes, isolation)?),
            Opened::Root(root, scope) => {
                let facts = vec![self.tree(&root, Layout::Plain, scope, &mut passes)?];
                let assembled = self.assemble(facts, None, &[], &[], scope);
                let (report, tree) = self.report(assembled, None, None, isolation);
                self.send_index(&tree)?;
                Some(report)
            }
            Opened::Sbom(file, shown) => Some(self.read_sbom(file, shown, isolation)?),
            // `resolve` leaves none of these.
            Opened::Layout { .. } | Opened::Archive { .. } => None,
        };
        if let Some(report) = report {
            self.send_report(&report)?;
        }
        Ok(())
    }

    fn analyser(&self, scope: Scope) -> Analyser<'_> {
        let Job { secrets, limits, .. } = self.job;
        Analyser { catalogers: self.catalogers, secrets, scope, limits, digests: true }
    }

    fn cache(&self) -> Option<Cache> {
        self.job.cache.as_ref().map(Cache::new)
    }

    fn send_index(&self, tree: &FileIndex) -> Result<(), WorkError> {
        if self.job.index {
            self.out.stream(&Message::Index, |out| {
                postcard::to_io(tree, out).map(drop).map_err(io::Error::other)
            })?;
        }
        Ok(())
    }

    /// Sends how far it is, ten times a second, until all senders of `finished` are gone.
    fn report_progress(&self, counters: &Counters, total: u64, finished: &mpsc::Receiver<()>) {
        while finished.recv_timeout(Duration::from_millis(100)) == Err(mpsc::RecvTimeoutError::Timeout) {
            // A parent that is gone is met again when the report is sent.
            let _ = self.out.send(&Message::Progress(counters.read.load(Ordering::Relaxed), total));
        }
    }

    // === directories and SBOMs ===

    fn tree(
        &self,
        root: &Root,
        layout: Layout,
        scope: Scope,
        passes: &mut [FilePass],
    ) -> Result<LayerFacts, WorkError> {
        let counters = Counters::default();
        let (done, finished) = mpsc::channel::<()>();
        // What is not kept is digested only for whoever asked for the index.
        let analyser = Analyser { digests: self.job.index, ..self.analyser(scope) };
        // Whoever walks is as busy as those who read, unless secrets are looked for in all that is read.
        let readers = if self.job.secrets { passes.len() } else { passes.len().saturating_sub(1).max(1) };
        let passes = &mut passes[..readers];
        let result = std::thread::scope(|threads| {
            let (counters, analyser) = (&counters, &analyser);
            let reading = threads.spawn(move || {
                let _done = done;
                root.read(layout, analyser, passes, counters)
            });
            self.report_progress(counters, 0, &finished);
            reading.join()
        });
        result.map_err(|_| io::Error::other("a reading thread panicked"))?.map_err(WorkError::from)
    }

    fn read_sbom(&self, file: File, shown: String, isolation: Isolation) -> Result<ScanReport, WorkError> {
        let limit = self.job.limits.document;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| WorkError::Open { path: shown.clone(), source })?;
        if bytes.len() as u64 > limit {
            return Err(WorkError::Sbom {
                path: shown,
                text: format!("larger than the limit of {limit} bytes"),
            });
        }
        let content = (self.sbom)(&bytes).map_err(|text| WorkError::Sbom { path: shown, text })?;
        let mut coverage = Coverage::default();
        let packages = Aspect::named("packages");
        coverage.full(packages.clone());
        content.gaps.into_iter().for_each(|gap| coverage.gap(packages.clone(), gap));
        content.skipped.into_iter().for_each(|reason| coverage.skip(packages.clone(), reason));
        let mut os = content.os;
        if let Some(os) = &mut os {
            os.end_of_life = eol::end_of_life(&os.id, os.version.as_deref());
            eol::judge(os, self.job.now);
        }
        for aspect in [Aspect::FILES, Aspect::SECRETS, Aspect::CONFIG] {
            coverage.set(aspect, Status::NotEvaluated { reason: "an SBOM does not hold it".into() });
        }
        coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
        let assembled = Assembled {
            tree: FileIndex::default(),
            os,
            layers: Vec::new(),
            packages: content.packages,
            programs: Programs::new(),
            findings: Vec::new(),
            files: gabion_model::scan::FileTotals::default(),
            coverage,
        };
        Ok(self.report(assembled, None, None, isolation).0)
    }

    // === reports ===

    fn assemble(
        &self,
        layers: Vec<LayerFacts>,
        config: Option<&Config>,
        digests: &[Option<Digest>],
        tags: &[String],
        scope: Scope,
    ) -> Assembled {
        let input =
            assemble::Input { config, digests, tags, scope, secrets: self.job.secrets, now: self.job.now };
        assemble::assemble(layers, &input, self.catalogers)
    }

    fn report(
        &self,
        assembled: Assembled,
        image: Option<ImageIdentity>,
        config: Option<&Config>,
        isolation: Isolation,
    ) -> (ScanReport, FileIndex) {
        let mut summary = config.map(|c| c.summary.clone());
        for value in summary.iter_mut().flat_map(|s| s.labels.values_mut()) {
            *value = secret::redact(value);
        }
        let report = ScanReport {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool { name: "gabion".to_owned(), version: self.job.version.clone() },
            created: self.job.now,
            target: Target { source: self.job.source.clone(), reference: self.job.reference.clone(), image },
            os: assembled.os,
            config: summary,
            layers: assembled.layers,
            packages: assembled.packages,
            findings: assembled.findings,
            files: assembled.files,
            coverage: assembled.coverage,
            isolation,
            database: Vec::new(),
            exceptions: Vec::new(),
            programs: assembled.programs,
        };
        (report, assembled.tree)
    }

    fn send_report(&self, report: &ScanReport) -> Result<(), WorkError> {
        self.out.stream(&Message::Report, |out| write_report(report, out))?;
        Ok(())
    }
}

/// Writes a report for the parent: what its JSON leaves out, then the JSON.
fn write_report(report: &ScanReport, mut out: &mut dyn Write) -> io::Result<()> {
    postcard::to_io(&report.programs, &mut out).map_err(io::Error::other)?;
    serde_json::to_writer(out, report).map_err(io::Error::other)
}

/// Reads what the worker wrote.
pub(crate) fn read_report(bytes: &[u8]) -> io::Result<ScanReport> {
    let (programs, json) = postcard::take_from_bytes(bytes).map_err(io::Error::other)?;
    Ok(ScanReport { programs, ..serde_json::from_slice(json)? })
}
