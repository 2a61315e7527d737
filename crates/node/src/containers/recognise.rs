//! Which container, or which unit of systemd, a control group belongs to: from its path alone.
//!
//! ```text
//!   /system.slice/docker-ID.scope                                                docker, systemd
//!   /docker/ID                                                                   docker, cgroupfs
//!   /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_I_D.slice/cri-containerd-ID.scope
//!   /kubepods/burstable/podU-I-D/ID                                              any runtime, cgroupfs
//!   /user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope     podman of user 1000
//!   /default/web                                                                 ctr: perhaps a container
//!   /system.slice/nginx.service                                                  a unit
//! ```
//!
//! Read from the root, as whoever is inside a group can make any groups below it: the outermost id is the one that a
//! runtime of this node gave. Where the last name may be an id but need not be (ctr, runc by itself) it is a
//! [`Candidate`], and the runtime's state decides.

use gabion_model::workload::Runtime;

/// Longer paths are no control groups.
const MAX_PATH: usize = 4096;
/// Longer names are no ids: a file name has at most this many bytes.
const MAX_ID: usize = 255;

/// A container as its control group names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerRef {
    /// What runs it; [`Runtime::Unknown`] if the path does not say.
    pub runtime: Runtime,
    /// Its whole id.
    pub id: String,
    /// The user whose runtime this is, if not the system's.
    pub user: Option<u32>,
    /// The uid of its pod, if the path has it.
    pub pod: Option<String>,
}

/// What may be a container of ctr, or of runc by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidate {
    /// What would be its id.
    pub id: String,
    /// The user below whose groups it is.
    pub user: Option<u32>,
}

/// What a path says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A container, or a group within one.
    Container(ContainerRef),
    /// Part of the host, unless it turns out to be a container.
    Host {
        /// The unit: `nginx.service`, `session-3.scope`; `user@1000.service/app.service` for one of a user's own.
        unit: Option<String>,
        /// What may be a container.
        candidate: Option<Candidate>,
    },
}

/// The container that a control group surely belongs to.
pub fn recognise(path: &[u8]) -> Option<ContainerRef> {
    match place(path) {
        Place::Container(found) => Some(found),
        Place::Host { .. } => None,
    }
}

/// What the path of a control group says, seen from the root of its hierarchy.
pub fn place(path: &[u8]) -> Place {
    let mut host = Walk::default();
    if path.len() > MAX_PATH {
        return host.end();
    }
    for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        // Ids and units are ASCII: a name that is no text is neither.
        let Ok(part) = str::from_utf8(part) else {
            host.parent = "";
            host.candidate = None;
            continue;
        };
        if let Some((runtime, id)) = host.container(part) {
            return Place::Container(ContainerRef {
                runtime,
                id: id.to_owned(),
                user: host.user,
                pod: host.pod,
            });
        }
        if monitor(part) {
            host.see(part);
            host.candidate = None;
            return host.end();
        }
        host.see(part);
    }
    host.end()
}

/// What was met on the way down.
#[derive(Default)]
struct Walk<'a> {
    parent: &'a str,
    kubernetes: bool,
    user: Option<u32>,
    pod: Option<String>,
    unit: Option<String>,
    candidate: Option<&'a str>,
}

impl<'a> Walk<'a> {
    /// Whether this name is that of a container, here.
    fn container(&self, part: &'a str) -> Option<(Runtime, &'a str)> {
        if let Some((runtime, id)) = named(part) {
            return Some((runtime, id));
        }
        if !hexadecimal(part) {
            return None;
        }
        match self.parent {
            "docker" => Some((Runtime::Docker, part)),
            _ if self.kubernetes => Some((Runtime::Unknown, part)),
            _ => None,
        }
    }

