//! containers/storage, in which podman and CRI-O keep containers: a bundle for each, and a list of all.
//!
//! ```text
//!   GRAPH/overlay-containers/ID/userdata/config.json    the bundle (CRI-O: beneath RUN, too)
//!   GRAPH/overlay-containers/containers.json            names, image, metadata; volatile-containers.json likewise
//!   GRAPH/overlay-images/images.json                    names and digests of the images
//! ```

use super::{
    bundle::Bundle,
    draft,
    images::Images,
    roots::StorageRoot,
    state::{State, StateError},
};
use gabion_model::{Container, workload::Runtime};
use serde::Deserialize;

/// Storage drivers, by whose name the directories are called.
const DRIVERS: [&str; 4] = ["overlay", "vfs", "btrfs", "zfs"];

/// What is read of an entry of `containers.json`.
#[derive(Debug, Deserialize)]
pub struct Entry {
    id: String,
    names: Option<Vec<String>>,
    #[serde(default)]
    image: String,
    #[serde(default)]
    metadata: String,
    #[serde(default)]
    created: String,
}

/// What podman and CRI-O put into an entry, as JSON within the JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Metadata {
    image_name: String,
    image_id: String,
    name: String,
}

impl Entry {
    /// Reads a list.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Self>, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Puts what this says into a container.
    pub fn fill(self, container: &mut Container) {
        let metadata: Metadata = serde_json::from_str(&self.metadata).unwrap_or_default();
        // CRI-O's own names are `k8s_app_web_shop_UID_0`: what the bundle says has been taken already.
        draft::name(container, &metadata.name);
        if let Some(name) = self.names.as_ref().and_then(|names| names.first()) {
            draft::name(container, name);
        }
        draft::image(container, &metadata.image_name);
        draft::image_id(
            container,
            draft::digest_of(&metadata.image_id).or_else(|| draft::digest_of(&self.image)),
        );
        draft::created(container, &self.created);
    }
}

/// Adds what containers/storage says; `path` is the control group. `false` if the container is not one of these.
pub(super) fn read(
    root: &StorageRoot,
    owner: u32,
    path: &[u8],
    container: &mut Container,
    images: &mut Images,
    rootless: bool,
) -> Result<bool, StateError> {
    let graph = State::open(&root.graph, owner)?;
    let run = State::open(&root.run, owner);
    for driver in DRIVERS {
        let name = format!("{driver}-containers/{}/userdata/config.json", container.id);
        let bundle = match graph.json::<Bundle>(&name) {
            Err(error) if error.is_absent() => run.as_ref().ok().map(|run| run.json(&name)),
            other => Some(other),
        };
        let bundle = match bundle {
            None => continue,
            Some(Err(error)) if error.is_absent() => continue,
            Some(bundle) => bundle?,
        };
        if bundle.sits_at(path) == Some(false) {
            return Ok(false);
        }
        bundle.fill(container, rootless);
        if container.runtime == Runtime::Podman {
            // Labels are in podman's database, pods are its own and not Kubernetes'.
            draft::pod(container, None);
        }
        for list in ["containers", "volatile-containers"] {
            match graph.json::<Vec<Entry>>(&format!("{driver}-containers/{list}.json")) {
                Ok(entries) => {
                    if let Some(entry) = entries.into_iter().find(|entry| entry.id == container.id) {
                        entry.fill(container);
                    }
                }
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        match images.of_file(container, &graph, &format!("{driver}-images/images.json")) {
            Err(error) if !error.is_absent() => return Err(error),
            _ => return Ok(true),
        }
    }
    Err(StateError::Absent { path: root.graph.join(&container.id) })
}
