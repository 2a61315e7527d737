//! Debian's dockerd with directories of its own.

use crate::{
    machine::{Daemon, LAYOUT_TOOLS, alone, can_run, directory, layout, run},
    stand_in::{Parent, StandIn, knows},
};
use gabion_model::workload::{Property, Runtime};
use gabion_node::containers::{DockerRoot, Roots, Sockets, Workload};
use std::process::Command;

#[test]
fn containers_of_a_real_dockerd_are_named_from_its_state() {
    let tools = [&["dockerd", "docker", "containerd", "runc", "skopeo"][..], &LAYOUT_TOOLS].concat();
    if !can_run("containers_of_a_real_dockerd_are_named_from_its_state", &tools) {
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
    let docker = |line: &str| {
        let mut command = Command::new("docker");
        command.args(["-H", &host]).args(line.split(' '));
        command
    };
    daemon
        .until("dockerd answers", || docker("version").output().is_ok_and(|output| output.status.success()));
    run(Command::new("skopeo")
        .args(["copy", "-q", "--insecure-policy"])
        .arg(format!("oci:{}/app:v1", at.display()))
        .arg(format!("docker-archive:{}/app.tar:app:v1", at.display())));
    run(&mut docker(&format!("load -i {}/app.tar", at.display())));
    let image = run(&mut docker("image inspect -f {{.Id}} app:v1"));
    let _parent = Parent::new("docker");
    let root = DockerRoot { data: at.join("data"), exec: at.join("exec") };
    let roots = Roots { docker: vec![root], ..Roots::default() };
    let mut sensor = StandIn::new(roots.clone(), None);

    let line =
        format!("run -d --network none --name box --label tier=web -v {}:/data:ro app:v1", at.display());
    let id = sensor.run(&mut docker(&line));
    let first = sensor.first(&id).clone();
    assert_eq!((first.name.as_str(), first.runtime, first.late), ("box", Runtime::Docker, false));
    assert_eq!((first.image.repository.as_str(), first.image.tag.as_str()), ("app", "v1"));
    assert_eq!(first.image.id.map(|id| id.to_string()), Some(image.clone()));
    assert_eq!(first.labels, [("tier".to_owned(), "web".to_owned())]);
    assert_eq!((first.privileged, first.pod.is_none()), (Some(false), true));
    let data = first.mounts.iter().find(|mount| mount.destination == "/data").expect("the mount");
    assert_eq!((data.source.as_str(), data.writable), (at.to_str().expect("text"), false));
    // It was loaded, not pulled: no registry gave it a digest.
    assert_eq!(first.unknown, [Property::ImageDigest, Property::Addresses], "{first:?}");
    assert_eq!(sensor.at(&format!("/docker/{id}")), Workload::Container(first.key));

    sensor.run(&mut docker("restart -t 0 box"));
    let again = sensor.first(&id).clone();
    assert_ne!(again.key, first.key);
    assert_eq!((again.name.as_str(), again.created), ("box", first.created));

    // `true` is over before anybody could ask for it.
    let id = sensor.run(&mut docker("run -d --network none --name flash app:v1 /bin/busybox true"));
    let flash = sensor.first(&id).clone();
    assert_eq!((flash.name.as_str(), flash.image.repository.as_str()), ("flash", "app"));

    // Where root lacks a capability, the last step of a privileged container fails: it has been named by then.
    let id = run(&mut docker("create --network none --privileged --name strong app:v1"));
    let mut start = docker("start strong");
    let starting = std::thread::spawn(move || start.output().expect("starts"));
    while !starting.is_finished() {
        sensor.step();
    }
    assert_eq!(sensor.first(&id).privileged, Some(true));

    // Without its directories, the daemon is asked.
    let sockets = Sockets { docker: vec![at.join("d.sock")], ..Sockets::default() };
    let mut blind = StandIn::new(Roots::default(), Some(sockets));
    let id = run(&mut docker("inspect -f {{.Id}} box"));
    assert_eq!(blind.first(&id).unknown.len(), Property::ALL.len(), "{:?}", blind.first(&id));
    blind.until("dockerd's answer", |sensor| sensor.current(&id).late.then_some(()));
    let asked = blind.current(&id);
    assert_eq!(
        (asked.name.as_str(), asked.image.repository.as_str(), &asked.labels),
        ("box", "app", &first.labels)
    );
    assert_eq!(
        (asked.image.id, asked.created, asked.privileged),
        (first.image.id, first.created, Some(false))
    );
    assert!(knows(asked, &[Property::Mounts]));
    run(&mut docker("rm -f box flash strong"));
    let failures = sensor.containers.failures();
    assert_eq!((failures.unreadable, failures.elsewhere, failures.absent), (0, 0, 0), "{failures:?}");
}
