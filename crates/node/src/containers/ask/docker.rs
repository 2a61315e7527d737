//! Asks Docker, or podman's service: the Docker Engine API on a Unix socket.
//!
//! One `GET` in HTTP/1.0, to which the answer is a head, an empty line and all of the body until the end.

use super::{AskError, MAX_ANSWER, Question, says};
use crate::containers::{
    docker::{Config, HostConfig},
    draft,
};
use gabion_model::{Container, workload::Mount};
use serde::Deserialize;
use std::path::Path;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

/// What is read of `GET /containers/ID/json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    created: String,
    config: Option<Config>,
    host_config: Option<HostConfig>,
    mounts: Option<Vec<MountPoint>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MountPoint {
    #[serde(default)]
    source: String,
    #[serde(default)]
    destination: String,
    #[serde(default)]
    mode: String,
    #[serde(default, rename = "RW")]
    writable: bool,
    #[serde(default)]
    propagation: String,
}

/// What the daemon says of a container.
pub(super) async fn ask(socket: &Path, question: &Question) -> Result<Container, AskError> {
    let failed = |error: std::io::Error| says(socket, &error.to_string());
    let mut stream = UnixStream::connect(socket).await.map_err(|_| AskError::NoDaemon(question.runtime))?;
    let request = format!("GET /containers/{}/json HTTP/1.0\r\nHost: docker\r\n\r\n", question.id);
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER as u64 + 1).read_to_end(&mut answer).await.map_err(failed)?;
    let body = body(&answer, socket, question)?;
    let said: Inspected = serde_json::from_slice(body).map_err(|error| says(socket, &error.to_string()))?;
    let mut container = draft::unknown(question.key, question.runtime, &question.id);
    draft::name(&mut container, said.name.trim_start_matches('/'));
    draft::image_id(&mut container, draft::digest_of(&said.image));
    draft::created(&mut container, &said.created);
    if let Some(config) = said.config {
        config.fill(&mut container);
    }
    if let Some(privileged) = said.host_config.and_then(|config| config.privileged) {
        draft::privileged(&mut container, privileged && question.user.is_none());
    }
    if let Some(mounts) = said.mounts {
        let mount = |mount: MountPoint| Mount {
            source: mount.source,
            destination: mount.destination,
            mode: mount.mode,
            writable: mount.writable,
            propagation: mount.propagation,
        };
        draft::mounts(&mut container, mounts.into_iter().map(mount).collect());
    }
    Ok(container)
}

/// The body of an answer that is a success.
fn body<'a>(answer: &'a [u8], socket: &Path, question: &Question) -> Result<&'a [u8], AskError> {
    if answer.len() > MAX_ANSWER {
        return Err(says(socket, "the answer is too long"));
    }
    let end =
        answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| says(socket, "no HTTP"))?;
    let head = String::from_utf8_lossy(&answer[..end]);
    let status = head.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(&answer[end + 4..]),
        Some("404") => Err(AskError::NotFound(question.runtime)),
        _ => Err(says(socket, status)),
    }
}
