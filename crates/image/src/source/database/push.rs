//! Puts what was published in a directory into a registry.
//!
//! ```text
//!  manifest.json names blobs ─► those that are not there yet ─► manifest and signature ─► artifact, under the tag
//! ```
//!
//! Broken off anywhere, the tag names what it named before; the next push passes over what is there already.

use super::super::{Progress, Reference, SourceError, blobs::digest_of, registry::RegistryOptions};
use super::{
    artifact::{Artifact, MANIFEST, NOTHING},
    remote::{endpoint, runtime},
};
use gabion_advisory::transfer::{Blob, Manifest};
use gabion_model::Digest;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// One file to send.
struct Sent {
    name: String,
    path: PathBuf,
    digest: Digest,
    size: u64,
}

/// Pushes a directory that [`publish`](gabion_advisory::transfer::publish) made, and gives the digest of the artifact.
/// It waits for the network, so it is not for async code.
pub fn push(
    directory: &Path,
    reference: &Reference,
    options: &RegistryOptions,
    progress: &dyn Progress,
) -> Result<Digest, SourceError> {
    let files = files(directory)?;
    let endpoint = endpoint(reference, options, progress)?;
    let artifact = Artifact::new(files.iter().map(|file| (file.name.clone(), file.digest, file.size)));
    let artifact = artifact.to_bytes();
    let pushed = runtime()?.block_on(async {
        let mut missing = Vec::new();
        for file in &files {
            if !endpoint.has(&file.digest).await? {
                missing.push(file);
            }
        }
        progress.total(missing.iter().map(|file| file.size).sum());
        for file in missing {
            let open = || {
                let opened = File::open(&file.path).map_err(|e| SourceError::file(&file.path, e));
                Ok(tokio::fs::File::from_std(opened?).into())
            };
            endpoint.upload(&file.digest, file.size, &open).await?;
            progress.advance(file.size);
        }
        let nothing = digest_of(NOTHING);
        if !endpoint.has(&nothing).await? {
            endpoint.upload(&nothing, NOTHING.len() as u64, &|| Ok(NOTHING.into())).await?;
        }
        endpoint.tag(&reference.locator(), MANIFEST, &artifact).await
    });
    pushed.map(|()| digest_of(&artifact)).map_err(|error| match error {
        SourceError::Forbidden { host, reference } => {
            let reason = "the login does not allow to push there".to_owned();
            SourceError::Unauthorized { host, reference, reason }
        }
        other => other,
    })
}

/// Manifest, signature and all that the manifest names.
fn files(directory: &Path) -> Result<Vec<Sent>, SourceError> {
    let mut files = Vec::new();
    let mut manifest = Vec::new();
    for name in ["manifest.json.minisig", "manifest.json"] {
        let path = directory.join(name);
        manifest = fs::read(&path).map_err(|e| SourceError::file(&path, e))?;
        let (digest, size) = (digest_of(&manifest), manifest.len() as u64);
        files.push(Sent { name: name.to_owned(), path, digest, size });
    }
    let manifest = Manifest::read(&manifest).map_err(|source| {
        let source = io::Error::new(io::ErrorKind::InvalidData, source);
        SourceError::file(&directory.join("manifest.json"), source)
    })?;
    let blobs: BTreeMap<_, _> = manifest.blobs().map(|blob| (blob.name(), blob)).collect();
    files.extend(blobs.into_iter().map(|(name, Blob { digest, size })| {
        let path = directory.join(&name);
        Sent { name, path, digest, size }
    }));
    Ok(files)
}
