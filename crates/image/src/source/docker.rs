//! Images and containers of Docker and podman, over the Docker Engine API on a Unix socket.
//!
//! Docker keeps layers in a form of its own, so an image is asked for as `docker save` would: the answer is
//! a docker archive, written to a file as it comes.

use super::{
    Progress, SourceError,
    error::innermost,
    printable,
    snapshot::{Stack, lower_dirs, readable},
    task::RunningContainer,
};
use http::StatusCode;
use reqwest::{Client, Response};
use std::{
    ffi::OsString,
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Where the daemon may be.
#[derive(Clone, Debug, Default)]
pub struct DockerOptions {
    /// `unix:///path` or `tcp://host:port`, in order.
    pub hosts: Vec<String>,
    /// Limit on silence; a large image is silent for long, as Docker collects it first.
    pub read_timeout: Option<Duration>,
}

impl DockerOptions {
    /// `DOCKER_HOST` if that is set; else the sockets of Docker and of podman, the user's own before the system's.
    pub fn from_env(env: &dyn Fn(&str) -> Option<OsString>) -> Self {
        let text = |name| env(name).and_then(|value| value.into_string().ok()).filter(|v| !v.is_empty());
        let hosts = if let Some(host) = text("DOCKER_HOST") {
            vec![host]
        } else {
            let own = text("XDG_RUNTIME_DIR").into_iter().flat_map(|run| {
                [format!("unix://{run}/docker.sock"), format!("unix://{run}/podman/podman.sock")]
            });
            let system = ["unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"];
            own.chain(system.map(str::to_owned)).collect()
        };
        Self { hosts, read_timeout: None }
    }
}

/// Writes an image to the file `to`, as a docker archive, from the first daemon that has it.
///
/// What is not complete has the name `to.partial`, and is removed when that fails.
pub async fn export(
    reference: &str,
    options: &DockerOptions,
    to: &Path,
    progress: &dyn Progress,
) -> Result<PathBuf, SourceError> {
    let reference = checked(reference)?;
    let mut hosts = Vec::new();
    for docker in Docker::connect(options).await? {
        if let Some(image) = docker.image(reference).await? {
            docker.save(reference, image.size, to, progress).await?;
            return Ok(to.to_owned());
        }
        hosts.push(docker.shown);
    }
    Err(SourceError::NotFound {
        host: format!("docker at {}", hosts.join(", ")),
        reference: reference.to_owned(),
    })
}

/// Whether one of the daemons has an image of that name.
pub async fn holds(reference: &str, options: &DockerOptions) -> bool {
    let (Ok(reference), Ok(dockers)) = (checked(reference), Docker::connect(options).await) else {
        return false;
    };
    for docker in dockers {
        if docker.image(reference).await.is_ok_and(|image| image.is_some()) {
            return true;
        }
    }
    false
}

/// A name or an ID, which becomes part of a path: nothing in it may mean something there.
fn checked(reference: &str) -> Result<&str, SourceError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/@[]".contains(c);
    let steps = reference.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if reference.is_empty() || steps || !reference.chars().all(plain) {
        return Err(SourceError::Reference {
            reference: printable(reference),
            reason: "it has characters that no name or ID has".to_owned(),
        });
    }
    Ok(reference)
}

