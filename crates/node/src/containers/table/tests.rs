//! Lives of containers, over state that is written as the runtimes do.

use super::{later::within, *};
use crate::containers::{
    ask::{Answer, AskError},
    bundle, draft,
    images::Image,
    roots::{DockerRoot, StorageRoot},
};
use gabion_model::{
    Digest,
    workload::{Property, Runtime},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

const ID: &str = "7bdb1c3dd797f52f143b3d5fe4e95e0ad8934570f588f5a26d4b2e69b876c762";
const POD: &str = "0d206349-0faf-445c-8c3f-2d2153784f15";

struct Node {
    home: TempDir,
    containers: Containers,
}

impl Node {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let at = |name: &str| home.path().join(name);
        let roots = Roots {
            tasks: vec![at("tasks")],
            docker: vec![DockerRoot { data: at("docker"), exec: at("exec") }],
            storage: vec![StorageRoot { graph: at("graph"), run: at("run") }],
            runc: vec![at("runc")],
            owner: rustix::process::getuid().as_raw(),
        };
        let containers = Containers::new(roots, Path::new("/proc")).expect("inotify");
        Self { home, containers }
    }

    fn write(&self, name: &str, value: &Value) {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        fs::write(path, value.to_string()).expect("writes");
    }

    fn task(&self, namespace: &str, id: &str) {
        let bundle = json!({"linux": {"cgroupsPath": format!("/{namespace}/{id}")}});
        self.write(&format!("tasks/{namespace}/{id}/config.json"), &bundle);
    }

    fn appear(&mut self, group: u64, path: &str, now: u64) -> Option<Container> {
        let key = self.containers.appeared(group, path.as_bytes(), now)?;
        self.containers.get(key).cloned()
    }
}

#[test]
fn a_container_of_crio_is_named_from_its_documented_state() {
    for (place, path) in [
        ("graph", format!("/kubepods.slice/kubepods-pod{0}.slice/crio-{ID}.scope", POD.replace('-', "_"))),
        ("run", format!("/kubepods/pod{POD}/{ID}")),
    ] {
        let mut node = Node::new();
        let (image, digest) = (Digest::sha256([7; 32]), Digest::sha256([8; 32]));
        let mut config = bundle::tests::crio("container", &image.hex());
        let scope = format!("kubepods-pod{}.slice:crio:{ID}", POD.replace('-', "_"));
        config["linux"]["cgroupsPath"] = json!(if place == "graph" { scope } else { path.clone() });
        node.write(&format!("{place}/overlay-containers/{ID}/userdata/config.json"), &config);
        let metadata = json!({"pod-name": "web-1", "image-name": "other", "name": "k8s_app_web-1_shop_0"});
        let entry = json!([{"id": ID, "names": ["k8s_app_web-1_shop_0"], "image": image.hex(), "metadata": metadata.to_string()}]);
        node.write("graph/overlay-containers/containers.json", &entry);
        let images =
            json!([{"id": image.hex(), "digest": digest, "names": ["registry.example/shop/web:1.2"]}]);
        node.write("graph/overlay-images/images.json", &images);
        let found = node.appear(1, &path, 5).expect("a container");
        assert_eq!((found.name.as_str(), found.runtime), ("app", Runtime::Crio));
        assert_eq!(
            (found.image.repository.as_str(), found.image.digest),
            ("registry.example/shop/web", Some(digest))
        );
        assert_eq!(found.pod.expect("a pod").uid, POD);
        assert_eq!(found.unknown, [Property::Addresses]);
        assert!(node.containers.questions().is_empty(), "nothing is left to ask");
    }
}

#[test]
fn groups_within_belong_to_the_container_and_those_elsewhere_do_not() {
    let mut node = Node::new();
    node.task("default", "web");
    assert_eq!(node.appear(1, "/default", 1), None);
    let web = node.appear(2, "/default/web", 2).expect("a container").key;
    assert_eq!(node.appear(3, "/default/web/default/web", 3), None);
    assert_eq!(node.appear(4, &format!("/default/web/docker-{ID}.scope"), 3), None);
    for group in 2..5 {
        assert_eq!(node.containers.at(group), Workload::Container(web));
    }
    assert_eq!(node.appear(5, "/mine/web", 3), None);
    assert_eq!(node.appear(6, "/system.slice/nginx.service", 3), None);
    assert_eq!(node.appear(7, "/system.slice/nginx.service/web", 3), None);
    assert_eq!(node.containers.at(5), Workload::Host);
    assert_eq!(node.containers.at(7), Workload::Unit("nginx.service"));
    assert_eq!(node.containers.at(8), Workload::Unknown);
    // A service that borrows the name of a container of Docker.
    node.write(
        &format!("tasks/moby/{ID}/config.json"),
        &json!({"linux": {"cgroupsPath": format!("/docker/{ID}")}}),
    );
    assert_eq!(node.appear(9, &format!("/system.slice/evil.service/docker-{ID}.scope"), 4), None);
    assert_eq!(node.containers.at(9), Workload::Host);
    assert_eq!(node.containers.failures().elsewhere, 1);
    assert!(node.appear(10, &format!("/docker/{ID}"), 4).is_some());
}

