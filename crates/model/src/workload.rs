//! Who runs: containers, the pods they belong to, and the workloads those belong to.

use crate::digest::Digest;

/// Names a container within one stream of events. 0 is the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerKey(pub u32);

impl ContainerKey {
    /// No container: the host.
    pub const HOST: Self = Self(0);
}

/// A container, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// By what events refer to it.
    pub key: ContainerKey,
    /// The whole id that the runtime gave it: mostly 64 hexadecimal digits.
    pub id: String,
    /// Its name; empty if not known.
    pub name: String,
    /// What runs it.
    pub runtime: Runtime,
    /// Its image.
    pub image: RunImage,
    /// Its labels, by name.
    pub labels: Vec<(String, String)>,
    /// Its pod, if Kubernetes runs it.
    pub pod: Option<Pod>,
    /// What is mounted into it.
    pub mounts: Vec<Mount>,
    /// It has all privileges. `None` if that is not known.
    pub privileged: Option<bool>,
    /// When it was created, in nanoseconds since 1970; 0 if not known.
    pub created: u64,
    /// Its addresses.
    pub addresses: Vec<std::net::IpAddr>,
    /// Not all was known when it started; what is here was filled in later.
    pub late: bool,
    /// What of it is not known, or not wholly: an empty field that is not named here is empty indeed.
    pub unknown: Vec<Property>,
}

/// What may be unknown of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Property {
    /// [`Container::name`].
    Name,
    /// The name of its image.
    Image,
    /// The digest of its image's manifest.
    ImageDigest,
    /// The digest of its image's configuration.
    ImageId,
    /// [`Container::labels`].
    Labels,
    /// [`Container::pod`].
    Pod,
    /// [`Container::mounts`].
    Mounts,
    /// [`Container::privileged`].
    Privileged,
    /// [`Container::created`].
    Created,
    /// [`Container::addresses`].
    Addresses,
}

impl Property {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Image,
        Self::ImageDigest,
        Self::ImageId,
        Self::Labels,
        Self::Pod,
        Self::Mounts,
        Self::Privileged,
        Self::Created,
        Self::Addresses,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Image => "image",
            Self::ImageDigest => "image digest",
            Self::ImageId => "image id",
            Self::Labels => "labels",
            Self::Pod => "pod",
            Self::Mounts => "mounts",
            Self::Privileged => "privileged",
            Self::Created => "created",
            Self::Addresses => "addresses",
        }
    }
}

/// What runs containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// Not known.
    #[default]
    Unknown,
    /// containerd.
    Containerd,
    /// Docker.
    Docker,
    /// podman.
    Podman,
    /// CRI-O.
    Crio,
    /// runc, or one of its kind, by itself.
    Oci,
}

impl Runtime {
    /// The word for it, as Falco has it in `container.type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Containerd => "containerd",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Crio => "cri-o",
            Self::Oci => "oci",
        }
    }
}

/// The image that a container was made from. Empty is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunImage {
    /// The name without tag and digest.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The digest of its manifest, as the runtime tells it.
    pub digest: Option<Digest>,
    /// The digest of its configuration: the image id.
    pub id: Option<Digest>,
}

/// A pod of Kubernetes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// The id of its sandbox.
    pub sandbox: String,
    /// Its labels, by name.
    pub labels: Vec<(String, String)>,
}

/// A mount of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Where it comes from, on the host.
    pub source: String,
    /// Where it is, in the container.
    pub destination: String,
    /// Its options, such as `rbind`.
    pub mode: String,
    /// The container may write to it.
    pub writable: bool,
    /// How mounts travel: `rprivate`.
    pub propagation: String,
}
