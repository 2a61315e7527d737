//! Docker's own state: `containers/ID/config.v2.json` beneath its data directory, written before the container starts.

use super::{
    draft,
    images::Images,
    roots::DockerRoot,
    state::{State, StateError},
};
use gabion_model::{
    Container,
    workload::{Mount, Pod},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Storage drivers by whose name Docker keeps its list of images.
const DRIVERS: [&str; 6] = ["overlay2", "fuse-overlayfs", "btrfs", "zfs", "vfs", "overlayfs"];

/// What is read of `config.v2.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigV2 {
    #[serde(default)]
    created: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    config: Option<Config>,
    mount_points: Option<BTreeMap<String, MountPoint>>,
}

/// What the container was asked to be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Config {
    image: Option<String>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MountPoint {
    #[serde(default)]
    source: String,
    #[serde(default)]
    destination: String,
    #[serde(default)]
    relabel: String,
    #[serde(default, rename = "RW")]
    writable: bool,
    #[serde(default)]
    propagation: String,
}

/// What is read of `hostconfig.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HostConfig {
    pub(super) privileged: Option<bool>,
}

impl ConfigV2 {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Puts what this says into a container.
    pub fn fill(self, container: &mut Container) {
        draft::name(container, self.name.trim_start_matches('/'));
        draft::image_id(container, self.image.parse().ok());
        draft::created(container, &self.created);
        if let Some(config) = self.config {
            config.fill(container);
        }
        let mounts = self.mount_points.unwrap_or_default().into_values().map(|mount| Mount {
            source: mount.source,
            destination: mount.destination,
            mode: mount.relabel,
            writable: mount.writable,
            propagation: mount.propagation,
        });
        draft::mounts(container, mounts.collect());
    }
}

impl Config {
    /// The name of the image and the labels, with the pod that is in them.
    pub(super) fn fill(self, container: &mut Container) {
        draft::image(container, &self.image.unwrap_or_default());
        let labels = self.labels.unwrap_or_default();
        draft::pod(container, pod(&labels));
        draft::labels(container, labels);
    }
}

/// The pod that the kubelet's labels name.
pub(super) fn pod(labels: &BTreeMap<String, String>) -> Option<Pod> {
    let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
    let name = labels.get("io.kubernetes.pod.name")?.clone();
    Some(Pod {
        name,
        namespace: label("io.kubernetes.pod.namespace"),
        uid: label("io.kubernetes.pod.uid"),
        sandbox: label("io.kubernetes.sandbox.id"),
        labels: Vec::new(),
    })
}

/// Adds what Docker says of one of its containers.
pub(super) fn read(
    root: &DockerRoot,
    owner: u32,
    container: &mut Container,
    images: &mut Images,
) -> Result<(), StateError> {
    let state = State::open(&root.data, owner)?;
    let directory = format!("containers/{}", container.id);
    state.json::<ConfigV2>(&format!("{directory}/config.v2.json"))?.fill(container);
    let host: HostConfig = state.json(&format!("{directory}/hostconfig.json"))?;
    if let Some(privileged) = host.privileged {
        draft::privileged(container, privileged);
    }
    for driver in DRIVERS {
        match images.of_file(container, &state, &format!("image/{driver}/repositories.json")) {
            Err(error) if error.is_absent() => {}
            done => return done,
        }
    }
    Ok(())
}