    fn see(&mut self, part: &'a str) {
        if part == "kubepods" || part == "kubepods.slice" || part.ends_with("-kubepods.slice") {
            self.kubernetes = true;
        }
        if self.kubernetes
            && let Some(uid) = pod_uid(part)
        {
            self.pod = Some(uid);
        }
        let user = part.strip_prefix("user-").and_then(|rest| rest.strip_suffix(".slice"));
        // Only the first: what is further down is made by the user.
        if self.user.is_none()
            && self.parent == "user.slice"
            && let Some(user) = user.and_then(|digits| digits.parse().ok())
        {
            self.user = Some(user);
        }
        // A leading underscore is systemd's escape.
        let name = part.strip_prefix('_').unwrap_or(part);
        let is_unit = ["service", "scope"].contains(&kind(name));
        if is_unit {
            match &mut self.unit {
                None => self.unit = Some(name.to_owned()),
                // A user's own manager has units of its own; what is below any other unit belongs to it.
                Some(unit) if unit.starts_with("user@") && !unit.contains('/') => {
                    unit.push('/');
                    unit.push_str(name);
                }
                Some(_) => {}
            }
        }
        let pod_of_podman = self.parent == "libpod_parent" && hexadecimal(part);
        self.candidate = (!is_unit && kind(part) != "slice" && !pod_of_podman && is_id(part)).then_some(part);
        self.parent = part;
    }

    fn end(self) -> Place {
        let candidate = self.candidate.map(|id| Candidate { id: id.to_owned(), user: self.user });
        Place::Host { unit: self.unit, candidate }
    }
}

/// How the runtimes name the groups of their containers; the drivers add `.scope` or not.
const PREFIXES: [(&str, Runtime); 5] = [
    ("cri-containerd", Runtime::Containerd),
    ("nerdctl", Runtime::Containerd),
    ("docker", Runtime::Docker),
    ("crio", Runtime::Crio),
    ("libpod", Runtime::Podman),
];
/// Likewise, but their ids are anything.
const LOW_LEVEL: [&str; 3] = ["runc", "crun", "youki"];

fn named(part: &str) -> Option<(Runtime, &str)> {
    // A systemd path given to a runtime that uses cgroupfs: `SLICE:PREFIX:ID`, as it is.
    let mut fields = part.rsplitn(3, ':');
    if let (Some(id), Some(prefix), Some(_)) = (fields.next(), fields.next(), fields.next()) {
        let (_, runtime) = PREFIXES.into_iter().find(|(known, _)| *known == prefix)?;
        return hexadecimal(id).then_some((runtime, id));
    }
    let scope = part.strip_suffix(".scope");
    let (prefix, runtime) = PREFIXES
        .into_iter()
        .find(|(prefix, _)| {
            part.strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('-') && !rest.starts_with("-conmon-"))
        })
        .map_or((None, Runtime::Oci), |(prefix, runtime)| (Some(prefix), runtime));
    if let Some(prefix) = prefix {
        let id = &scope.unwrap_or(part)[prefix.len() + 1..];
        return hexadecimal(id).then_some((runtime, id));
    }
    let (prefix, id) = scope?.split_once('-')?;
    (LOW_LEVEL.contains(&prefix) && is_id(id)).then_some((Runtime::Oci, id))
}

/// What systemd calls the kind of a unit: what is behind the last dot.
fn kind(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, kind)| kind)
}

/// The process that watches over a container from outside it.
fn monitor(part: &str) -> bool {
    part == "conmon" || part.starts_with("libpod-conmon-") || part.starts_with("crio-conmon-")
}

/// `pod1b2c...` or `kubepods-burstable-pod1b2c_....slice`, which systemd writes with underscores.
fn pod_uid(part: &str) -> Option<String> {
    let name = part.strip_suffix(".slice").unwrap_or(part);
    let (before, uid) = name.rsplit_once("pod")?;
    let plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-' || byte == b'_';
    let placed = before.is_empty() || before.ends_with('-');
    (placed && (32..=36).contains(&uid.len()) && uid.bytes().all(plain)).then(|| uid.replace('_', "-"))
}

/// 64 lower-case hexadecimal digits, as containerd's CRI, Docker, podman and CRI-O make them.
fn hexadecimal(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// What runc and containerd take for an id: it becomes a file name, and nothing else.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+.-".contains(&byte);
    !text.is_empty() && text.len() <= MAX_ID && text != "." && text != ".." && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
