//! The Docker Engine API: of a server made up here, of Debian's dockerd, and of podman.

use crate::{
    server::{Answer, Server},
    support::{Daemon, Heard, LAYOUT_TOOLS, alone, block_on, can_run, directory, layout, run},
};
use gabion_image::source::{
    SourceError,
    containerd::{ContainerOptions, ContainerdOptions, RunningContainer, container},
    docker::{DockerOptions, export},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn at(hosts: &[&str]) -> DockerOptions {
    DockerOptions { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), read_timeout: None }
}

fn find(name: &str, options: &DockerOptions) -> Result<RunningContainer, SourceError> {
    let containerd = ContainerdOptions {
        socket: "/nonexistent/containerd.sock".into(),
        ..ContainerdOptions::at("2026-01-01T00:00:00Z".parse().expect("a time"))
    };
    let options = ContainerOptions { containerd, docker: options.clone(), proc: PathBuf::from("/proc") };
    block_on(container(name, &options))
}

/// The names in a tar file.
fn names(tar: &Path) -> Vec<String> {
    let mut archive = tar::Archive::new(fs::File::open(tar).expect("opens"));
    archive
        .entries()
        .expect("a tar")
        .map(|entry| entry.expect("an entry").path().expect("a path").to_string_lossy().into_owned())
        .collect()
}

