//! Debian's containerd, started with a root of its own, and a container on overlay.

use crate::support::{
    Daemon, Heard, LAYOUT_TOOLS, alone, block_on, can_run, directory, layout, run, wait_for,
};
use gabion_image::source::{
    BlobStore, Probe, SourceError, SourceKind, Spec, SystemProbe,
    blobs::digest_of,
    containerd::{ContainerOptions, ContainerdImage, ContainerdOptions, container, fetch},
    docker::DockerOptions,
};
use gabion_model::Digest;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

struct Containerd {
    socket: PathBuf,
    _daemon: Daemon,
}

impl Containerd {
    fn start(at: &Path) -> Self {
        let socket = at.join("c.sock");
        let config = format!(
            "version = 2\nroot = '{0}/root'\nstate = '{0}/state'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{1}'\n",
            at.display(),
            socket.display()
        );
        fs::write(at.join("config.toml"), config).expect("writes");
        let mut command = Command::new("containerd");
        command.arg("--config").arg(at.join("config.toml"));
        let mut daemon = Daemon::start(&mut command, at.join("log"));
        let this = socket.clone();
        daemon.until("containerd answers", || {
            let version = Command::new("ctr").arg("--address").arg(&this).arg("version").output();
            version.is_ok_and(|output| output.status.success())
        });
        Self { socket, _daemon: daemon }
    }

    fn ctr(&self, namespace: &str, line: &str) -> String {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket).args(["-n", namespace]);
        run(command.args(line.split(' ')))
    }

    fn options(&self) -> ContainerdOptions {
        ContainerdOptions {
            socket: self.socket.clone(),
            ..ContainerdOptions::at("2100-01-01T00:00:00Z".parse().expect("a time"))
        }
    }

    fn container_options(&self) -> ContainerOptions {
        ContainerOptions {
            containerd: self.options(),
            docker: DockerOptions::default(),
            proc: PathBuf::from("/proc"),
        }
    }
}

const NAME: &str = "docker.io/library/app:v1";

/// A daemon with the image [`NAME`] in a namespace, and the one below it as `base:v1`.
fn with_image(at: &Path, namespace: &str) -> Containerd {
    layout(at);
    let daemon = Containerd::start(at);
    for (tag, name) in [("v1", NAME), ("base", "docker.io/library/base:v1")] {
        let tar = format!("{}/{tag}.tar", at.display());
        run(Command::new("skopeo")
            .args(["copy", "-q", "--insecure-policy"])
            .arg(format!("oci:{}/app:{tag}", at.display()))
            .arg(format!("oci-archive:{tar}:{name}")));
        daemon.ctr(namespace, &format!("images import --snapshotter overlayfs {tar}"));
    }
    daemon
}

fn tools() -> Vec<&'static str> {
    [&["containerd", "ctr", "runc", "skopeo"][..], &LAYOUT_TOOLS].concat()
}

