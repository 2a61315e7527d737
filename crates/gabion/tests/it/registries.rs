//! A hub that looks into Debian's `docker-registry`: what is new is scanned, what it is told of is looked at, what goes wrong is said.

use crate::{
    bad::{Desk, Image, Layer},
    feeds,
    hub_process::Hub,
    machine::{can_run, run},
    registry::{Registry, TOOLS},
    support::wait_for,
};
use serde_json::{Value, json};
use std::process::Command;

/// Copies an image to a tag of the registry.
fn push(desk: &Desk, registry: &Registry, image: &Image, name: &str) {
    let directory = desk.at(&name.replace(['/', ':'], "-"));
    image.layout_at(&directory);
    run(Command::new("skopeo")
        .args([
            "copy",
            "--quiet",
            "--insecure-policy",
            "--dest-tls-verify=false",
            "--dest-creds",
            "ann:s3cret",
        ])
        .arg(format!("oci:{}", directory.display()))
        .arg(format!("docker://{}/{name}", registry.host)));
}

/// The image of the feeds with this file on top.
fn with_file(content: &str) -> Image {
    let mut image = feeds::image();
    image.layers.push(Layer::gzip(crate::bad::Tar::default().file("etc/version", content)));
    image
}

fn id(image: &Image) -> String {
    format!("sha256:{}", crate::bad::sha256(image.config().to_string().as_bytes()))
}

fn registry(hub: &Hub) -> Value {
    hub.get("/api/v1/registries/main")
}

/// Waits until nothing of the registry waits any more.
fn until_scanned(hub: &Hub, scanned: u64) -> Value {
    wait_for("what is new to be scanned", || {
        let seen = &registry(hub)["seen"];
        seen["waiting"] == 0 && seen["scanned"] == scanned
    });
    wait_for("the look to end", || registry(hub)["state"] != "polling");
    registry(hub)
}

fn tag<'a>(tags: &'a Value, name: &str) -> &'a Value {
    let all = tags["items"].as_array().expect("a list");
    all.iter().find(|tag| tag["tag"] == name).expect("the tag")
}

