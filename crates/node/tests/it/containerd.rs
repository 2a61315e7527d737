//! Debian's containerd with a root of its own, driven by `ctr`.

use crate::{
    machine::{Daemon, LAYOUT_TOOLS, alone, can_run, directory, layout, run},
    stand_in::{Parent, StandIn, knows, unified},
};
use gabion_model::{
    Digest,
    workload::{Property, Runtime},
};
use gabion_node::containers::{Asker, Containers, Heard, Holder, KEEP, Roots, Sockets, Workload};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const NAME: &str = "docker.io/library/app:v1";

struct Containerd {
    home: PathBuf,
    namespace: String,
    _daemon: Daemon,
}

impl Drop for Containerd {
    /// Containers outlive their daemon: those that a failed test has left end here.
    fn drop(&mut self) {
        let left = self.ctr(&self.namespace, "tasks ls -q").output();
        for id in String::from_utf8_lossy(&left.map(|output| output.stdout).unwrap_or_default()).lines() {
            let _ = self.ctr(&self.namespace, &format!("tasks rm -f {id}")).output();
        }
    }
}

impl Containerd {
    /// Started, with the image [`NAME`] in `namespace`.
    fn start(home: &Path, namespace: &str) -> Self {
        layout(home);
        let config = format!(
            "version = 2\nroot = '{0}/root'\nstate = '{0}/state'\n\
             disabled_plugins = ['io.containerd.grpc.v1.cri']\n[grpc]\naddress = '{0}/c.sock'\n",
            home.display()
        );
        fs::write(home.join("config.toml"), config).expect("writes");
        let mut command = Command::new("containerd");
        command.arg("--config").arg(home.join("config.toml"));
        let mut daemon = Daemon::start(&mut command, home.join("log"));
        let socket = home.join("c.sock");
        daemon.until("containerd answers", || {
            Command::new("ctr")
                .arg("-a")
                .arg(&socket)
                .arg("version")
                .output()
                .is_ok_and(|o| o.status.success())
        });
        let this = Self { home: home.to_owned(), namespace: namespace.to_owned(), _daemon: daemon };
        this.import(namespace, NAME);
        this
    }

    /// Imports what is `app:v1` in the layout now, under this name.
    fn import(&self, namespace: &str, name: &str) {
        let tar = self.home.join("v1.tar");
        let _ = fs::remove_file(&tar);
        run(Command::new("skopeo")
            .args(["copy", "-q", "--insecure-policy"])
            .arg(format!("oci:{}/app:v1", self.home.display()))
            .arg(format!("oci-archive:{}:{name}", tar.display())));
        run(self.ctr(namespace, "images import --snapshotter overlayfs").arg(tar));
    }

    fn ctr(&self, namespace: &str, line: &str) -> Command {
        let mut command = Command::new("ctr");
        command.arg("-a").arg(self.home.join("c.sock")).args(["-n", namespace]).args(line.split(' '));
        command
    }

    fn digest(&self, namespace: &str, name: &str) -> Digest {
        let listed = run(&mut self.ctr(namespace, &format!("images ls name=={name}")));
        let digest = listed.split_whitespace().find(|word| word.starts_with("sha256:"));
        digest.expect("a digest").parse().expect("a digest")
    }

    fn roots(&self) -> Roots {
        Roots { tasks: vec![self.home.join("state/io.containerd.runtime.v2.task")], ..Roots::default() }
    }

    fn sockets(&self) -> Sockets {
        Sockets { containerd: vec![self.home.join("c.sock")], ..Sockets::default() }
    }

    fn end(&self, namespace: &str, id: &str) {
        // It may have ended by itself.
        let _ = self.ctr(namespace, &format!("tasks kill -s SIGKILL {id}")).output();
        run(&mut self.ctr(namespace, &format!("tasks rm -f {id}")));
        run(&mut self.ctr(namespace, &format!("containers rm {id}")));
    }
}

fn tools() -> Vec<&'static str> {
    [&["containerd", "ctr", "runc", "skopeo", "ip", "nsenter"][..], &LAYOUT_TOOLS].concat()
}

