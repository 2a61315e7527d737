//! What the sensor and whoever knows containers tell each other: control groups one way, names of containers the other.

use gabion_model::workload::ContainerKey;

/// Something about a control group (version 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupEvent {
    /// Its number, which is that of its directory's inode.
    pub id: u64,
    /// Its path below the root of the hierarchy: `/kubepods/besteffort/pod.../cri-containerd-....scope`.
    pub path: Vec<u8>,
    /// What happened to it.
    pub change: CgroupChange,
    /// When, in nanoseconds since 1970.
    pub time: u64,
}

/// What happens to control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupChange {
    /// It was made. No process has been in it yet.
    Created,
    /// A process was moved into it.
    Attached {
        /// The process.
        pid: u32,
    },
    /// It was removed.
    Removed,
}

/// Knows which container a control group is.
pub trait Cgroups {
    /// Something happened to a control group. It is called before any event from inside a group that was made.
    fn changed(&mut self, event: &CgroupEvent) {
        let _ = event;
    }

    /// The container of a control group, in which something happened at a time in nanoseconds since 1970. It is asked
    /// before every event is told, so it must be quick; what it finds out is known before that event.
    fn key(&mut self, cgroup: u64, time: u64) -> ContainerKey {
        let _ = (cgroup, time);
        ContainerKey::HOST
    }
}

/// Knows no container: all is the host.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostOnly;

impl Cgroups for HostOnly {}