#[test]
fn what_is_new_in_a_registry_is_scanned_and_what_is_not_is_told() {
    let tools = [&["skopeo"][..], &TOOLS].concat();
    if !can_run("what_is_new_in_a_registry_is_scanned_and_what_is_not_is_told", &tools) {
        return;
    }
    let desk = feeds::desk();
    let there = Registry::start(&desk.at("registry"));
    let (one, two) = (with_file("1"), with_file("2"));
    let chart = Image { config_type: "application/vnd.cncf.helm.config.v1+json", ..with_file("chart") };
    for (image, name) in [
        (&with_file("0"), "team/shop:0.9"),
        (&one, "team/shop:1.0"),
        (&one, "team/shop:latest"),
        (&two, "team/shop:1.1"),
        (&one, "team/old:1"),
        (&chart, "team/chart:1"),
    ] {
        push(&desk, &there, image, name);
    }
    let hub = Hub::start(&desk, "127.0.0.1:0");
    let mut new = json!({
        "name": "main", "url": format!("http://{}", there.host), "user": "ann", "secret": "wr0ng",
        "repositories": ["team/*"], "leave_out": ["team/old"], "newest": 3, "platform": "linux/amd64",
    });
    let tried = hub.send("POST", "/api/v1/registries/check", &new);
    assert_eq!(tried["works"], false);
    assert!(
        tried["said"][0].as_str().is_some_and(|said| said.contains("the credential was refused")),
        "{tried}"
    );
    new["secret"] = json!("s3cret");
    let tried = hub.send("POST", "/api/v1/registries/check", &new);
    assert_eq!(tried["works"], true, "{tried}");

    hub.send("POST", "/api/v1/registries", &new);
    let told = until_scanned(&hub, 3);
    assert_eq!((&told["state"], &told["error"]), (&json!("well"), &Value::Null), "{told}");
    let seen = &told["seen"];
    assert_eq!(
        (&seen["repositories"], &seen["tags"], &seen["matched"], &seen["left_out"]),
        (&json!(2), &json!(5), &json!(5), &json!(1))
    );
    let tags = hub.get("/api/v1/registries/main/tags");
    assert_eq!(tag(&tags, "1.0")["image"], id(&one).as_str(), "as an agent would know it");
    assert_eq!(tag(&tags, "latest")["image"], tag(&tags, "1.0")["image"]);
    assert_eq!(tag(&tags, "1")["state"], "no-image", "{tags}");
    let repositories = hub.get("/api/v1/registries/main/repositories?sort=-left_out");
    assert_eq!(
        (&repositories["items"][0]["name"], &repositories["items"][0]["left_out"]),
        (&json!("team/shop"), &json!(1))
    );

    // One image, however it is called; what it has was found by the hub's database.
    let images = hub.get("/api/v1/images?registry=main");
    assert_eq!(images["total"], 2);
    let image = hub.get(&format!("/api/v1/images/{}", id(&one)));
    let name = |tag: &str| json!({"registry": "main", "name": format!("{}/team/shop:{tag}", there.host)});
    assert_eq!(image["registries"], json!([name("1.0"), name("latest")]));
    assert_eq!(
        (&image["open"]["critical"], &image["layers"].as_array().map(Vec::len)),
        (&json!(1), &Some(one.layers.len()))
    );
    let shared = std::fs::read_dir(hub.state.join("registries/cache/layers")).expect("a cache").count();
    assert_eq!(shared, one.layers.len() + 1, "each layer was read once");

    // Nobody is told a secret, and nobody but an admin may set one.
    let viewer = hub.token("viewer");
    let (status, shown) = hub.ask(&viewer, "GET", "/api/v1/registries", None);
    assert_eq!(status, 200);
    assert!(!shown.to_string().contains("s3cret") && !hub.noted().contains("s3cret"));
    assert!(!hub.get("/api/v1/audit").to_string().contains("s3cret"));
    let change = json!({"secret": "x"});
    assert_eq!(hub.ask(&hub.token("operator"), "PATCH", "/api/v1/registries/main", Some(&change)).0, 403);
    assert_eq!(hub.ask(&viewer, "POST", "/api/v1/registries/main/poll", Some(&json!({}))).0, 403);

    // A push that the registry tells of. The hub's clock stands still, so nothing else makes it look.
    let secret = hub.send("POST", "/api/v1/registries/main/hook", &json!({}))["secret"]
        .as_str()
        .expect("a secret")
        .to_owned();
    let three = with_file("3");
    push(&desk, &there, &three, "team/shop:1.1");
    let event = json!({"events": [{"action": "push", "target": {"repository": "team/shop", "tag": "1.1", "digest": "sha256:00"}}]});
    let events = "/api/v1/registries/main/events";
    assert_eq!(hub.ask("gah_wrong", "POST", events, Some(&event)).0, 401);
    assert_eq!(hub.ask("gah_wrong", "POST", "/api/v1/registries/none/events", Some(&event)).0, 401);
    assert_eq!(hub.ask(&secret, "POST", events, Some(&json!({"x": 1}))).0, 400);
    assert_eq!(hub.ask(&secret, "POST", events, Some(&event)).0, 202);
    wait_for("the push to be seen", || {
        tag(&hub.get("/api/v1/registries/main/tags"), "1.1")["image"] == id(&three).as_str()
    });

    // A credential that is good no more is not silent.
    hub.send("PATCH", "/api/v1/registries/main", &json!({"secret": "expired"}));
    wait_for("the refusal to be told", || registry(&hub)["state"] == "failing");
    let told = registry(&hub);
    assert!(
        told["error"].as_str().is_some_and(|error| error.starts_with("the credential was refused")),
        "{told}"
    );
    assert_eq!(told["seen"]["scanned"], 3, "what was known stays known");
    let blind = hub.get("/api/v1/overview")["blind"].clone();
    assert!(blind.to_string().contains("registry that could not be looked into"), "{blind}");
    hub.send(
        "PATCH",
        "/api/v1/registries/main",
        &json!({"secret": "s3cret", "repositories": ["team/shop", "team/none"]}),
    );
    wait_for("the rest to be told", || registry(&hub)["state"] == "partial");
    let told = registry(&hub);
    assert_eq!(told["error"], "team/none: there is no such repository");
    hub.send("DELETE", "/api/v1/registries/main", &json!({}));
    assert_eq!(hub.get("/api/v1/images?registry=main")["total"], 0);
    assert_eq!(hub.get("/api/v1/images")["total"], 3, "images stay");
}
