//! The bundle of a container: the OCI `config.json` that every runtime writes before it starts anything.
//!
//! Read are mounts, capabilities, devices, the control group, and the annotations in which containerd's CRI and CRI-O
//! say which pod and image this is. runc by itself knows no images; whoever makes its bundles can say in [`REF_NAME`],
//! [`IMAGE_ID`] and [`IMAGE_SOURCE`] which one it is.
//!
//! **Privileged** is what `--privileged` makes, whichever runtime calls it so, read from what it does: every device may be
//! used, no path is masked or read-only, and the capabilities that amount to the host are there (`CAP_SYS_ADMIN`,
//! `CAP_SYS_MODULE`, `CAP_SYS_RAWIO`). `--cap-add=ALL` alone is not privileged, as devices and masks remain; nor is a
//! container in a user namespace of its own, or of a rootless runtime: it has no privilege on the host.

use super::draft;
use gabion_model::{
    Container,
    workload::{Mount, Pod},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The annotation that names the image of a plain bundle: `registry.example/shop/web:1.2`.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation with the digest of that image's configuration.
pub const IMAGE_ID: &str = "dev.gabion.image.id";
/// The annotation that says where that image can be read, as `gabion scan` takes it: `oci:/srv/images:shop/web:1.2`.
pub const IMAGE_SOURCE: &str = "dev.gabion.image.source";

/// More mounts than this are not kept.
const MAX_MOUNTS: usize = 4096;

type Annotations = BTreeMap<String, String>;

/// What is read of a `config.json`. Go writes `null` for what is empty.
#[derive(Debug, Default, Deserialize)]
pub struct Bundle {
    annotations: Option<Annotations>,
    process: Option<Process>,
    mounts: Option<Vec<MountSpec>>,
    linux: Option<Linux>,
}

#[derive(Debug, Default, Deserialize)]
struct Process {
    capabilities: Option<Capabilities>,
}

#[derive(Debug, Default, Deserialize)]
struct Capabilities {
    bounding: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct MountSpec {
    destination: String,
    #[serde(default)]
    source: String,
    options: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linux {
    cgroups_path: Option<String>,
    resources: Option<Resources>,
    namespaces: Option<Vec<Namespace>>,
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
struct Resources {
    devices: Option<Vec<DeviceRule>>,
}

#[derive(Debug, Deserialize)]
struct DeviceRule {
    allow: bool,
    #[serde(rename = "type")]
    kind: Option<String>,
    major: Option<i64>,
    minor: Option<i64>,
    access: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Namespace {
    #[serde(rename = "type")]
    kind: String,
}

impl Bundle {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Whether the container that this describes is in the control group `path`.
    ///
    /// `None` if the bundle leaves the place to the runtime. What a bundle says is compared from its end, as it may have
    /// been written in a control group namespace.
    pub fn sits_at(&self, path: &[u8]) -> Option<bool> {
        let said = self.linux.as_ref()?.cgroups_path.as_deref().filter(|said| !said.is_empty())?;
        let below = |tail: &str| path == tail.as_bytes() || path.ends_with(format!("/{tail}").as_bytes());
        let mut fields = said.splitn(3, ':');
        Some(match (fields.next(), fields.next(), fields.next()) {
            // systemd's: the slice, by default one of two, and the scope in it.
            (Some(slice), Some(prefix), Some(id)) => {
                let scope =
                    if prefix.is_empty() { format!("{id}.scope") } else { format!("{prefix}-{id}.scope") };
                let placed =
                    if slice.is_empty() { below(&scope) } else { below(&format!("{slice}/{scope}")) };
                placed || below(said.trim_start_matches('/'))
            }
            _ => below(said.trim_start_matches('/')),
        })
    }

    /// All annotations, which are the only labels that a runtime by itself has.
    pub(super) fn annotations(&self) -> Annotations {
        self.annotations.clone().unwrap_or_default()
    }

    /// The annotations of a plain bundle as labels. What a user says of where an image lies is left out: who reads it may read more
    /// than that user.
    pub(super) fn labels(&self, rootless: bool) -> Annotations {
        let mut all = self.annotations();
        if rootless {
            all.remove(IMAGE_SOURCE);
        }
        all
    }

    /// Annotations that are neither those of Kubernetes' runtimes nor podman's own: `ctr` writes its labels there.
    pub(super) fn plain_annotations(&self) -> Annotations {
        let mut all = self.annotations();
        all.retain(|name, _| {
            !["io.kubernetes.cri", "io.podman.", "io.container."].iter().any(|p| name.starts_with(p))
        });
        all
    }

    /// Puts what this says into a container. `rootless`: its runtime is a user's own.
    pub fn fill(&self, container: &mut Container, rootless: bool) {
        draft::mounts(container, self.mounts());
        draft::privileged(container, !rootless && self.privileged());
        let empty = Annotations::new();
        let annotations = self.annotations.as_ref().unwrap_or(&empty);
        containerd(container, annotations);
        crio(container, annotations);
        if let Some(name) = annotations.get("nerdctl/name") {
            draft::name(container, name);
        }
    }

    /// Puts into a container what the annotations of a plain bundle say of its image. A bundle is its maker's, whom the runtime
    /// obeys; the container cannot change it.
    pub(super) fn fill_image(&self, container: &mut Container) {
        let empty = Annotations::new();
        let annotations = self.annotations.as_ref().unwrap_or(&empty);
        let id = annotation(annotations, IMAGE_ID);
        draft::image_id(container, draft::digest_of(id));
        // In a layout the name of an entry may be a tag only, which names no image.
        let named = annotation(annotations, REF_NAME);
        if named.contains([':', '@']) {
            draft::image(container, named);
        }
    }

    fn mounts(&self) -> Vec<Mount> {
        let specs = self.mounts.as_deref().unwrap_or_default().iter().take(MAX_MOUNTS);
        specs
            .map(|spec| {
                let options = spec.options.as_deref().unwrap_or_default();
                let propagation = options.iter().rev().find(|option| PROPAGATIONS.contains(&option.as_str()));
                Mount {
                    source: spec.source.clone(),
                    destination: spec.destination.clone(),
                    mode: options.join(","),
                    // The last word counts.
                    writable: options
                        .iter()
                        .rev()
                        .find(|o| *o == "ro" || *o == "rw")
                        .is_none_or(|o| o == "rw"),
                    propagation: propagation.cloned().unwrap_or_default(),
                }
            })
            .collect()
    }

    fn privileged(&self) -> bool {
        let Some(linux) = &self.linux else { return false };
        let bounding =
            self.process.as_ref().and_then(|process| process.capabilities.as_ref()?.bounding.as_deref());
        let bounding = bounding.unwrap_or_default();
        let can = |wanted: &str| bounding.iter().any(|capability| capability.eq_ignore_ascii_case(wanted));
        let masked = [&linux.masked_paths, &linux.readonly_paths];
        let own_users = linux.namespaces.iter().flatten().any(|namespace| namespace.kind == "user");
        // The last rule that speaks of all devices.
        let devices = linux.resources.as_ref().and_then(|resources| resources.devices.as_deref());
        let all = devices.unwrap_or_default().iter().rev().find(|rule| rule.speaks_of_all());
        !own_users
            && masked.iter().all(|paths| paths.as_ref().is_none_or(Vec::is_empty))
            && all.is_some_and(|rule| rule.allow)
            && ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO"].into_iter().all(can)
    }
}

const PROPAGATIONS: [&str; 8] =
    ["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"];

impl DeviceRule {
    fn speaks_of_all(&self) -> bool {
        let access = self.access.as_deref().unwrap_or("rwm");
        self.kind.as_deref().is_none_or(|kind| kind.is_empty() || kind == "a")
            && self.major.is_none_or(|n| n < 0)
            && self.minor.is_none_or(|n| n < 0)
            && "rwm".chars().all(|letter| access.contains(letter))
    }
}

/// The annotations of containerd's CRI plugin.
fn containerd(container: &mut Container, annotations: &Annotations) {
    let get = |key: &str| annotations.get(&format!("io.kubernetes.cri.{key}")).cloned().unwrap_or_default();
    let kind = get("container-type");
    if kind.is_empty() {
        return;
    }
    draft::name(
        container,
        if kind == "sandbox" { "POD" } else { annotation(annotations, "io.kubernetes.cri.container-name") },
    );
    draft::image(container, &get("image-name"));
    let (name, namespace, sandbox) = (get("sandbox-name"), get("sandbox-namespace"), get("sandbox-id"));
    if !name.is_empty() {
        draft::pod(
            container,
            Some(Pod { name, namespace, uid: get("sandbox-uid"), sandbox, labels: Vec::new() }),
        );
    }
}

/// The annotations of CRI-O, which keeps labels as JSON in one of them.
fn crio(container: &mut Container, annotations: &Annotations) {
    let get = |key: &str| annotation(annotations, &format!("io.kubernetes.cri-o.{key}")).to_owned();
    // podman writes some of them, too, but not this one.
    let kind = get("ContainerType");
    if kind.is_empty() {
        return;
    }
    let labels: Option<Annotations> = serde_json::from_str(&get("Labels")).ok();
    let label = |key: &str| labels.as_ref().and_then(|labels| labels.get(key)).cloned().unwrap_or_default();
    let sandbox = kind == "sandbox";
    let name = if sandbox { "POD".to_owned() } else { label("io.kubernetes.container.name") };
    draft::name(container, &name);
    draft::image(container, &get("ImageName"));
    draft::image(container, &get("Image"));
    // An id in older versions, a name with a digest in newer ones.
    draft::image(container, &get("ImageRef"));
    draft::created(container, &get("Created"));
    let (name, namespace) = (label("io.kubernetes.pod.name"), label("io.kubernetes.pod.namespace"));
    if !name.is_empty() {
        let id = if sandbox { container.id.clone() } else { get("SandboxID") };
        let own = if sandbox {
            labels.iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
        } else {
            Vec::new()
        };
        let uid = label("io.kubernetes.pod.uid");
        draft::pod(container, Some(Pod { name, namespace, uid, sandbox: id, labels: own }));
    }
    if let Some(labels) = labels {
        draft::labels(container, labels);
    }
}

fn annotation<'a>(annotations: &'a Annotations, key: &str) -> &'a str {
    annotations.get(key).map_or("", String::as_str)
}

/// What is read of the `state.json` of runc.
#[derive(Debug, Default, Deserialize)]
pub struct RuncState {
    #[serde(default)]
    created: String,
    config: Option<RuncConfig>,
    cgroup_paths: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
struct RuncConfig {
    labels: Option<Vec<String>>,
}

impl RuncState {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Where the bundle is.
    pub fn bundle(&self) -> Option<PathBuf> {
        let labels = self.config.as_ref()?.labels.as_deref()?;
        let path = labels.iter().find_map(|label| label.strip_prefix("bundle="))?;
        Path::new(path).is_absolute().then(|| PathBuf::from(path))
    }

    /// When it was created.
    pub(super) fn created(&self) -> &str {
        &self.created
    }

    /// Whether one of its control groups is `path`, in whichever hierarchy.
    pub fn sits_at(&self, path: &[u8]) -> bool {
        let paths = self.cgroup_paths.iter().flat_map(BTreeMap::values);
        path.len() > 1 && paths.into_iter().any(|known| known.as_bytes().ends_with(path))
    }
}

#[cfg(test)]
pub(super) mod tests;
