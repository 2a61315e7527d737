//! Debian's podman with a storage of its own.

use crate::{
    machine::{Daemon, LAYOUT_TOOLS, alone, can_run, directory, layout, run},
    stand_in::{Parent, StandIn},
};
use gabion_model::workload::{Property, Runtime};
use gabion_node::containers::{Roots, Sockets, StorageRoot, Workload};
use std::process::Command;

#[test]
fn containers_of_a_real_podman_are_named_from_its_storage() {
    let tools = [&["podman", "runc", "skopeo"][..], &LAYOUT_TOOLS].concat();
    if !can_run("containers_of_a_real_podman_are_named_from_its_storage", &tools) {
        return;
    }
    let _turn = alone();
    let home = directory();
    let at = home.path();
    layout(at);
    // Podman takes no path of more than 50 characters here, which a target directory may well have.
    let short = tempfile::tempdir().expect("a directory");
    let podman = |line: &str| {
        let mut command = Command::new("podman");
        command
            .args(["--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "overlay"])
            .arg("--root")
            .arg(at.join("data"))
            .arg("--runroot")
            .arg(short.path())
            .args(line.split(' '));
        command
    };
    run(Command::new("skopeo")
        .args(["copy", "-q", "--insecure-policy"])
        .arg(format!("oci:{}/app:v1", at.display()))
        .arg(format!("docker-archive:{}/app.tar:app:v1", at.display())));
    run(podman("load -q -i").arg(at.join("app.tar")));
    let image = run(&mut podman("image inspect -f {{.Id}}/{{.Digest}} app:v1"));
    let (image, digest) = image.split_once('/').expect("both");
    let socket = at.join("p.sock");
    let host = format!("unix://{}", socket.display());
    let mut service = Daemon::start(podman("system service --time 0").arg(&host), at.join("log"));
    service.until("podman answers", || socket.exists());
    let _parent = Parent::new("libpod_parent");
    let storage = vec![StorageRoot { graph: at.join("data"), run: short.path().to_owned() }];
    let sockets = Sockets { podman: vec![socket], ..Sockets::default() };
    let mut sensor = StandIn::new(Roots { storage, ..Roots::default() }, Some(sockets));

    // Explicit limits, as this may run where podman's own cannot be set.
    let limits = "--ulimit nofile=512:512 --ulimit nproc=512:512 --network none";
    let line = format!("run -d {limits} --name box --label tier=web -v {}:/data:ro app:v1", at.display());
    let id = sensor.run(&mut podman(&line));
    let first = sensor.first(&id).clone();
    assert_eq!((first.name.as_str(), first.runtime, first.late), ("box", Runtime::Podman, false));
    assert_eq!((first.image.repository.as_str(), first.image.tag.as_str()), ("docker.io/library/app", "v1"));
    assert_eq!(first.image.id.map(|id| id.hex()).as_deref(), Some(image));
    assert_eq!(first.image.digest.map(|digest| digest.to_string()).as_deref(), Some(digest));
    assert_eq!((first.privileged, first.pod.is_none()), (Some(false), true));
    let data = first.mounts.iter().find(|mount| mount.destination == "/data").expect("the mount");
    assert_eq!((data.source.as_str(), data.writable), (at.to_str().expect("text"), false));
    assert_eq!(first.unknown, [Property::Labels, Property::Addresses], "{first:?}");
    assert_eq!(sensor.at(&format!("/libpod_parent/libpod-{id}")), Workload::Container(first.key));
    sensor.until("podman's answer", |sensor| sensor.current(&id).late.then_some(()));
    assert!(sensor.current(&id).labels.contains(&("tier".to_owned(), "web".to_owned())));

    sensor.run(&mut podman("restart -t 0 box"));
    let again = sensor.first(&id).clone();
    assert!(again.key != first.key && again.name == "box", "{again:?}");

    let id = sensor.run(&mut podman(&format!("run -d {limits} --name flash app:v1 /bin/busybox true")));
    assert_eq!(sensor.first(&id).name, "flash");
    let id = sensor.run(&mut podman(&format!("run -d {limits} --privileged --name strong app:v1")));
    assert_eq!(sensor.first(&id).privileged, Some(true));
    run(&mut podman("rm -f -t 0 box flash strong"));
    // The monitors are in a group of their own, and no containers.
    assert!(sensor.first.iter().all(|container| container.runtime == Runtime::Podman), "{:?}", sensor.first);
    let failures = sensor.containers.failures();
    assert_eq!((failures.unreadable, failures.elsewhere, failures.absent), (0, 0, 0), "{failures:?}");
}