#[test]
fn an_unpacked_image_is_read_in_place_and_nothing_is_left_behind() {
    if !can_run("an_unpacked_image_is_read_in_place_and_nothing_is_left_behind", &tools()) {
        return;
    }
    let _turn = alone();
    let home = directory();
    let daemon = with_image(home.path(), "k8s.io");
    let store = BlobStore::open(&home.path().join("cache")).expect("opens");
    let get = |reference: &str, options: &ContainerdOptions| {
        block_on(fetch(reference, options, &store, &Heard::default()))
    };

    let image = get("app:v1", &daemon.options()).expect("is there");
    let ContainerdImage::Snapshots { manifest_bytes, manifest, config_bytes, tags, layers } = image else {
        panic!("is unpacked: {image:?}");
    };
    assert_eq!(digest_of(&manifest_bytes), manifest);
    assert_eq!(tags, [NAME]);
    assert_eq!(layers.len(), 2);
    assert!(layers[0].dir.join("bin/busybox").is_file(), "{layers:?}");
    assert_eq!(fs::read_to_string(layers[1].dir.join("etc/gabion-test")).expect("reads"), "hello\n");
    assert!(String::from_utf8_lossy(&config_bytes).contains(&layers[1].diff_id.to_string()));
    assert_eq!(store.get(&manifest), None, "nothing is copied");
    let snapshots = daemon.ctr("k8s.io", "snapshots --snapshotter overlayfs ls");
    assert!(!snapshots.contains("View"), "{snapshots}");
    assert_eq!(daemon.ctr("k8s.io", "leases ls -q"), "");

    // An image of a single layer, which needs no overlay.
    let base = get("base:v1", &daemon.options()).expect("is there");
    assert!(
        matches!(&base, ContainerdImage::Snapshots { layers: one, .. } if one[..] == layers[..1]),
        "{base:?}"
    );

    // By its digest and by its ID, too; and not by others.
    let id = digest_of(&config_bytes).to_string();
    let pinned = format!("app:v1@{manifest}");
    for reference in [NAME, &manifest.to_string(), &pinned, &id] {
        assert!(
            matches!(get(reference, &daemon.options()), Ok(ContainerdImage::Snapshots { .. })),
            "{reference}"
        );
    }
    let elsewhere = ContainerdOptions { namespaces: vec!["default".to_owned()], ..daemon.options() };
    for (reference, options) in [("none", &daemon.options()), (NAME, &elsewhere), (&id[..], &elsewhere)] {
        let error = get(reference, options).expect_err("is not there");
        assert!(matches!(error, SourceError::NotFound { .. }), "{error}");
    }

    // A bare name is recognised.
    let probe = SystemProbe { containerd: daemon.options(), docker: DockerOptions::default() };
    let spec = Spec::parse("app:v1", &probe).expect("parses");
    assert_eq!((spec.kind, spec.guessed.as_deref()), (SourceKind::Containerd, Some("containerd has it")));
    assert!(!probe.holds(SourceKind::Containerd, "none"));

    // Without snapshots the blobs are copied; and without the blobs there is an error.
    let packed = ContainerdOptions { snapshots: false, ..daemon.options() };
    let ContainerdImage::Blobs(fetched) = get("app:v1", &packed).expect("has the blobs") else {
        panic!("snapshots were not wanted");
    };
    assert_eq!((fetched.manifest, fetched.platform.starts_with("linux/")), (manifest, true));
    let parsed: serde_json::Value = serde_json::from_slice(&manifest_bytes).expect("JSON");
    let blobs: Vec<Digest> = [&parsed["config"], &parsed["layers"][0], &parsed["layers"][1]]
        .map(|descriptor| descriptor["digest"].as_str().expect("a digest").parse().expect("a digest"))
        .to_vec();
    assert!(blobs.iter().all(|blob| store.get(blob).is_some()));
    let other = ContainerdOptions { snapshotter: "no-such".to_owned(), ..daemon.options() };
    assert!(matches!(get("app:v1", &other), Ok(ContainerdImage::Blobs(_))));
    fs::remove_file(store.get(&blobs[2]).expect("there")).expect("removes");
    daemon.ctr("k8s.io", &format!("content rm {}", blobs[2]));
    let error = get("app:v1", &packed).expect_err("a layer is missing");
    assert!(matches!(error, SourceError::MissingContent { digest, .. } if digest == blobs[2]), "{error}");
    assert!(matches!(get("app:v1", &daemon.options()), Ok(ContainerdImage::Snapshots { .. })));
}

#[test]
fn a_running_container_is_found_with_its_process_and_layers() {
    if !can_run("a_running_container_is_found_with_its_process_and_layers", &tools()) {
        return;
    }
    let _turn = alone();
    let home = directory();
    let daemon = with_image(home.path(), "k8s.io");
    let labels = "--label io.kubernetes.container.name=app --label io.kubernetes.pod.name=web-1 \
                  --label io.kubernetes.pod.namespace=shop";
    let start = |id: &str| {
        daemon.ctr(
            "k8s.io",
            &format!("run -d --snapshotter overlayfs {labels} {NAME} {id} /bin/busybox sleep 600"),
        );
    };
    let find = |name: &str| block_on(container(name, &daemon.container_options()));
    start("gabion-first");
    let found = find("gabion-f").expect("by the beginning of its ID");
    assert_eq!(found.id, "gabion-first");
    assert_eq!((found.name.as_str(), found.image.as_str()), ("shop/web-1/app", NAME));
    assert!(found.root.join("bin/busybox").is_file(), "{found:?}");
    assert_eq!(found.layers.len(), 2);
    assert!(found.layers[1].join("etc/gabion-test").is_file(), "{found:?}");
    assert!(found.upper.as_ref().is_some_and(|upper| upper.is_dir()), "{found:?}");
    assert_eq!(find("web-1/app").expect("by pod and container"), found);
    let error = find("nobody").expect_err("is not there").to_string();
    assert!(error.ends_with("has no container \"nobody\""), "{error}");
    start("gabion-second");
    let error = find("app").expect_err("there are two");
    assert!(matches!(&error, SourceError::Ambiguous { candidates, .. } if candidates.len() == 2), "{error}");
    for id in ["gabion-first", "gabion-second"] {
        daemon.ctr("k8s.io", &format!("tasks kill -s SIGKILL {id}"));
        wait_for("the container ends", || find(id).is_err().then_some(()));
        let error = find(id).expect_err("has ended");
        assert!(matches!(error, SourceError::NotRunning { .. }), "{error}");
        daemon.ctr("k8s.io", &format!("tasks rm {id}"));
        daemon.ctr("k8s.io", &format!("containers rm {id}"));
    }
}

#[test]
fn no_daemon_is_told_with_its_socket() {
    let options = ContainerdOptions {
        socket: "/nonexistent/containerd.sock".into(),
        ..ContainerdOptions::at("2026-01-01T00:00:00Z".parse().expect("a time"))
    };
    let home = tempfile::tempdir().expect("a directory");
    let store = BlobStore::open(home.path()).expect("opens");
    let error = block_on(fetch("app", &options, &store, &Heard::default())).expect_err("no daemon");
    let text = error.to_string();
    assert!(
        text.contains("no containerd daemon answers at /nonexistent/containerd.sock (No such file"),
        "{text}"
    );
}
