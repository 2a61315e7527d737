//! The parent's side of a scan: starts the worker, feeds its results to the cache, and returns the report.

use crate::{
    cache::{Cache, Pending},
    worker::{self, Job, LayerKey, Message, Origins, Work},
};
use gabion_model::{FileIndex, Isolation, ScanReport, Verification, path};
use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    process::{ChildStdout, Command, Stdio},
};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The worker said so.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What the user may do.
        hint: Option<String>,
    },
    /// The worker cannot be started.
    #[error("cannot start the analysis process: {0}")]
    Start(#[source] io::Error),
    /// The worker ended without an answer: a bug, or it was killed.
    #[error("the analysis process ended without a result ({status}){}", last_words(.stderr))]
    Died {
        /// How it ended.
        status: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The worker said something that cannot be understood.
    #[error("the analysis process gave an unreadable answer: {0}")]
    Answer(#[source] io::Error),
}

fn last_words(stderr: &str) -> String {
    let line = stderr.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    if line.is_empty() {
        String::new()
    } else {
        let line: String = line.chars().take(300).collect();
        format!(": {}", path::display(line.as_bytes()))
    }
}

/// A finished scan.
#[derive(Debug)]
pub struct Scanned {
    /// The report.
    pub report: ScanReport,
    /// The index of all files, if the job asked for it.
    pub index: Option<FileIndex>,
    /// Peak memory of the worker in KiB.
    pub worker_peak_kib: u64,
    /// Why results could not be cached, if they could not.
    pub cache_error: Option<String>,
    /// Where the facts of the layers of an image are from; of a report that was made earlier all zero.
    pub origins: Origins,
    unkept: Vec<Pending>,
}

impl Scanned {
    /// Keeps for later scans what was read of directories of a container runtime: it may have removed them meanwhile, which only the caller
    /// can know.
    pub fn keep(&mut self) {
        for entry in self.unkept.drain(..) {
            _ = keep(entry.finish(), &mut self.cache_error);
        }
    }
}

/// Runs a job in a worker process. `command` starts a program that calls [`worker::run`]; `progress` is told
/// bytes read and bytes in all (0 if unknown).
pub fn run(job: &Job, command: Command, progress: &mut dyn FnMut(u64, u64)) -> Result<Scanned, ScanError> {
    converse(job, command, |out| listen(job, out, progress))
}

/// Asks a worker process which layers the image of a job has, and of which the cache knows; nothing of them is read.
pub fn layers(job: &Job, command: Command) -> Result<Vec<LayerKey>, ScanError> {
    let job = Job { keys: true, ..job.clone() };
    converse(&job, command, |out| {
        let mut layers = None;
        while let Some(message) = worker::receive(out).map_err(ScanError::Answer)? {
            match message {
                Message::Layers(all) => layers = Some(all),
                Message::Failed(message, hint) => return Err(refused(&message, hint)),
                Message::Done(_) => break,
                _ => {}
            }
        }
        Ok(layers)
    })
}

/// What a worker says last; it may quote names that the image chose.
fn refused(message: &str, hint: Option<String>) -> ScanError {
    ScanError::Refused { message: path::display(message.as_bytes()).into_owned(), hint }
}

/// Starts a worker and hears it.
fn converse<T>(
    job: &Job,
    mut command: Command,
    listen: impl FnOnce(&mut BufReader<ChildStdout>) -> Result<Option<T>, ScanError>,
) -> Result<T, ScanError> {
    let mut child = command
        .env_clear()
        // One heap for all threads of the worker: they allocate little, and an arena each costs memory.
        .env("MALLOC_ARENA_MAX", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(ScanError::Start)?;
    let stderr = child.stderr.take().map(|mut pipe| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            // The worker's last words; a cut is fine.
            let _ = pipe.by_ref().take(64 << 10).read_to_end(&mut text);
            let _ = io::copy(&mut pipe, &mut io::sink());
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    if let Some(mut stdin) = child.stdin.take() {
        let job = serde_json::to_vec(job).map_err(|e| ScanError::Answer(e.into()))?;
        // A worker that is dead already is told by its exit.
        let _ = stdin.write_all(&job);
    }
    let answer = child.stdout.take().map(|pipe| listen(&mut BufReader::new(pipe)));
    let status = child.wait().map_err(ScanError::Answer)?;
    let stderr = stderr.and_then(|t| t.join().ok()).unwrap_or_default();
    match answer.unwrap_or(Ok(None))? {
        Some(told) => Ok(told),
        None => Err(ScanError::Died { status: status.to_string(), stderr }),
    }
}

/// No report and no index is larger: a worker that was taken over may send without end.
const MAX_ANSWER: usize = 2 << 30;

/// What is being received.
enum Receiving {
    Nothing,
    Report(Vec<u8>, Option<Isolation>),
    Index(Vec<u8>),
    Entry(Option<Pending>),
}

/// Reads messages until the last. None if the worker fell silent before.
fn listen(
    job: &Job,
    from: &mut impl Read,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Option<Scanned>, ScanError> {
    let cache = job.cache.as_ref().map(Cache::new);
    let mut receiving = Receiving::Nothing;
    let (mut report, mut index) = (None, None);
    let mut cache_error = None;
    let (mut origins, mut unkept) = (Origins::default(), Vec::new());
    while let Some(message) = worker::receive(from).map_err(ScanError::Answer)? {
        match message {
            Message::Progress(read, total) => progress(read, total),
            Message::Store(kind, key) => {
                let pending = cache.as_ref().map(|cache| cache.begin(kind, key)).transpose();
                receiving = Receiving::Entry(keep(pending, &mut cache_error).flatten());
            }
            Message::Report => receiving = Receiving::Report(Vec::new(), None),
            Message::EarlierReport(isolation) => {
                receiving = Receiving::Report(Vec::new(), Some(isolation));
            }
            Message::Index => receiving = Receiving::Index(Vec::new()),
            Message::Chunk(bytes) => match &mut receiving {
                Receiving::Nothing => {}
                Receiving::Report(whole, _) | Receiving::Index(whole) => {
                    if whole.len() + bytes.len() > MAX_ANSWER {
                        return Err(ScanError::Answer(io::Error::other("it is longer than 2 GiB")));
                    }
                    whole.extend_from_slice(&bytes);
                }
                Receiving::Entry(pending) => {
                    if let Some(mut entry) = pending.take()
                        && keep(entry.write_all(&bytes), &mut cache_error).is_some()
                    {
                        *pending = Some(entry);
                    }
                }
            },
            Message::End => match std::mem::replace(&mut receiving, Receiving::Nothing) {
                Receiving::Entry(Some(entry)) if matches!(job.work, Work::Snapshots { .. }) => {
                    unkept.push(entry);
                }
                Receiving::Entry(Some(entry)) => _ = keep(entry.finish(), &mut cache_error),
                Receiving::Report(bytes, earlier) => {
                    let mut told = worker::read_report(&bytes).map_err(ScanError::Answer)?;
                    if let Some(isolation) = earlier {
                        (told.created, told.isolation) = (job.now, isolation);
                        if let Some(image) = &mut told.target.image {
                            image.verification = Verification::VerifiedEarlier;
                        }
                    }
                    report = Some(told);
                }
                Receiving::Index(bytes) => {
                    let parsed =
                        postcard::from_bytes(&bytes).map_err(|e| ScanError::Answer(io::Error::other(e)))?;
                    index = Some(parsed);
                }
                Receiving::Entry(None) | Receiving::Nothing => {}
            },
            Message::Layers(_) => {}
            Message::Origins(told) => origins = told,
            Message::Failed(message, hint) => return Err(refused(&message, hint)),
            Message::Done(worker_peak_kib) => {
                return Ok(report.map(|report| Scanned {
                    report,
                    index,
                    worker_peak_kib,
                    cache_error,
                    origins,
                    unkept,
                }));
            }
        }
    }
    Ok(None)
}

/// A cache that cannot be written costs time, not the scan. The first reason is kept.
fn keep<T>(result: io::Result<T>, error: &mut Option<String>) -> Option<T> {
    result.map_err(|e| error.get_or_insert_with(|| e.to_string()).len()).ok()
}

/// Peak memory of this process in KiB.
pub fn own_peak_kib() -> u64 {
    File::open("/proc/self/status").map_or(0, worker::peak_kib)
}