#[test]
fn lives_are_intervals_and_end_after_ten_minutes() {
    let mut node = Node::new();
    node.task("default", "web");
    let first = node.appear(1, "/default/web", 10).expect("a container").key;
    node.containers.removed(1, 20);
    assert_eq!(node.containers.lived(first), Some((10, Some(20))));
    let second = node.appear(2, "/default/web", 30).expect("another").key;
    assert_ne!(first, second);
    assert_eq!(
        [node.containers.at(1), node.containers.at(2)],
        [Workload::Container(first), Workload::Container(second)]
    );
    node.containers.expire(20 + KEEP - 1);
    assert!(node.containers.get(first).is_some());
    node.containers.expire(20 + KEEP);
    assert!(node.containers.get(first).is_none());
    assert_eq!(node.containers.at(1), Workload::Unknown);
    assert_eq!(node.containers.lived(second), Some((30, None)));
}

#[test]
fn too_many_ended_ones_are_forgotten_and_counted() {
    let mut node = Node::new();
    node.task("default", "web");
    for number in 0..=MAX_ENDED as u64 {
        assert!(node.appear(number, "/default/web", number).is_some());
        node.containers.removed(number, number);
        node.containers.questions();
    }
    assert_eq!(node.containers.all().count(), MAX_ENDED);
    assert_eq!(node.containers.failures().forgotten, 1);
}

#[test]
fn state_that_comes_late_is_told_again() {
    let mut node = Node::new();
    let path = format!("/libpod_parent/libpod-{ID}");
    let first = node.appear(1, &path, 1).expect("a container for sure");
    assert_eq!((first.id.as_str(), first.late, first.unknown.len()), (ID, false, Property::ALL.len()));
    assert!(node.containers.waits(1));
    assert_eq!(node.containers.settle(1, 2), None, "not yet");
    node.appear(2, &format!("{path}/container"), 2);
    let config = json!({"linux": {"cgroupsPath": path}, "mounts": [{"destination": "/data"}]});
    node.write(&format!("graph/overlay-containers/{ID}/userdata/config.json"), &config);
    assert_eq!(node.containers.settle(2, 3), Some(first.key), "told by a process in a group below");
    let now = node.containers.get(first.key).expect("kept");
    assert!(now.late && now.mounts.len() == 1);
    assert!(!node.containers.waits(2));

    let never =
        node.appear(3, "/libpod_parent/libpod-NEVER".replace("NEVER", &ID.replace('7', "8")).as_str(), 4);
    assert!(never.is_some());
    for _ in 0..MAX_TRIES {
        assert_eq!(node.containers.settle(3, 5), None);
    }
    assert!(!node.containers.waits(3));
    assert_eq!(node.containers.failures().absent, 1);
}

#[test]
fn runc_is_waited_for_until_its_state_is_written() {
    let mut node = Node::new();
    fs::create_dir_all(node.home.path().join("runc/web")).expect("makes");
    assert_eq!(node.appear(1, "/web", 1), None);
    assert_eq!(node.appear(2, "/web/below", 1), None);
    assert_eq!(node.containers.at(1), Workload::Host);
    assert!(node.containers.waits(1) && node.containers.waits(2));
    assert!(node.containers.written(2).is_empty());
    let bundle = node.home.path().join("bundle");
    node.write("bundle/config.json", &json!({"annotations": {"a": "b"}}));
    let state = json!({
        "created": "1970-01-01T00:00:01Z",
        "config": {"labels": [format!("bundle={}", bundle.display())]},
        "cgroup_paths": {"": "/sys/fs/cgroup/unified/web"},
    });
    node.write("runc/web/state.json", &state);
    let told = node.containers.written(3);
    let [key] = told[..] else { panic!("one: {told:?}") };
    let web = node.containers.get(key).expect("kept");
    assert_eq!((web.name.as_str(), web.late, web.created), ("web", false, 1_000_000_000));
    assert_eq!(web.labels, [("a".to_owned(), "b".to_owned())]);
    assert_eq!([node.containers.at(1), node.containers.at(2)], [Workload::Container(key); 2]);
    assert!(!node.containers.waits(2));
    assert_eq!(node.appear(3, "/other", 4), None);
    assert!(!node.containers.waits(3), "nothing of that name is about to start");
}