#[test]
fn a_container_of_ctr_is_named_at_once_and_described_when_containerd_answers() {
    let test = "a_container_of_ctr_is_named_at_once_and_described_when_containerd_answers";
    if !can_run(test, &tools()) {
        return;
    }
    let _turn = alone();
    let (home, namespace) = (directory(), "gabion-ctr");
    let daemon = Containerd::start(home.path(), namespace);
    let _parent = Parent::new(namespace);
    let mut sensor = StandIn::new(daemon.roots(), Some(daemon.sockets()));
    let line = "run -d --snapshotter overlayfs --label tier=web";
    let mount = format!("type=bind,src={},dst=/data,options=rbind:ro", home.path().display());
    let command = &mut daemon.ctr(namespace, line);
    sensor.run(command.args(["--mount", &mount, NAME, "plain", "/bin/busybox", "sleep", "600"]));
    let first = sensor.first("plain").clone();
    assert_eq!((first.name.as_str(), first.runtime, first.late), ("plain", Runtime::Containerd, false));
    assert_eq!((first.privileged, first.pod.is_none()), (Some(false), true));
    let data = first.mounts.iter().find(|mount| mount.destination == "/data").expect("the mount");
    assert_eq!((Path::new(&data.source), data.writable), (home.path(), false));
    assert!(knows(&first, &[Property::Name, Property::Mounts, Property::Privileged, Property::Pod]));
    assert!(!knows(&first, &[Property::Image]), "ctr writes the image's name nowhere: {first:?}");
    assert_eq!(sensor.at(&format!("/{namespace}/plain")), Workload::Container(first.key));

    sensor.until("containerd's answer", |sensor| sensor.current("plain").late.then_some(()));
    let whole = sensor.current("plain");
    assert_eq!((whole.image.repository.as_str(), whole.image.tag.as_str()), ("docker.io/library/app", "v1"));
    assert_eq!(whole.image.digest, Some(daemon.digest(namespace, NAME)));
    assert!(whole.labels.contains(&("tier".to_owned(), "web".to_owned())), "{whole:?}");
    assert!(whole.created > 1_700_000_000_000_000_000);
    assert_eq!(whole.unknown, [Property::ImageId, Property::Addresses], "{whole:?}");
    assert_eq!(sensor.told[&first.key], 2);

    let line = format!("run -d --privileged --snapshotter overlayfs {NAME} strong /bin/busybox sleep 600");
    sensor.run(&mut daemon.ctr(namespace, &line));
    assert_eq!(sensor.first("strong").privileged, Some(true));
    for id in ["plain", "strong"] {
        daemon.end(namespace, id);
    }
    sensor.until("the ends", |sensor| {
        let ended = sensor.first.iter().all(|c| sensor.containers.lived(c.key).expect("is kept").1.is_some());
        ended.then_some(())
    });
    // The same id again is another container.
    let line = format!("run -d --snapshotter overlayfs {NAME} plain /bin/busybox sleep 600");
    sensor.run(&mut daemon.ctr(namespace, &line));
    let again = sensor.first("plain").clone();
    assert_ne!(again.key, first.key);
    assert!(again.mounts.iter().all(|mount| mount.destination != "/data"), "{again:?}");
    daemon.end(namespace, "plain");
    let failures = sensor.containers.failures();
    assert_eq!((failures.unreadable, failures.elsewhere, failures.last.as_deref()), (0, 0, None));
}

