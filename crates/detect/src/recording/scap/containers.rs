//! Containers: named by the control groups of processes, described by events that hold JSON.

use super::event::{Call, until_nul};
use super::processes::narrow;
use gabion_model::workload::{Container, ContainerKey, Mount, Pod, Property, RunImage, Runtime};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Most containers of one recording.
const MAX: usize = 1 << 20;

/// A container as the control groups name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) id: &'a str,
    pub(super) runtime: Runtime,
}

/// The containers of a recording, by their key less one; keys by the first digits of the id.
#[derive(Debug, Default)]
pub(super) struct Containers {
    all: Vec<Container>,
    keys: HashMap<String, ContainerKey>,
    /// Bytes of what was told of them.
    pub(super) told: u64,
}

/// Finds the container in control groups: `cpu=/docker/ID`, each ended by NUL. The id is 64 hexadecimal digits, which the
/// runtimes of Kubernetes put between their name and `.scope`.
pub(super) fn find(cgroups: &[u8]) -> Option<Found<'_>> {
    let paths = cgroups.split(|&byte| byte == 0).filter_map(|path| std::str::from_utf8(path).ok());
    let mut part_of = paths.flat_map(|path| path.rsplit('/').map(move |part| (path, part)));
    part_of.find_map(|(path, part)| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let (prefix, id) = part.rsplit_once(['-', ':']).unwrap_or(("", part));
        let hex = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| Found { id, runtime: runtime(prefix, path) })
    })
}

fn runtime(prefix: &str, path: &str) -> Runtime {
    let known = [
        ("cri-containerd", Runtime::Containerd),
        ("crio", Runtime::Crio),
        ("libpod", Runtime::Podman),
        ("docker", Runtime::Docker),
    ];
    let by = |text: &str| known.iter().find(|(word, _)| text.contains(word)).map(|&(_, runtime)| runtime);
    by(prefix).or_else(|| by(path)).unwrap_or_default()
}

impl Containers {
    /// The key of a container, and whether it is new. `None` if there are too many.
    pub(super) fn key(&mut self, found: Found<'_>) -> Option<(ContainerKey, bool)> {
        if let Some(key) = self.find(found.id) {
            return Some((key, false));
        }
        let key = self.add(Container {
            id: found.id.to_owned(),
            runtime: found.runtime,
            unknown: Property::ALL.to_vec(),
            ..Container::default()
        })?;
        Some((key, true))
    }

    /// The container of a key.
    pub(super) fn get(&self, key: ContainerKey) -> Option<&Container> {
        self.all.get(usize::try_from(key.0).ok()?.checked_sub(1)?)
    }

    fn find(&self, id: &str) -> Option<ContainerKey> {
        self.keys.get(short(id)).copied()
    }

    fn add(&mut self, mut container: Container) -> Option<ContainerKey> {
        if self.all.len() >= MAX {
            return None;
        }
        let key = ContainerKey(u32::try_from(self.all.len()).ok()? + 1);
        container.key = key;
        self.keys.insert(short(&container.id).to_owned(), key);
        self.all.push(container);
        Some(key)
    }

    /// Takes what an event tells of a container: JSON, or, in the oldest, four parameters. `None` if it says nothing that
    /// can be understood.
    pub(super) fn told(&mut self, call: Call<'_, '_>) -> Option<ContainerKey> {
        let mut told = match call.raw("json").or_else(|| call.raw("data")) {
            Some(json) => {
                self.told += json.len() as u64;
                let Told { container } = serde_json::from_slice(until_nul(json)).ok()?;
                Container::from(container)
            }
            None => Container {
                id: lossy(call.text("id")?),
                name: lossy(call.text("name").unwrap_or_default()),
                runtime: runtime_of(call.int("type").unwrap_or(-1)),
                image: image(&lossy(call.text("image").unwrap_or_default())),
                ..Container::default()
            },
        };
        let Some(key) = self.find(&told.id) else { return self.add(told) };
        let old = self.all.get_mut(usize::try_from(key.0).ok()?.checked_sub(1)?)?;
        told.key = key;
        if told.id.len() < old.id.len() {
            told.id.clone_from(&old.id);
        }
        told.late = true;
        *old = told;
        Some(key)
    }
}

/// The first 12 digits: all that people see, and some events have.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[derive(Deserialize)]
struct Told {
    container: Json,
}