#[test]
fn state_that_cannot_be_read_is_not_state_that_is_not_there() {
    let mut node = Node::new();
    let directory = format!("docker/containers/{ID}");
    node.write(
        &format!("{directory}/config.v2.json"),
        &json!({"Name": "/box", "Config": {"Image": "app:v1", "Labels": {}}}),
    );
    node.write(&format!("{directory}/hostconfig.json"), &json!("broken"));
    let found = node.appear(1, &format!("/docker/{ID}"), 1).expect("a container");
    assert_eq!((found.name.as_str(), found.privileged), ("box", None));
    assert!(found.unknown.contains(&Property::Privileged));
    let failures = node.containers.failures();
    assert_eq!((failures.unreadable, failures.absent), (1, 0));
    let why = failures.last.as_deref().expect("a reason");
    assert!(why.contains("hostconfig.json is not the JSON that the runtime writes: invalid type"), "{why}");
}

#[test]
fn answers_fill_in_and_correct_the_kept_table() {
    let mut node = Node::new();
    let (old, new) = (Digest::sha256([1; 32]), Digest::sha256([2; 32]));
    let names = vec!["app:v1".to_owned()];
    node.containers.images(&[Image { names: names.clone(), digest: Some(old), id: None }]);
    let annotations = json!({
        "io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.container-name": "app",
        "io.kubernetes.cri.image-name": "app:v1", "io.kubernetes.cri.sandbox-id": "f00",
        "io.kubernetes.cri.sandbox-name": "web-1",
    });
    node.write(&format!("tasks/k8s.io/{ID}/config.json"), &json!({ "annotations": annotations }));
    let first = node.appear(1, &format!("/kubepods/pod{POD}/{ID}"), 1).expect("a container");
    assert_eq!((first.image.digest, first.pod.expect("a pod").uid.as_str()), (Some(old), POD));
    let questions = node.containers.questions();
    let [question] = &questions[..] else { panic!("one: {questions:?}") };
    assert_eq!((question.namespace.as_deref(), question.sandbox.as_deref()), (Some("k8s.io"), Some("f00")));
    let silent =
        Answer { key: first.key, said: Err(AskError::NoDaemon(Runtime::Containerd)), images: Vec::new() };
    assert_eq!(node.containers.answered(&silent), None);

    let mut said = draft::unknown(first.key, Runtime::Containerd, ID);
    draft::image(&mut said, &format!("app:v1@{new}"));
    let labels = vec![("tier".to_owned(), "web".to_owned())];
    draft::pod(&mut said, Some(gabion_model::workload::Pod { labels: labels.clone(), ..Default::default() }));
    let images = vec![Image { names, digest: Some(new), id: None }];
    let answer = Answer { key: first.key, said: Ok(said), images };
    assert_eq!(node.containers.answered(&answer), Some(first.key));
    let now = node.containers.get(first.key).expect("kept");
    assert_eq!((now.image.digest, now.late), (Some(new), true));
    let pod = now.pod.as_ref().expect("a pod");
    assert_eq!((pod.name.as_str(), &pod.labels), ("web-1", &labels));
    assert_eq!(node.containers.answered(&answer), None, "nothing is new");
}

#[test]
fn a_process_is_within_as_proc_shows_it() {
    assert!(within(b"/docker/a", b"/docker/a") && within(b"/docker/a/b", b"/docker/a"));
    assert!(
        !within(b"/docker/ab", b"/docker/a") && !within(b"/", b"/docker/a") && !within(b"/a", b"/docker/a")
    );
    // Seen from within a control group namespace.
    assert!(within(b"/../../docker/a", b"/docker/a") && within(b"/../a", b"/docker/a"));
    assert!(!within(b"/..", b"/docker/a") && !within(b"/../b", b"/docker/a"));
}

proptest! {
    /// Whatever comes in whichever order: keys are given once, intervals are right, nothing is kept for ever.
    #[test]
    fn any_order_of_events_is_survived(events in proptest::collection::vec((0_u8..4, 0_u64..6, 0_usize..6), 0..60)) {
        let mut node = Node::new();
        node.task("default", "web");
        node.task("default", "db");
        let paths = ["/default/web", "/default/db", "/default", "/default/web/x", "/web", "/docker/x"];
        let mut now = 1;
        for (what, group, path) in events {
            now += 1;
            match what {
                0 | 1 => { node.appear(group, paths[path], now); }
                2 => node.containers.removed(group, now),
                _ => { node.containers.settle(group, now); }
            }
            for container in node.containers.all() {
                let (from, to) = node.containers.lived(container.key).expect("kept");
                prop_assert!(from <= now && to.is_none_or(|to| from <= to));
            }
        }
        for group in 0..6 {
            node.containers.removed(group, now);
        }
        node.containers.expire(now + KEEP);
        prop_assert_eq!(node.containers.all().count(), 0);
        for group in 0..6 {
            prop_assert_eq!(node.containers.at(group), Workload::Unknown);
        }
    }
}