#[test]
fn a_container_of_kubernetes_has_its_pod_and_digest_at_once() {
    if !can_run("a_container_of_kubernetes_has_its_pod_and_digest_at_once", &tools()) {
        return;
    }
    let _turn = alone();
    let home = directory();
    let daemon = Containerd::start(home.path(), "k8s.io");
    let uid = "0d206349-0faf-445c-8c3f-2d2153784f15";
    // Dropped in the reverse order.
    let _kubepods = Parent::new("kubepods");
    let _burstable = Parent::new("kubepods/burstable");
    let _pod = Parent::new(&format!("kubepods/burstable/pod{uid}"));
    let mut sensor = StandIn::new(daemon.roots(), Some(daemon.sockets()));
    // The kept table is filled at the start, and again when an image comes.
    let digest = daemon.digest("k8s.io", NAME);
    sensor.until("the image", |sensor| (sensor.images.get(NAME)? == &digest).then_some(()));
    let id = "7bdb1c3dd797f52f143b3d5fe4e95e0ad8934570f588f5a26d4b2e69b876c762";
    let start = |sensor: &mut StandIn| {
        let mut command = daemon.ctr("k8s.io", "run -d --snapshotter overlayfs");
        let notes = [
            "container-type=container",
            "container-name=app",
            &format!("image-name={NAME}"),
            "sandbox-id=f00",
            "sandbox-name=web-1",
            "sandbox-namespace=shop",
        ];
        for note in notes {
            command.arg("--annotation").arg(format!("io.kubernetes.cri.{note}"));
        }
        command.arg("--cgroup").arg(format!("/kubepods/burstable/pod{uid}/{id}"));
        sensor.run(command.args([NAME, id, "/bin/busybox", "sleep", "600"]));
        let first = sensor.first(id).clone();
        daemon.end("k8s.io", id);
        sensor.settle();
        first
    };
    let first = start(&mut sensor);
    assert_eq!((first.runtime, first.name.as_str(), first.late), (Runtime::Containerd, "app", false));
    assert_eq!((first.image.repository.as_str(), first.image.tag.as_str()), ("docker.io/library/app", "v1"));
    assert_eq!(first.image.digest, Some(digest));
    let pod = first.pod.expect("a pod");
    assert_eq!((pod.name.as_str(), pod.namespace.as_str(), pod.uid.as_str()), ("web-1", "shop", uid));
    assert_eq!(pod.sandbox, "f00");

    // The name comes to stand for another image.
    fs::write(home.path().join("mark"), "another\n").expect("writes");
    let umoci = ["insert", "--image", "app:v1", "mark", "/etc/gabion-test"];
    run(Command::new("umoci").args(umoci).current_dir(home.path()));
    let name = "docker.io/library/app:v2";
    daemon.import("k8s.io", name);
    let other = daemon.digest("k8s.io", name);
    assert_ne!(other, digest);
    run(&mut daemon.ctr("k8s.io", &format!("images tag --force {name} {NAME}")));
    sensor.until("the other image", |sensor| (sensor.images.get(NAME)? == &other).then_some(()));
    assert_eq!(start(&mut sensor).image.digest, Some(other));
}

#[test]
fn short_lives_and_many_of_them_are_named_right() {
    if !can_run("short_lives_and_many_of_them_are_named_right", &tools()) {
        return;
    }
    let _turn = alone();
    let (home, namespace) = (directory(), "gabion-short");
    let daemon = Containerd::start(home.path(), namespace);
    let _parent = Parent::new(namespace);
    let mut sensor = StandIn::new(daemon.roots(), None);
    for number in 0..50 {
        let line =
            format!("run --rm --snapshotter overlayfs --label n={number} {NAME} c{number} /bin/busybox true");
        sensor.run(&mut daemon.ctr(namespace, &line));
    }
    sensor.settle();
    assert_eq!(sensor.first.len(), 50);
    for number in 0..50 {
        let container = sensor.first(&format!("c{number}"));
        assert!(knows(container, &[Property::Name, Property::Mounts, Property::Privileged]), "{container:?}");
        assert_eq!(container.labels, [("n".to_owned(), number.to_string())]);
        assert_eq!(container.name, format!("c{number}"));
    }
    // All are kept for ten minutes, and then none.
    let ends: Vec<u64> = sensor
        .first
        .iter()
        .map(|c| sensor.containers.lived(c.key).expect("kept").1.expect("ended"))
        .collect();
    let last = *ends.iter().max().expect("some");
    let first = *ends.iter().min().expect("some");
    sensor.containers.expire(first + KEEP - 1);
    assert_eq!(sensor.containers.all().count(), 50);
    sensor.containers.expire(last + KEEP);
    assert_eq!(sensor.containers.all().count(), 0);
}