/// A container as Falco writes it.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Json {
    id: String,
    full_id: String,
    #[serde(rename = "type")]
    kind: i64,
    name: String,
    image: String,
    imageid: String,
    imagerepo: String,
    imagetag: String,
    imagedigest: String,
    privileged: Option<bool>,
    created_time: i64,
    ip: String,
    #[serde(rename = "Mounts")]
    mounts: Vec<JsonMount>,
    labels: BTreeMap<String, String>,
    pod_sandbox_id: String,
    pod_sandbox_labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct JsonMount {
    source: String,
    destination: String,
    mode: String,
    #[serde(rename = "RW")]
    writable: bool,
    propagation: String,
}

impl From<Json> for Container {
    fn from(from: Json) -> Self {
        let Json {
            id,
            full_id,
            kind,
            name,
            image: image_name,
            imageid,
            imagerepo,
            imagetag,
            imagedigest,
            privileged,
            created_time,
            ip,
            mounts,
            labels,
            pod_sandbox_id,
            pod_sandbox_labels,
        } = from;
        let named = image(&image_name);
        let digest = |hex: &str| hex.parse().ok();
        let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
        let pod = labels.contains_key("io.kubernetes.pod.name").then(|| Pod {
            name: label("io.kubernetes.pod.name"),
            namespace: label("io.kubernetes.pod.namespace"),
            uid: label("io.kubernetes.pod.uid"),
            sandbox: pod_sandbox_id,
            labels: pod_sandbox_labels.unwrap_or_default().into_iter().collect(),
        });
        Self {
            key: ContainerKey::HOST,
            id: if full_id.is_empty() { id } else { full_id },
            name,
            runtime: runtime_of(kind),
            image: RunImage {
                repository: if imagerepo.is_empty() { named.repository } else { imagerepo },
                tag: if imagetag.is_empty() { named.tag } else { imagetag },
                digest: digest(&imagedigest),
                id: digest(&imageid).or_else(|| digest(&format!("sha256:{imageid}"))),
            },
            pod,
            mounts: mounts.into_iter().map(Mount::from).collect(),
            privileged,
            created: u64::try_from(created_time).unwrap_or_default().saturating_mul(1_000_000_000),
            addresses: ip.parse().into_iter().filter(|ip: &std::net::IpAddr| !ip.is_unspecified()).collect(),
            late: false,
            unknown: Vec::new(),
            labels: labels.into_iter().collect(),
        }
    }
}

impl From<JsonMount> for Mount {
    fn from(JsonMount { source, destination, mode, writable, propagation }: JsonMount) -> Self {
        Self { source, destination, mode, writable, propagation }
    }
}

/// Splits `docker.io/library/nginx:1.27`.
fn image(name: &str) -> RunImage {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    // A colon before the last slash belongs to the port of a registry.
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    };
    RunImage { repository: repository.to_owned(), tag: tag.to_owned(), ..RunImage::default() }
}

/// Falco's number of a runtime.
fn runtime_of(number: i64) -> Runtime {
    match narrow(u64::try_from(number).unwrap_or(u64::MAX)) {
        0 if number == 0 => Runtime::Docker,
        6 => Runtime::Oci,
        7 => Runtime::Containerd,
        8 => Runtime::Crio,
        11 => Runtime::Podman,
        _ => Runtime::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_found_in_control_groups() {
        let id = "0123456789abcdef".repeat(4);
        for (path, runtime) in [
            (format!("cpuset=/\0cpu=/docker/{id}\0"), Runtime::Docker),
            (format!("cpu=/system.slice/docker-{id}.scope\0"), Runtime::Docker),
            (
                format!("memory=/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope\0"),
                Runtime::Containerd,
            ),
            (format!("memory=/kubepods/burstable/pod1/{id}\0"), Runtime::Unknown),
            (format!("io=/kubepods.slice/crio-{id}.scope\0"), Runtime::Crio),
            (format!("io=/machine.slice/libpod-{id}.scope/container\0"), Runtime::Podman),
            (format!("io=/system.slice:cri-containerd:{id}\0"), Runtime::Containerd),
        ] {
            assert_eq!(find(path.as_bytes()), Some(Found { id: &id, runtime }), "{path}");
        }
        assert_eq!(find(b"cpu=/user.slice\0memory=/\0"), None);
    }

    #[test]
    fn ports_of_registries_are_no_tags() {
        let split = |name| (image(name).repository, image(name).tag);
        assert_eq!(split("nginx:1.27"), ("nginx".to_owned(), "1.27".to_owned()));
        assert_eq!(split("r.example:5000/a/b"), ("r.example:5000/a/b".to_owned(), String::new()));
    }
}
