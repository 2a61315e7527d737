//! Two nodes, two images, one base: it is read once, and both reports are those of a scan without any cache.

use super::{DAY, Hub, Linked, agent_of};
use crate::{
    bad::{Image, Layer, Tar, index_of},
    compare::container::Containerd,
    feeds,
    support::{can_run, directory, run, wait_for},
};
use gabion_hub::agents::Shelf;
use gabion_node::containers::IMAGE_SOURCE;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

const NAMES: [&str; 2] = ["one", "two"];

/// What two images are made of: the same base, and something of their own.
fn images() -> [Image; 2] {
    let base = Layer::gzip(feeds::base());
    NAMES.map(|name| {
        let own = feeds::node(Tar::default(), &format!("of-{name}"), "1.0.0");
        Image::of([base.clone(), Layer::gzip(own)])
    })
}

/// A hub that shares what it knows of layers, and what it has noted.
fn sharing(cache: PathBuf) -> (Hub, Shelf, Arc<Mutex<Vec<String>>>) {
    let notes = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&notes);
    let note = move |text: &str| kept.lock().expect("no test panicked with it").push(text.to_owned());
    let shelf = Shelf::open(cache, Arc::new(note));
    (Hub::start_with(DAY, Some(shelf.clone())), shelf, notes)
}

/// The link of a node on which that container runs.
fn node(hub: &Hub, home: &Path, container: &Value, containerd: &Path) -> Linked {
    agent_of(home, container);
    let name = format!("n{}", hub.memory.kept().joined.len() + 1);
    let link = Linked::start_with(home, &[hub.address.to_string()], Some(&hub.token()), containerd);
    link.until_noted(&format!("knows this node as {name}"));
    hub.until("what runs", |kept| kept.containers.iter().any(|one| container["id"] == one.id.as_str()));
    link
}

fn report(hub: &Hub, image: &str) -> Value {
    hub.until("a report", |kept| kept.reports.contains_key(image));
    let report = hub.memory.kept().reports[image].clone().expect("a report");
    comparable(serde_json::from_slice(&report).expect("JSON"))
}

/// What a scan says that knows nothing.
fn alone(target: &str, containerd: &Path) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
    command.args(["scan", "--no-cache", "--quiet", "--format", "json", "--db", "none", target]);
    comparable(serde_json::from_str(&run(command.env("CONTAINERD_ADDRESS", containerd))).expect("JSON"))
}

/// Without its time, and without what a link adds.
fn comparable(mut report: Value) -> Value {
    report["created"] = Value::Null;
    for package in report["packages"].as_array_mut().into_iter().flatten() {
        let Some(facts) = package["facts"].as_array_mut() else { continue };
        facts.retain(|fact| fact[0] != "loadable");
        if facts.is_empty() {
            package.as_object_mut().expect("an object").remove("facts");
        }
    }
    report
}

/// How many layers a node knows by having read them.
fn read_at(home: &Path) -> usize {
    let layers = fs::read_dir(home.join("link/cache/layers")).expect("lists");
    layers.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file())).count()
}

#[test]
fn a_layer_that_one_node_has_read_is_not_read_by_the_next() {
    let (home, homes) = (directory(), [directory(), directory()]);
    let (hub, shelf, _) = sharing(home.path().join("hub"));
    let nowhere = Path::new("/nowhere");
    let mut links = Vec::new();
    for ((image, name), home) in images().iter().zip(NAMES).zip(&homes) {
        let layout = home.path().join("images");
        Image::layout_of(&layout, &[(name, image)]);
        let target = format!("oci:{}:{name}", layout.display());
        let container = json!({"id": name, "name": name, "runtime": "oci", "workload": name, "labels": {IMAGE_SOURCE: target}});
        links.push(node(&hub, home.path(), &container, nowhere));
        hub.desk.scan(&format!("n{}", links.len()), name, &target).expect("is connected");
        let (mut told, expected) = (report(&hub, name), alone(&target, nowhere));
        // Of the second one nobody here has inflated the base.
        let verification = told["target"]["image"]["verification"].take();
        assert_eq!(verification, if name == "one" { "verified" } else { "verified-earlier" });
        told["target"]["image"]["verification"] = json!("verified");
        assert_eq!(told, expected);
        wait_for("nothing of others to be kept", || {
            fs::read_dir(home.path().join("link/given/layers")).is_ok_and(|mut all| all.next().is_none())
        });
    }
    // What the children said they did, and what is there says the same.
    let shared = shelf.shared();
    assert_eq!(shared.layers, [3, 0, 1], "{shared:?}");
    assert_eq!((shared.taken[0], shared.handed[0], shared.leases), (3, 1, 0), "{shared:?}");
    assert_eq!(homes.each_ref().map(|home| read_at(home.path())), [2, 1]);
}