#[test]
fn an_address_that_is_given_again_names_each_in_its_time() {
    if !can_run("an_address_that_is_given_again_names_each_in_its_time", &tools()) {
        return;
    }
    let _turn = alone();
    let (home, namespace) = (directory(), "gabion-net");
    let daemon = Containerd::start(home.path(), namespace);
    let _parent = Parent::new(namespace);
    let mut sensor = StandIn::new(daemon.roots(), None);
    let address = "10.201.7.7".parse().expect("an address");
    let mut lives = Vec::new();
    for id in ["one", "two"] {
        sensor.run(
            &mut daemon.ctr(
                namespace,
                &format!("run -d --snapshotter overlayfs {NAME} {id} /bin/busybox sleep 600"),
            ),
        );
        let group = format!("/{namespace}/{id}");
        let pid = StandIn::processes(&group)[0];
        run(Command::new("nsenter").args([
            "-n",
            "-t",
            &pid.to_string(),
            "ip",
            "addr",
            "add",
            "10.201.7.7/32",
            "dev",
            "lo",
        ]));
        run(Command::new("nsenter").args(["-n", "-t", &pid.to_string(), "ip", "link", "set", "lo", "up"]));
        let key = sensor.first(id).key;
        let now = sensor.now();
        assert!(sensor.containers.read_addresses(key, pid, now).expect("reads"));
        assert!(!sensor.containers.read_addresses(key, pid, now).expect("reads"), "nothing has changed");
        assert_eq!(sensor.containers.get(key).expect("kept").addresses, [address]);
        assert!(
            sensor.containers.read_addresses(key, std::process::id(), now).is_err(),
            "is not in the container"
        );
        daemon.end(namespace, id);
        sensor.until("its end", |sensor| sensor.containers.lived(key).expect("kept").1);
        lives.push((key, now, sensor.containers.lived(key).expect("kept").1.expect("ended")));
    }
    for (key, from, to) in lives {
        let only = Holder::Containers(vec![key]);
        assert_eq!(sensor.containers.who(address, from), only);
        assert_eq!(sensor.containers.who(address, to - 1), only);
        assert_eq!(sensor.containers.who(address, to), Holder::Nobody);
    }
    // On the host's network a container has no address of its own.
    let line = format!("run -d --net-host --snapshotter overlayfs {NAME} open /bin/busybox sleep 600");
    sensor.run(&mut daemon.ctr(namespace, &line));
    let key = sensor.first("open").key;
    let pid = StandIn::processes(&format!("/{namespace}/open"))[0];
    assert!(sensor.containers.read_addresses(key, pid, sensor.now()).expect("reads"));
    assert!(sensor.containers.get(key).expect("kept").addresses.is_empty());
    daemon.end(namespace, "open");
}

#[test]
fn containers_that_run_already_are_found_and_a_silent_runtime_is_told() {
    if !can_run("containers_that_run_already_are_found_and_a_silent_runtime_is_told", &tools()) {
        return;
    }
    let _turn = alone();
    let (home, namespace) = (directory(), "gabion-found");
    let daemon = Containerd::start(home.path(), namespace);
    let _parent = Parent::new(namespace);
    run(&mut daemon
        .ctr(namespace, &format!("run -d --snapshotter overlayfs {NAME} early /bin/busybox sleep 600")));
    let mut containers = Containers::new(daemon.roots(), Path::new("/proc")).expect("inotify");
    let found = containers.walk(&unified(), 1);
    assert!(found.unread.is_empty(), "{found:?}");
    let early = containers.all().find(|container| container.id == "early").expect("is found").clone();
    let key = early.key;
    assert!(found.containers.contains(&key));
    assert!(early.addresses.is_empty());
    assert!(knows(&early, &[Property::Addresses]), "they were read: {early:?}");

    let gone = Sockets { containerd: vec![home.path().join("gone.sock")], ..Sockets::default() };
    let asker = Asker::start(gone).expect("a thread");
    let mut questions = containers.questions().into_iter();
    assert!(asker.ask(questions.find(|question| question.key == key).expect("labels are wanted")));
    let heard = asker.wait(std::time::Duration::from_secs(30)).expect("an answer");
    let Heard::Answer(answer) = heard else { panic!("{heard:?}") };
    assert_eq!(containers.answered(&answer), None);
    assert_eq!(containers.failures().last.as_deref(), Some("no containerd daemon answers"));
    assert_eq!(containers.failures().unanswered, 1);
    assert!(!knows(containers.get(key).expect("kept"), &[Property::Image]));
    daemon.end(namespace, "early");
}
