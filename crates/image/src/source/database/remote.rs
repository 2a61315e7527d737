//! Published files over HTTP, piece by piece as [`Chunks`] asks for them, in one request as long as the pieces follow each other.
//!
//! ```text
//!  fetch a..b ─► an answer is open at a? ─► read on ─┐
//!               no ─► GET, Range: bytes=a- ──────────┴► b reached: leave it open ─► fetch b..c
//!                      ▲ broken off: wait, go on from there │
//!                      └────────────────────────────────────┘
//! ```
//!
//! Never more than was asked for, and one piece of the network beyond it, is in memory.

use super::super::{
    Progress, Reference, SourceError,
    endpoint::{Endpoint, Place},
    registry::{RegistryOptions, goes_on},
    retry::Backoff,
};
use super::artifact::Artifact;
use gabion_advisory::transfer::Chunks;
use http::StatusCode;
use reqwest::{Response, Url};
use std::{fmt, io, ops::Range};
use tokio::runtime::{Builder, Runtime};

/// A web server or a registry.
pub(super) struct Remote<'a> {
    runtime: Runtime,
    link: Link<'a>,
}

struct Link<'a> {
    endpoint: Endpoint<'a>,
    options: &'a RegistryOptions,
    layout: Layout<'a>,
    flow: Option<Flow>,
}

/// Where files are.
enum Layout<'a> {
    /// Where their names say.
    Web(&'a Url),
    /// Where the artifact says that was read last.
    Registry(&'a Reference, Option<Artifact>),
}

impl fmt::Display for Layout<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => url.fmt(f),
            Self::Registry(reference, _) => reference.fmt(f),
        }
    }
}

/// An answer that is being read.
struct Flow {
    path: String,
    /// Where in the file the next byte is.
    at: u64,
    response: Response,
    /// What came beyond what was asked for.
    rest: Vec<u8>,
}

impl<'a> Remote<'a> {
    pub(super) fn web(
        url: &'a Url,
        options: &'a RegistryOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, SourceError> {
        Self::new(Endpoint::web(url, options, progress)?, options, Layout::Web(url))
    }

    pub(super) fn registry(
        reference: &'a Reference,
        options: &'a RegistryOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, SourceError> {
        Self::new(endpoint(reference, options, progress)?, options, Layout::Registry(reference, None))
    }

    fn new(
        endpoint: Endpoint<'a>,
        options: &'a RegistryOptions,
        layout: Layout<'a>,
    ) -> Result<Self, SourceError> {
        Ok(Self { runtime: runtime()?, link: Link { endpoint, options, layout, flow: None } })
    }
}

/// What the network's side runs on.
pub(super) fn runtime() -> Result<Runtime, SourceError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(|source| SourceError::File { path: "the runtime".into(), source })
}

/// The registry of a reference.
pub(super) fn endpoint<'a>(
    reference: &Reference,
    options: &'a RegistryOptions,
    progress: &'a dyn Progress,
) -> Result<Endpoint<'a>, SourceError> {
    let place = Place {
        host: &reference.host,
        authority: reference.api_host(),
        repository: &reference.repository,
        mirror_of: None,
        reference: &reference.to_string(),
    };
    Endpoint::new(place, options, progress)
}

impl Chunks for Remote<'_> {
    fn fetch(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let Self { runtime, link } = self;
        runtime.block_on(link.fetch(name, range)).map_err(|error| {
            let kind = match error {
                SourceError::Unpublished { .. } => io::ErrorKind::NotFound,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error)
        })
    }
}

impl Link<'_> {
    async fn fetch(&mut self, name: &str, range: Range<u64>) -> Result<Vec<u8>, SourceError> {
        let done = match self.path(name).await {
            Ok(path) => self.read(path, range).await,
            Err(error) => Err(error),
        };
        done.map_err(|error| match error {
            SourceError::NotFound { .. } => SourceError::Unpublished { place: self.layout.to_string() },
            other => other,
        })
    }

    /// Where a file is.
    async fn path(&mut self, name: &str) -> Result<String, SourceError> {
        let Layout::Registry(reference, artifact) = &mut self.layout else {
            return Ok(name.to_owned());
        };
        if let Some(hex) = name.strip_prefix("blobs/sha256/") {
            return Ok(format!("blobs/sha256:{hex}"));
        }
        // The signature is asked for first, and again after it did not fit: then the tag is looked up anew.
        let known = artifact.take().filter(|_| name == "manifest.json");
        let known = match known {
            Some(known) => known,
            None => Artifact::fetch(&self.endpoint, reference).await?,
        };
        let path = known.path(name);
        *artifact = Some(known);
        path.ok_or_else(|| SourceError::Unpublished { place: self.layout.to_string() })
    }

    /// Asks for a file from one of its bytes on; `None` if it does not have so many.
    async fn begin(&self, path: &str, at: u64) -> Result<Option<Flow>, SourceError> {
        let response = self.endpoint.get(path, None, at).await?;
        let at = match response.status() {
            StatusCode::RANGE_NOT_SATISFIABLE => return Ok(None),
            _ if goes_on(&response, at) => at,
            // A server without ranges sends all of it.
            StatusCode::OK => 0,
            _ => {
                let (host, what) = (self.endpoint.host.clone(), path.to_owned());
                let reason = "it sent another range than asked for".to_owned();
                return Err(SourceError::Interrupted { host, what, reason });
            }
        };
        Ok(Some(Flow { path: path.to_owned(), at, response, rest: Vec::new() }))
    }

    async fn read(&mut self, path: String, range: Range<u64>) -> Result<Vec<u8>, SourceError> {
        let mut bytes = Vec::new();
        let mut backoff = Backoff::new(&self.options.retry);
        loop {
            let at = range.start + bytes.len() as u64;
            let wanted = usize::try_from(range.end.saturating_sub(at)).unwrap_or(usize::MAX);
            if wanted == 0 {
                return Ok(bytes);
            }
            let kept = self.flow.take().filter(|flow| flow.path == path && flow.at <= at);
            let flow = if kept.is_some() { kept } else { self.begin(&path, at).await? };
            let Some(mut flow) = flow else {
                return Ok(bytes);
            };
            // What is here already is passed over.
            let skip = usize::try_from(at - flow.at).unwrap_or(usize::MAX);
            match flow.next(if skip > 0 { skip } else { wanted }).await {
                Ok(piece) if piece.is_empty() => return Ok(bytes),
                Ok(piece) => {
                    if skip == 0 {
                        bytes.extend(piece);
                    }
                    self.flow = Some(flow);
                }
                Err(error) => {
                    let error = self.endpoint.broken(&path, &error);
                    self.endpoint.pause(&mut backoff, error, None).await?;
                }
            }
        }
    }
}

impl Flow {
    /// The next bytes, at most so many; none at the end.
    async fn next(&mut self, wanted: usize) -> Result<Vec<u8>, reqwest::Error> {
        while self.rest.is_empty() {
            match self.response.chunk().await? {
                Some(piece) => self.rest = piece.into(),
                None => return Ok(Vec::new()),
            }
        }
        let beyond = self.rest.split_off(wanted.min(self.rest.len()));
        let piece = std::mem::replace(&mut self.rest, beyond);
        self.at += piece.len() as u64;
        Ok(piece)
    }
}