#[test]
fn an_export_is_streamed_to_a_file_that_is_there_only_when_whole() {
    let home = tempfile::tempdir().expect("a directory");
    let server = Server::unix(&home.path().join("d.sock"), |asked| match asked.path.as_str() {
        "/_ping" => Answer::ok("OK"),
        "/images/app:v1/json" | "/images/cut/json" => Answer::ok(r#"{"Id":"sha256:0","Size":5}"#),
        "/images/app:v1/get" => Answer::ok("hello"),
        "/images/cut/get" => Answer::ok("hello").cut(2),
        "/images/sick/json" => Answer::status(500).body(r#"{"message":"no\u0007 disk"}"#),
        "/containers/db/json" => Answer::ok(
            r#"{"Id":"abc","Name":"/db","Image":"sha256:1","Config":{"Image":"postgres:16"},"State":{"Pid":1},
                "GraphDriver":{"Name":"overlay2","Data":{"LowerDir":"/etc:/usr","UpperDir":"/var"}}}"#,
        ),
        "/containers/old/json" => Answer::ok(r#"{"Id":"def","State":{"Pid":0}}"#),
        _ => Answer::status(404),
    });
    let options = at(&["unix:///nonexistent.sock", &server.host]);
    let to = home.path().join("app.tar");
    let heard = Heard::default();
    let path = block_on(export("app:v1", &options, &to, &heard)).expect("exports");
    assert_eq!(fs::read_to_string(path).expect("reads"), "hello");
    assert_eq!(heard.bytes(), (5, 5));

    let to = home.path().join("other.tar");
    for (name, text) in [
        ("cut", "docker at unix://"),
        ("sick", "no  disk"),
        ("none", "has no image none"),
        ("../x", "characters"),
    ] {
        let error = block_on(export(name, &options, &to, &heard)).expect_err(name).to_string();
        assert!(error.contains(text), "{error}");
    }
    let left: Vec<_> = fs::read_dir(home.path()).expect("lists").collect();
    assert_eq!(left.len(), 2, "the socket and the one export: {left:?}");

    let found = find("db", &options).expect("runs");
    assert_eq!((found.name.as_str(), found.image.as_str(), found.pid), ("db", "postgres:16", 1));
    assert_eq!(found.layers, ["/usr", "/etc"].map(PathBuf::from));
    assert_eq!(found.root, PathBuf::from("/proc/1/root"));
    assert!(matches!(find("old", &options), Err(SourceError::NotRunning { .. })));

    let error = block_on(export("app", &at(&["unix:///nonexistent.sock", "ssh://host"]), &to, &heard));
    let error = error.expect_err("nobody there");
    assert!(error.to_string().contains("nonexistent.sock (No such file"), "{error}");
    assert!(error.to_string().contains("ssh://host (only unix:// and tcp://"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("DOCKER_HOST")));
}

/// Exports the image `app:v1` from a daemon and finds the container `box` of it.
fn exam(host: &str, home: &Path) -> RunningContainer {
    let to = home.join("export.tar");
    block_on(export("app:v1", &at(&[host]), &to, &Heard::default())).expect("exports");
    let names = names(&to);
    assert!(names.iter().any(|name| name == "manifest.json"), "{names:?}");
    let error = block_on(export("none:v1", &at(&[host]), &to, &Heard::default())).expect_err("none");
    assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
    let found = find("box", &at(&[host])).expect("runs");
    assert_eq!(found.name, "box");
    assert!(found.root.join("bin/busybox").is_file(), "{found:?}");
    assert_eq!(find(&found.id[..12], &at(&[host])).expect("by ID").id, found.id);
    found
}

#[test]
fn a_real_dockerd_exports_and_tells_of_its_containers() {
    let tools = [&["dockerd", "docker", "containerd", "runc", "skopeo"][..], &LAYOUT_TOOLS].concat();
    if !can_run("a_real_dockerd_exports_and_tells_of_its_containers", &tools) {
        return;
    }
    let _turn = alone();
    let home = directory();
    let at = home.path();
    layout(at);
    let host = format!("unix://{}/d.sock", at.display());
    let mut command = Command::new("dockerd");
    command
        .args(["--iptables=false", "--bridge=none", "-H", &host])
        .arg("--data-root")
        .arg(at.join("data"))
        .arg("--exec-root")
        .arg(at.join("exec"))
        .arg("--pidfile")
        .arg(at.join("pid"));
    let mut daemon = Daemon::start(&mut command, at.join("log"));
    let docker = |line: &str| run(Command::new("docker").args(["-H", &host]).args(line.split(' ')));
    daemon.until("dockerd answers", || {
        let info = Command::new("docker").args(["-H", &host, "version"]).output();
        info.is_ok_and(|output| output.status.success())
    });
    run(Command::new("skopeo")
        .args(["copy", "-q", "--insecure-policy"])
        .arg(format!("oci:{}/app:v1", at.display()))
        .arg(format!("docker-archive:{}/app.tar:app:v1", at.display())));
    docker(&format!("load -i {}/app.tar", at.display()));
    docker("run -d --network none --name box app:v1");
    let found = exam(&host, at);
    docker("rm -f box");
    assert!(found.upper.is_some(), "is on overlay2: {found:?}");
    assert!(found.layers.len() >= 2, "{found:?}");
}

#[test]
fn a_real_podman_exports_and_tells_of_its_containers() {
    let tools = [&["podman", "runc", "skopeo"][..], &LAYOUT_TOOLS].concat();
    if !can_run("a_real_podman_exports_and_tells_of_its_containers", &tools) {
        return;
    }
    let _turn = alone();
    let home = directory();
    let at = home.path();
    layout(at);
    let host = format!("unix://{}/p.sock", at.display());
    // Podman takes no path of more than 50 characters here, which a target directory may well have.
    let short = tempfile::tempdir().expect("a directory");
    let podman = || {
        let mut command = Command::new("podman");
        command
            .args(["--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "overlay"])
            .arg("--root")
            .arg(at.join("data"))
            .arg("--runroot")
            .arg(short.path());
        command
    };
    run(Command::new("skopeo")
        .args(["copy", "-q", "--insecure-policy"])
        .arg(format!("oci:{}/app:v1", at.display()))
        .arg(format!("docker-archive:{}/app.tar:app:v1", at.display())));
    run(podman().args(["load", "-q", "-i"]).arg(at.join("app.tar")));
    let mut service =
        Daemon::start(podman().args(["system", "service", "--time", "0", &host]), at.join("log"));
    service.until("podman answers", || at.join("p.sock").exists());
    // Explicit limits, as this may run where podman's own cannot be set.
    run(podman().args([
        "run",
        "-d",
        "--ulimit",
        "nofile=512:512",
        "--ulimit",
        "nproc=512:512",
        "--network",
        "none",
        "--name",
        "box",
        "app:v1",
    ]));
    exam(&host, at);
    run(podman().args(["rm", "-f", "-t", "0", "box"]));
}
