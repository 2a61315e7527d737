//! Where the runtimes of this node keep their state: the system's, and those of users who run their own.

use super::state::StateError;
use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

/// A data directory of Docker and what belongs to it.
#[derive(Clone, Debug)]
pub struct DockerRoot {
    /// `/var/lib/docker`.
    pub data: PathBuf,
    /// `/run/docker`.
    pub exec: PathBuf,
}

/// A containers/storage, which podman and CRI-O share.
#[derive(Clone, Debug)]
pub struct StorageRoot {
    /// `/var/lib/containers/storage`.
    pub graph: PathBuf,
    /// `/run/containers/storage`.
    pub run: PathBuf,
}

/// Directories of state, each of which may be missing.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    /// containerd's tasks: `NAMESPACE/ID/config.json` beneath.
    pub tasks: Vec<PathBuf>,
    /// Docker's.
    pub docker: Vec<DockerRoot>,
    /// podman's and CRI-O's.
    pub storage: Vec<StorageRoot>,
    /// runc's own: `ID/state.json` beneath.
    pub runc: Vec<PathBuf>,
    /// Whose files these are.
    pub owner: u32,
}

impl Roots {
    /// Those that the runtimes use unless they are told otherwise.
    pub fn system() -> Self {
        Self {
            tasks: vec![
                "/run/containerd/io.containerd.runtime.v2.task".into(),
                "/run/k3s/containerd/io.containerd.runtime.v2.task".into(),
            ],
            docker: vec![DockerRoot { data: "/var/lib/docker".into(), exec: "/run/docker".into() }],
            storage: vec![StorageRoot {
                graph: "/var/lib/containers/storage".into(),
                run: "/run/containers/storage".into(),
            }],
            runc: vec!["/run/runc".into()],
            owner: 0,
        }
    }

    /// Those of a user's own runtimes. containerd's are in a mount namespace of its own and cannot be told.
    pub fn of_user(user: u32, home: &Path) -> Self {
        let run = PathBuf::from(format!("/run/user/{user}"));
        let share = home.join(".local/share");
        Self {
            tasks: Vec::new(),
            docker: vec![DockerRoot { data: share.join("docker"), exec: run.join("docker") }],
            storage: vec![StorageRoot {
                graph: share.join("containers/storage"),
                run: run.join("containers"),
            }],
            runc: vec![run.join("runc")],
            owner: user,
        }
    }
}

/// More of `/etc/passwd` than this is not read.
const MAX_PASSWD: u64 = 4 << 20;

/// The home directory of a user, by the table of accounts at `passwd`.
pub(super) fn home(passwd: &Path, user: u32) -> Result<Option<PathBuf>, StateError> {
    let failed = |source| StateError::Io { path: passwd.to_owned(), source };
    let mut text = Vec::new();
    let file = std::fs::File::open(passwd).map_err(failed)?;
    gabion_caps::Capped::new(file, "the table of accounts", MAX_PASSWD)
        .read_to_end(&mut text)
        .map_err(failed)?;
    Ok(String::from_utf8_lossy(&text).lines().find_map(|line| {
        // name:password:uid:gid:comment:home:shell
        let mut fields = line.split(':').skip(2);
        let uid: u32 = fields.next()?.parse().ok()?;
        let home = PathBuf::from(fields.nth(2)?);
        (uid == user && home.is_absolute()).then_some(home)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_found_by_uid() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(
            &file,
            "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:7:7::rel:\n",
        )
        .expect("writes");
        let find = |user| home(file.path(), user).expect("reads");
        assert_eq!(find(1000), Some("/home/ann".into()));
        assert_eq!((find(7), find(8)), (None, None));
        assert!(home(Path::new("/nonexistent"), 0).is_err());
    }
}
