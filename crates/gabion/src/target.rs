//! From the argument of a command to files on this machine that the worker can read.
//!
//! This is the side that has network and credentials; it moves bytes, and looks into none of them.

use crate::{cli::Common, output, progress::Progress};
use anyhow::{Context, anyhow};
use gabion_image::{
    cache::Cache,
    catalog::Scope,
    source::{
        BlobStore, Fetched, Platform, SourceError, SourceKind, Spec, SystemProbe,
        auth::{Credentials, Keychain, Secret},
        containerd::{self, ContainerdImage, ContainerdOptions},
        docker::{self, DockerOptions},
        registry::{self, RegistryOptions},
        task::{self, ContainerOptions},
    },
    worker::Work,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// A target that is on this machine.
pub(crate) struct Local {
    pub(crate) work: Work,
    pub(crate) source: String,
    pub(crate) reference: String,
    /// Removed when the scan is over.
    pub(crate) temporary: Option<Temporary>,
}

/// A file or directory that goes when this is dropped.
pub(crate) struct Temporary(PathBuf);

impl Temporary {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What cannot be removed lies in the cache's `tmp`, where `gabion cache prune` finds it.
        let _ =
            if self.0.is_dir() { std::fs::remove_dir_all(&self.0) } else { std::fs::remove_file(&self.0) };
    }
}

/// Brings the content of a target to this machine, if it is not there yet.
pub(crate) fn bring(
    argument: &str,
    common: &Common,
    cache: Option<&Cache>,
    now: jiff::Timestamp,
) -> anyhow::Result<Local> {
    let env = |name: &str| std::env::var_os(name);
    let platform = common.platform.as_deref().map(parse_platform).transpose()?;
    let remote = &common.remote;
    let containerd = ContainerdOptions {
        socket: remote.containerd_socket.clone(),
        namespaces: remote.containerd_namespace.clone().into_iter().collect(),
        snapshots: !common.verify,
        platform: platform.clone(),
        ..ContainerdOptions::at(now)
    };
    let docker = DockerOptions::from_env(&env);
    let probe = SystemProbe { containerd: containerd.clone(), docker: docker.clone() };
    let spec = Spec::parse(argument, &probe).map_err(told)?;
    if let Some(why) = spec.guessed.as_ref().filter(|_| !common.quiet) {
        output::note(&format!("{}:{} ({why})", spec.kind, spec.reference));
    }
    let is_here = matches!(
        spec.kind,
        SourceKind::DockerArchive
            | SourceKind::OciArchive
            | SourceKind::Oci
            | SourceKind::Dir
            | SourceKind::Sbom
    );
    let progress = Progress::new(common.quiet || is_here, "fetching");
    let mut temporary = None;
    let work = match spec.kind {
        SourceKind::DockerArchive => {
            let (file, name) = split_name(&spec.reference)?;
            Work::DockerArchive { file, name }
        }
        SourceKind::OciArchive => {
            let (file, name) = split_name(&spec.reference)?;
            Work::OciArchive { file, name }
        }
        SourceKind::Oci => {
            let (directory, name) = split_name(&spec.reference)?;
            Work::Layout { directory, name }
        }
        SourceKind::Dir => Work::Root { directory: absolute(&spec.reference)?, scope: scope(common) },
        SourceKind::Sbom => Work::Sbom { file: absolute(&spec.reference)? },
        SourceKind::Registry => {
            let (store, directory, gone) = blob_store(cache)?;
            temporary = gone;
            let options = registry_options(common, platform)?;
            let fetched = wait(registry::fetch(&spec.reference, &options, &store, &progress))?;
            blobs(directory, fetched)
        }
        SourceKind::Containerd => {
            let (store, directory, gone) = blob_store(cache)?;
            temporary = gone;
            match wait(containerd::fetch(&spec.reference, &containerd, &store, &progress))? {
                ContainerdImage::Blobs(fetched) => blobs(directory, fetched),
                ContainerdImage::Snapshots { manifest, config_bytes, tags, layers, .. } => Work::Snapshots {
                    config: config_bytes,
                    manifest,
                    layers: layers.into_iter().map(|layer| layer.dir).collect(),
                    tags,
                },
            }
        }
        SourceKind::Docker => {
            let directory = cache.map_or_else(std::env::temp_dir, |c| c.root().join("tmp"));
            let to = directory.join(format!("docker-save.{}", std::process::id()));
            let file = wait(docker::export(&spec.reference, &docker, &to, &progress))?;
            temporary = Some(Temporary(file.clone()));
            Work::DockerArchive { file, name: None }
        }
        SourceKind::Container => {
            let options = ContainerOptions { containerd, docker, proc: PathBuf::from("/proc") };
            let container = wait(task::container(&spec.reference, &options))?;
            Work::Root { directory: container.root, scope: Some(Scope::Image) }
        }
    };
    Ok(Local { work, source: spec.kind.to_string(), reference: spec.reference, temporary })
}

