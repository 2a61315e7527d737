//! A container of runc: its root of the layers of an image, its bundle, which says in annotations of which image it is.

use super::{
    estate::TOKEN,
    image::{Built, Layout},
};
use anyhow::{Context, bail};
use gabion_node::containers::{IMAGE_ID, IMAGE_SOURCE, REF_NAME};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};
use std::{
    ffi::CString,
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where runc keeps what runs.
const RUNC: &str = "/run/runc";

/// What a container is to be.
pub(super) struct Wanted<'a> {
    pub(super) id: &'a str,
    pub(super) image: &'a Built,
    pub(super) user: u32,
    /// `NAME=value`, beside what the image says.
    pub(super) environment: Vec<String>,
    /// Its network namespace; this machine's, if none.
    pub(super) network: Option<String>,
    /// What stands for a token of Kubernetes.
    pub(super) token: &'a Path,
}

/// Whether runc knows of one.
pub(super) fn exists(id: &str) -> bool {
    Path::new(RUNC).join(id).exists()
}

/// Whether it has processes.
pub(super) fn runs(id: &str) -> bool {
    let state: Option<Value> = runc(&["state", id]).ok().and_then(|told| serde_json::from_str(&told).ok());
    state.is_some_and(|state| state["status"] == "running" || state["status"] == "paused")
}

/// Starts one. `home`, a directory, is for all that belongs to it; `layout` says where the image is.
pub(super) fn start(
    wanted: &Wanted<'_>,
    home: &Path,
    layout: &Layout,
    directory: &Path,
) -> anyhow::Result<()> {
    let root = home.join("rootfs");
    let told = || format!("cannot make {}", home.display());
    for name in ["upper", "work", "rootfs"] {
        let made = home.join(name);
        fs::create_dir_all(&made).with_context(told)?;
        fs::set_permissions(&made, fs::Permissions::from_mode(0o755)).with_context(told)?;
    }
    let lower: Vec<PathBuf> =
        wanted.image.layers.iter().rev().map(|(layer, _)| layout.layer(*layer)).collect();
    let lower: Vec<String> = lower.iter().map(|path| path.display().to_string()).collect();
    let options = format!("lowerdir={},upperdir={1}/upper,workdir={1}/work", lower.join(":"), home.display());
    let options = CString::new(options)?;
    mount("overlay", &root, "overlay", MountFlags::empty(), Some(options.as_c_str()))
        .with_context(|| format!("cannot mount an overlay on {}", root.display()))?;
    fs::write(home.join("config.json"), spec(wanted, home, directory)?.to_string()).with_context(told)?;

    // A pipe would be kept open by the container.
    let log = home.join("log");
    let out = fs::File::create(&log).with_context(told)?;
    let mut command = Command::new("runc");
    command.args(["run", "--detach", wanted.id]).current_dir(home).stdin(Stdio::null());
    command.stdout(out.try_clone()?).stderr(out);
    if !command.status().context("cannot start runc")?.success() {
        let said = fs::read_to_string(log).unwrap_or_default();
        bail!("runc cannot start {}: {}", wanted.id, said.trim());
    }
    Ok(())
}

/// runc's own default, with what this container is.
fn spec(wanted: &Wanted<'_>, home: &Path, directory: &Path) -> anyhow::Result<Value> {
    let _ = fs::remove_file(home.join("config.json"));
    runc(&["spec", "--bundle", &home.display().to_string()])?;
    let mut spec: Value = serde_json::from_slice(&fs::read(home.join("config.json"))?)?;
    let run = &wanted.image.run;
    let mut environment: Vec<Value> = run["Env"].as_array().cloned().unwrap_or_default();
    environment.extend(wanted.environment.iter().map(|line| json!(line)));
    let process = &mut spec["process"];
    process["terminal"] = json!(false);
    process["args"] = run["Cmd"].clone();
    process["cwd"] = json!(run["WorkingDir"].as_str().unwrap_or("/"));
    process["env"] = json!(environment);
    process["user"] = json!({"uid": wanted.user, "gid": wanted.user});
    // The default may be more than this machine allows.
    process["rlimits"] = Value::Null;
    spec["root"]["readonly"] = json!(false);
    spec["hostname"] = json!(wanted.id);
    let namespaces =
        spec["linux"]["namespaces"].as_array_mut().context("runc's default has no namespaces")?;
    namespaces.retain(|namespace| namespace["type"] != "network");
    if let Some(path) = &wanted.network {
        namespaces.push(json!({"type": "network", "path": path}));
    }
    let mounts = spec["mounts"].as_array_mut().context("runc's default has no mounts")?;
    let options = ["bind", "ro", "nosuid", "nodev"];
    mounts.push(json!({"destination": TOKEN, "type": "bind", "source": wanted.token, "options": options}));
    let mut annotations = run["Labels"].clone();
    let source = format!("oci:{}:{}", directory.join("oci").display(), wanted.image.name);
    annotations[REF_NAME] = json!(wanted.image.name);
    annotations[IMAGE_ID] = json!(wanted.image.id.to_string());
    annotations[IMAGE_SOURCE] = json!(source);
    spec["annotations"] = annotations;
    Ok(spec)
}

/// Ends and removes one, with all that is in `home`, as far as any of it is there.
pub(super) fn stop(id: &str, home: &Path) -> anyhow::Result<()> {
    if exists(id) {
        runc(&["delete", "--force", id])?;
    }
    detach(&home.join("rootfs"))?;
    remove(home)
}

/// Unmounts what is mounted at a path, if anything is.
pub(super) fn detach(path: &Path) -> anyhow::Result<()> {
    use rustix::io::Errno;
    loop {
        match unmount(path, UnmountFlags::DETACH) {
            Ok(()) => {}
            // Nothing is mounted there, or there is no such path.
            Err(Errno::INVAL | Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("cannot unmount {}", path.display())),
        }
    }
}

/// Removes a directory, if it is there.
pub(super) fn remove(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

/// Whether there is a runc.
pub(super) fn is_possible() -> bool {
    runc(&["--version"]).is_ok()
}

fn runc(arguments: &[&str]) -> anyhow::Result<String> {
    let output =
        Command::new("runc").args(arguments).stdin(Stdio::null()).output().context("cannot start runc")?;
    if !output.status.success() {
        bail!("runc {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