#[test]
fn facts_that_are_none_and_a_base_that_only_claims_to_be_one_are_read() {
    let (home, homes) = (directory(), [directory(), directory(), directory()]);
    let (hub, shelf, _) = sharing(home.path().join("hub"));
    let nowhere = Path::new("/nowhere");
    let [one, two] = images();
    let mut links = Vec::new();
    let mut scan = |image: &Image, home: &Path, name: &str| {
        let layout = home.join("images");
        Image::layout_of(&layout, &[(name, image)]);
        let target = format!("oci:{}:{name}", layout.display());
        let container = json!({"id": name, "name": name, "runtime": "oci", "workload": name, "labels": {IMAGE_SOURCE: target}});
        links.push(node(&hub, home, &container, nowhere));
        hub.desk.scan(&format!("n{}", links.len()), name, &target).expect("is connected");
        target
    };
    scan(&one, homes[0].path(), "one");
    report(&hub, "one");
    // A stored layer that says it inflates to the base, and does not: what others know of the base is not believed of it.
    let mut liar = images()[1].layers.clone();
    liar[0] =
        Layer { diff_id: liar[0].diff_id.clone(), ..Layer::gzip(Tar::default().file("etc/passwd", "x")) };
    // Alone, as another layer of it could be read before it fails, and be shared.
    scan(&Image::of(liar.into_iter().take(1)), homes[1].path(), "three");
    hub.until("an answer", |kept| kept.reports.contains_key("three"));
    let why = hub.memory.kept().reports["three"].clone().expect_err("it is wrong");
    assert!(why.contains("its diffID is"), "{why}");

    // Somebody has given nonsense, in a form that the hub takes.
    let given = home.path().join("hub/layers/given");
    for entry in fs::read_dir(&given).expect("lists") {
        let path = entry.expect("lists").path();
        let mut file = fs::read(&path).expect("reads");
        let nonsense = gabion_image::shared::pack(&[0xff; 1000][..]).expect("packs").expect("is short");
        let head = 1 + usize::from(file[0]) + 32;
        file.truncate(head);
        file.extend(<[u8; 32]>::from(<sha2::Sha256 as sha2::Digest>::digest(&nonsense)));
        file.extend(nonsense);
        fs::write(&path, file).expect("writes");
    }
    let target = scan(&two, homes[2].path(), "two");
    assert_eq!(report(&hub, "two"), alone(&target, nowhere));
    assert_eq!(shelf.shared().layers, [4, 0, 0], "the worker has read it");
    assert_eq!(shelf.shared().handed[0], 1, "though it was told of it");
}

#[test]
fn an_unpacked_layer_is_read_once_however_many_nodes_begin_at_once() {
    let tools = ["containerd", "ctr", "runc", "skopeo"];
    if !can_run("an_unpacked_layer_is_read_once_however_many_nodes_begin_at_once", &tools) {
        return;
    }
    let (home, homes) = (directory(), [directory(), directory()]);
    let at = home.path();
    let daemon = Containerd::start(at);
    for (image, name) in images().iter().zip(NAMES) {
        let layout = at.join(name);
        let mut descriptor = image.store(&layout);
        descriptor["mediaType"] = json!("application/vnd.oci.image.manifest.v1+json");
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        index_of(&layout, &[descriptor]);
        let archive = at.join(format!("{name}.tar"));
        run(Command::new("skopeo")
            .args(["copy", "--quiet", "--insecure-policy"])
            .arg(format!("oci:{}:{name}", layout.display()))
            .arg(format!("oci-archive:{}:docker.io/library/{name}:v1", archive.display())));
        daemon.ctr(&format!("images import --snapshotter overlayfs {}", archive.display()));
    }
    let (hub, shelf, _) = sharing(at.join("hub"));
    let target = |name: &str| format!("containerd:docker.io/library/{name}:v1");
    let links: Vec<_> = NAMES
        .iter()
        .zip(&homes)
        .map(|(name, home)| {
            let image = format!("docker.io/library/{name}:v1");
            let container =
                json!({"id": name, "name": name, "runtime": "containerd", "workload": name, "image": image});
            node(&hub, home.path(), &container, &daemon.socket)
        })
        .collect();
    for (number, name) in NAMES.iter().enumerate() {
        hub.desk.scan(&format!("n{}", number + 1), name, &target(name)).expect("is connected");
    }
    for name in NAMES {
        let report = report(&hub, name);
        assert_eq!(report["target"]["image"]["verification"], "unverified-snapshot");
        assert_eq!(report, alone(&target(name), &daemon.socket));
    }
    let shared = shelf.shared();
    assert_eq!(shared.layers, [3, 0, 1], "{shared:?}");
    let mut read = homes.each_ref().map(|home| read_at(home.path()));
    read.sort_unstable();
    assert_eq!(read, [1, 2]);
    drop(links);
}