fn scope(common: &Common) -> Option<Scope> {
    use crate::cli::DirKind;
    common.dir_kind.map(|kind| match kind {
        DirKind::Rootfs => Scope::Image,
        DirKind::Source => Scope::SourceTree,
    })
}

/// The platform an option names.
pub(crate) fn parse_platform(text: &str) -> anyhow::Result<Platform> {
    text.parse().map_err(told).with_context(|| format!("--platform {text}"))
}

fn blobs(directory: PathBuf, fetched: Fetched) -> Work {
    let Fetched { manifest, index, attached, tags, platform: _ } = fetched;
    Work::Blobs { directory, manifest, index, attached, tags }
}

/// Where fetched blobs go: the cache, or a directory that goes when the scan is over.
fn blob_store(cache: Option<&Cache>) -> anyhow::Result<(BlobStore, PathBuf, Option<Temporary>)> {
    if let Some(cache) = cache {
        let directory = cache.root().to_owned();
        return Ok((BlobStore::open(&directory).map_err(told)?, directory, None));
    }
    let directory = std::env::temp_dir().join(format!("gabion.{}", std::process::id()));
    let store = BlobStore::open(&directory).map_err(told)?;
    Ok((store, directory.clone(), Some(Temporary(directory))))
}

fn registry_options(common: &Common, platform: Option<Platform>) -> anyhow::Result<RegistryOptions> {
    let remote = &common.remote;
    let mut keychain = Keychain::from_env(&|name| std::env::var_os(name));
    if let Some(user) = &remote.registry_user {
        let password = std::env::var("GABION_REGISTRY_PASSWORD")
            .context("--registry-user needs the password in GABION_REGISTRY_PASSWORD")?;
        keychain.given = Some(Credentials::Basic { user: user.clone(), password: Secret::new(password) });
    }
    let mut mirrors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mirror in &remote.registry_mirror {
        let (host, mirror) = mirror
            .split_once('=')
            .with_context(|| format!("--registry-mirror {mirror}: expected HOST=MIRROR"))?;
        mirrors.entry(host.to_owned()).or_default().push(mirror.to_owned());
    }
    Ok(RegistryOptions {
        platform,
        mirrors,
        insecure: remote.registry_insecure.clone(),
        authorities: remote.registry_ca.clone(),
        keychain,
        max_layer: common.max_layer_size.saturating_mul(1 << 30),
        ..RegistryOptions::default()
    })
}

/// Runs the network's side to its end.
fn wait<T>(future: impl Future<Output = Result<T, SourceError>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(future).map_err(told)
}

#[expect(clippy::needless_pass_by_value, reason = "it is passed to map_err")]
fn told(error: SourceError) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow!("{error}\nhint: {hint}"),
        // As text: its sources are in it already, and would be told twice.
        None => anyhow!("{error}"),
    }
}

fn absolute(path: &str) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(Path::new(path))?)
}

/// `PATH[:NAME]`: the shortest path that exists, as names may hold colons, too.
fn split_name(reference: &str) -> anyhow::Result<(PathBuf, Option<String>)> {
    let whole = Path::new(reference);
    if !whole.exists() {
        for (at, _) in reference.match_indices(':') {
            let path = Path::new(&reference[..at]);
            if path.exists() {
                return Ok((std::path::absolute(path)?, Some(reference[at + 1..].to_owned())));
            }
        }
    }
    Ok((std::path::absolute(whole)?, None))
}
