//! Containers that run on this machine: which image, which process, which directories.

use super::{
    SourceError,
    containerd::{ContainerdOptions, Daemon},
    docker::{Docker, DockerOptions},
    printable,
    snapshot::Stack,
};
use std::path::{Path, PathBuf};

/// A running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningContainer {
    /// Its full identifier.
    pub id: String,
    /// What people call it: `name`, or `namespace/pod/container`.
    pub name: String,
    /// The image it was started from, as the daemon names it.
    pub image: String,
    /// Its first process.
    pub pid: u32,
    /// Its file system as it sees it: `/proc/PID/root`.
    pub root: PathBuf,
    /// The directories of its layers, lowest first; empty where it is not on overlay.
    pub layers: Vec<PathBuf>,
    /// Where its own changes are, on top of them.
    pub upper: Option<PathBuf>,
}

/// Which daemons to ask; each is passed over if it is not there.
#[derive(Clone, Debug)]
pub struct ContainerOptions {
    /// containerd, Kubernetes' included.
    pub containerd: ContainerdOptions,
    /// Docker and podman.
    pub docker: DockerOptions,
    /// `/proc`, as the daemons see it.
    pub proc: PathBuf,
}

/// Finds one by the beginning of its ID, by its name, or in Kubernetes by `[[NAMESPACE/]POD/]CONTAINER`.
pub async fn container(name: &str, options: &ContainerOptions) -> Result<RunningContainer, SourceError> {
    let mut absent = Vec::new();
    match Docker::connect(&options.docker).await {
        Ok(dockers) => {
            for docker in dockers {
                if let Some(found) = docker.container(name, &options.proc).await? {
                    return Ok(found);
                }
            }
        }
        Err(SourceError::NoDaemon { sockets, .. }) => absent.extend(sockets),
        Err(error) => return Err(error),
    }
    let daemon = match Daemon::connect(&options.containerd).await {
        Ok(daemon) => daemon,
        Err(SourceError::NoDaemon { mut sockets, .. }) => {
            sockets.extend(absent);
            return Err(SourceError::NoDaemon { daemon: "container", sockets });
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    let spaces = daemon.spaces().await?;
    for space in &spaces {
        for container in space.containers().await? {
            let label = |key: &str| container.labels.get(key).map(String::as_str);
            if let Some(shown) = goes_by(name, &container.id, &label) {
                found.push((space, container, shown));
            }
        }
    }
    // Kubernetes keeps the container that ended beside the one that replaced it: only those that run count.
    let mut running = Vec::new();
    let mut ended = None;
    for (space, container, shown) in found {
        match space.pid(&container.id).await? {
            Some(pid) => running.push((space, container, shown, pid)),
            None => ended = Some(container.id),
        }
    }
    if running.len() > 1 {
        return Err(SourceError::Ambiguous {
            name: printable(name),
            candidates: running.into_iter().map(|(_, c, shown, _)| format!("{} ({shown})", c.id)).collect(),
        });
    }
    let Some((space, container, shown, pid)) = running.pop() else {
        return Err(match ended {
            Some(id) => SourceError::NotRunning { id },
            None => SourceError::NoContainer {
                place: format!("containerd at {}", options.containerd.socket.display()),
                name: printable(name),
            },
        });
    };
    let stack = space.stack(&container).await.unwrap_or_default();
    Ok(RunningContainer {
        id: container.id,
        name: shown,
        image: container.image,
        pid,
        root: root(&options.proc, pid),
        layers: stack.layers,
        upper: stack.upper,
    })
}

/// Where the file system of a process is.
pub(super) fn root(proc: &Path, pid: u32) -> PathBuf {
    proc.join(pid.to_string()).join("root")
}

impl RunningContainer {
    /// From what Docker tells.
    pub(super) fn new(id: String, name: String, image: String, pid: u32, proc: &Path, stack: Stack) -> Self {
        Self { id, name, image, pid, root: root(proc, pid), layers: stack.layers, upper: stack.upper }
    }
}

/// Whether `wanted` means this container, and if so what people call it.
fn goes_by<'a>(wanted: &str, id: &str, label: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
    // The pause container of a pod has labels as well, but no container name.
    let pod = (|| {
        let container = label("io.kubernetes.container.name")?;
        let pod = label("io.kubernetes.pod.name")?;
        let namespace = label("io.kubernetes.pod.namespace")?;
        Some(format!("{namespace}/{pod}/{container}"))
    })();
    let nerdctl = label("nerdctl/name").map(str::to_owned);
    let shown = pod.clone().or(nerdctl.clone()).unwrap_or_else(|| id.to_owned());
    let ends_with =
        |full: &String| full == wanted || full.strip_suffix(wanted).is_some_and(|head| head.ends_with('/'));
    let by_id = id == wanted || wanted.len() >= 4 && id.starts_with(wanted);
    (by_id || nerdctl.as_deref() == Some(wanted) || pod.as_ref().is_some_and(ends_with)).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_goes_by_id_and_by_the_names_people_use() {
        let pod = |key: &str| match key {
            "io.kubernetes.container.name" => Some("app"),
            "io.kubernetes.pod.name" => Some("web-1"),
            "io.kubernetes.pod.namespace" => Some("shop"),
            _ => None,
        };
        let is = |wanted| goes_by(wanted, "abcdef0123", &pod).as_deref() == Some("shop/web-1/app");
        for wanted in ["app", "web-1/app", "shop/web-1/app", "abcd", "abcdef0123"] {
            assert!(is(wanted), "{wanted}");
        }
        for wanted in ["pp", "1/app", "abc", "web-1", "", "/app"] {
            assert!(!is(wanted), "{wanted}");
        }
        let nerdctl = |key: &str| (key == "nerdctl/name").then_some("db");
        assert_eq!(goes_by("db", "abc", &nerdctl).as_deref(), Some("db"));
        assert_eq!(goes_by("abc", "abc", &|_| None).as_deref(), Some("abc"));
    }
}
