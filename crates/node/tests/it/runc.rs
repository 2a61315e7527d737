//! runc by itself, with a root of its own.

use crate::{
    machine::{alone, can_run, directory, run},
    stand_in::{StandIn, unified},
};
use gabion_model::workload::{Property, Runtime};
use gabion_node::containers::{Roots, Workload};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// A bundle that runs busybox.
fn bundle(at: &Path, arguments: &[&str]) {
    let bin = at.join("rootfs/bin");
    fs::create_dir_all(&bin).expect("makes");
    let busybox =
        ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|p| Path::new(p).exists()).expect("busybox");
    fs::copy(busybox, bin.join("busybox")).expect("copies");
    if !at.join("config.json").exists() {
        run(Command::new("runc").arg("spec").current_dir(at));
    }
    let text = fs::read(at.join("config.json")).expect("reads");
    let mut spec: Value = serde_json::from_slice(&text).expect("JSON");
    spec["process"]["terminal"] = json!(false);
    spec["process"]["args"] = json!(arguments);
    // The defaults may be more than this machine allows.
    spec["process"]["rlimits"] = Value::Null;
    spec["annotations"] = json!({"tier": "web"});
    fs::write(at.join("config.json"), spec.to_string()).expect("writes");
}

#[test]
fn a_container_of_runc_is_named_when_its_state_is_written() {
    if !can_run("a_container_of_runc_is_named_when_its_state_is_written", &["runc", "busybox"]) {
        return;
    }
    let _turn = alone();
    let home = directory();
    let (root, at) = (home.path().join("root"), home.path().join("bundle"));
    fs::create_dir_all(&at).expect("makes");
    let runc = |arguments: &[&str]| {
        let mut command = Command::new("runc");
        command.arg("--root").arg(&root).args(arguments).current_dir(&at);
        // A pipe would be kept open by the container.
        command.stdin(Stdio::null());
        command
    };
    let mut sensor = StandIn::new(Roots { runc: vec![root.clone()], ..Roots::default() }, None);
    bundle(&at, &["/bin/busybox", "true"]);
    for round in 0..20 {
        let id = format!("flash-{round}");
        sensor.run(&mut runc(&["run", &id]));
        let container = sensor.first(&id);
        assert_eq!(
            (container.name.as_str(), container.runtime, container.late),
            (&id[..], Runtime::Oci, false)
        );
        assert_eq!(container.labels, [("tier".to_owned(), "web".to_owned())]);
        assert_eq!(container.privileged, Some(false));
        assert!(container.mounts.iter().any(|mount| mount.destination == "/proc"));
        let unknown = [Property::Image, Property::ImageDigest, Property::ImageId, Property::Addresses];
        assert_eq!(container.unknown, unknown, "{container:?}");
    }

    // A group of the same name elsewhere is not that container.
    bundle(&at, &["/bin/busybox", "sleep", "600"]);
    let log = fs::File::create(home.path().join("log")).expect("a log");
    let mut started = runc(&["run", "-d", "real"]);
    started.stdout(log.try_clone().expect("the log")).stderr(log);
    let child = started.spawn().expect("starts").wait_with_output().expect("ends");
    assert!(child.status.success());
    let own =
        sensor.until("its group", |sensor| sensor.first.iter().rev().find(|c| c.id == "real").map(|c| c.key));
    let stranger = unified().join("gabion-stranger");
    fs::create_dir_all(stranger.join("real")).expect("makes");
    sensor.until("the stranger", |sensor| (sensor.containers.failures().elsewhere == 1).then_some(()));
    assert_eq!(sensor.at("/gabion-stranger/real"), Workload::Host);
    // What is made inside the container belongs to it.
    let inside = sensor.directory(own).join("inside");
    let path = format!("/{}", inside.strip_prefix(unified()).expect("beneath").display());
    fs::create_dir(&inside).expect("makes");
    sensor.settle();
    assert_eq!(sensor.at(&path), Workload::Container(own));
    fs::remove_dir(inside).expect("removes");
    fs::remove_dir(stranger.join("real")).expect("removes");
    fs::remove_dir(stranger).expect("removes");
    run(&mut runc(&["delete", "-f", "real"]));
    sensor.until("its end", |sensor| sensor.containers.lived(own).expect("kept").1);
}