/// One daemon that answers.
pub(super) struct Docker {
    client: Client,
    base: String,
    shown: String,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    #[serde(default)]
    size: u64,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    state: State,
    config: Option<Config>,
    graph_driver: Option<GraphDriver>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    #[serde(default)]
    pid: u32,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GraphDriver {
    #[serde(default)]
    name: String,
    data: Option<GraphData>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GraphData {
    lower_dir: Option<String>,
    upper_dir: Option<String>,
}

/// An answer other than content is read up to here.
const MAX_ANSWER: usize = 16 << 20;

impl Docker {
    /// The daemons that answer, at least one.
    pub(super) async fn connect(options: &DockerOptions) -> Result<Vec<Self>, SourceError> {
        let mut found = Vec::new();
        let mut sockets = Vec::new();
        for host in &options.hosts {
            match Self::at(host, options).await {
                Ok(docker) => found.push(docker),
                Err(reason) => sockets.push(format!("{host} ({reason})")),
            }
        }
        if found.is_empty() {
            return Err(SourceError::NoDaemon { daemon: "docker", sockets });
        }
        Ok(found)
    }

    async fn at(host: &str, options: &DockerOptions) -> Result<Self, String> {
        let builder = Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(options.read_timeout.unwrap_or(Duration::from_mins(10)));
        let (builder, base) = if let Some(path) = host.strip_prefix("unix://") {
            (builder.unix_socket(path), "http://docker".to_owned())
        } else if let Some(address) = host.strip_prefix("tcp://").or_else(|| host.strip_prefix("http://")) {
            (builder, format!("http://{}", address.trim_end_matches('/')))
        } else {
            return Err("only unix:// and tcp:// are supported".to_owned());
        };
        let client = builder.build().map_err(|e| innermost(&e))?;
        let docker = Self { client, base, shown: host.to_owned() };
        let answer = docker.client.get(format!("{}/_ping", docker.base)).send().await;
        answer.map_err(|e| innermost(&e))?;
        Ok(docker)
    }

    async fn get(&self, path: &str) -> Result<Option<Response>, SourceError> {
        let response =
            self.client.get(format!("{}{path}", self.base)).send().await.map_err(|e| self.failed(&e))?;
        match response.status() {
            StatusCode::OK => Ok(Some(response)),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                #[derive(serde::Deserialize)]
                struct Answer {
                    message: String,
                }
                let body = self.read(response).await.unwrap_or_default();
                let message = serde_json::from_slice::<Answer>(&body)
                    .map_or_else(|_| status.to_string(), |a| a.message);
                Err(self.says(&message))
            }
        }
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Option<T>, SourceError> {
        let Some(response) = self.get(path).await? else {
            return Ok(None);
        };
        let body = self.read(response).await?;
        let answer =
            serde_json::from_slice(&body).map_err(|e| self.says(&format!("unexpected answer: {e}")))?;
        Ok(Some(answer))
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, SourceError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(&e))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(self.says("the answer is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn image(&self, reference: &str) -> Result<Option<Image>, SourceError> {
        self.json(&format!("/images/{reference}/json")).await
    }

    async fn save(
        &self,
        reference: &str,
        size: u64,
        to: &Path,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let Some(mut response) = self.get(&format!("/images/{reference}/get")).await? else {
            return Err(SourceError::NotFound {
                host: format!("docker at {}", self.shown),
                reference: reference.to_owned(),
            });
        };
        progress.total(size);
        let mut partial = to.as_os_str().to_owned();
        partial.push(".partial");
        let partial = Removed(PathBuf::from(partial));
        let fail = |e| SourceError::file(&partial.0, e);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial.0)
            .map_err(fail)?;
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failed(&e))? {
            file.write_all(&chunk).map_err(fail)?;
            progress.advance(chunk.len() as u64);
        }
        fs::rename(&partial.0, to).map_err(fail)
    }

    /// A running container by name, ID or the beginning of it.
    pub(super) async fn container(
        &self,
        name: &str,
        proc: &Path,
    ) -> Result<Option<RunningContainer>, SourceError> {
        // Names of Kubernetes have slashes; those of Docker do not.
        let Ok(name) = checked(name) else {
            return Ok(None);
        };
        if name.contains('/') {
            return Ok(None);
        }
        let Some(found) = self.json::<Inspected>(&format!("/containers/{name}/json")).await? else {
            return Ok(None);
        };
        if found.state.pid == 0 {
            return Err(SourceError::NotRunning { id: found.id });
        }
        let stack = found
            .graph_driver
            .filter(|driver| driver.name.starts_with("overlay"))
            .and_then(|driver| driver.data)
            .map(|data| Stack {
                layers: data.lower_dir.map(|dirs| lower_dirs(&dirs)).unwrap_or_default(),
                upper: data.upper_dir.map(PathBuf::from),
            })
            .filter(|stack| stack.layers.iter().all(|directory| readable(directory)))
            .unwrap_or_default();
        let image = found.config.and_then(|c| c.image).filter(|i| !i.is_empty()).unwrap_or(found.image);
        let name = found.name.trim_start_matches('/').to_owned();
        Ok(Some(RunningContainer::new(found.id, name, image, found.state.pid, proc, stack)))
    }

    fn says(&self, reason: &str) -> SourceError {
        SourceError::Daemon { daemon: "docker", socket: self.shown.clone(), reason: printable(reason) }
    }

    fn failed(&self, error: &reqwest::Error) -> SourceError {
        self.says(&innermost(error))
    }
}

/// A file that goes away with this, unless it was renamed before.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_host_stands_alone_and_own_sockets_come_first() {
        let hosts = |pairs: &'static [(&str, &str)]| {
            DockerOptions::from_env(&move |name| {
                let (_, value) = pairs.iter().find(|(n, _)| *n == name)?;
                Some(OsString::from(value))
            })
            .hosts
        };
        assert_eq!(hosts(&[("DOCKER_HOST", "tcp://h:1"), ("XDG_RUNTIME_DIR", "/r")]), ["tcp://h:1"]);
        assert_eq!(
            hosts(&[("XDG_RUNTIME_DIR", "/r")]),
            [
                "unix:///r/docker.sock",
                "unix:///r/podman/podman.sock",
                "unix:///var/run/docker.sock",
                "unix:///run/podman/podman.sock"
            ]
        );
    }

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        for good in ["alpine", "localhost:5000/a/b:v1", "a@sha256:00", "sha256:0123"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in ["", "../info", "a/../b", "a?x=1", "a#b", "a%2f", "/a", "a b", "a\r\nHost: x"] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
