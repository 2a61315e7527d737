//! The same in Debian's `docker-registry`, which knows no referrers, so that their list is a tag.

use super::{FRONTEND, Layout, V1, V02, image, named, provenance};
use crate::{
    machine::{can_run, run},
    registry::{Registry, TOOLS, with_login},
};
use serde_json::json;
use std::process::Command;

const BASE: (&str, &str) =
    ("pkg:docker/debian@12", "sha256:00000000000000000000000000000000000000000000000000000000000000aa");
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Copies what a layout calls `name` to a tag of `team/shop`, with all that an index lists.
fn copy(layout: &Layout, registry: &Registry, name: &str, tag: &str) {
    layout.finish();
    run(Command::new("skopeo")
        .args(["copy", "--quiet", "--all", "--insecure-policy", "--dest-tls-verify=false"])
        .args(["--dest-creds", "ann:s3cret"])
        .arg(format!("oci:{}:{name}", layout.directory().display()))
        .arg(format!("docker://{}/team/shop:{tag}", registry.host)));
}

/// What the scan of `team/shop` tells of the base.
fn bases(layout: &Layout, registry: &Registry, version: &str, more: &[&str]) -> Vec<String> {
    let target = format!("registry:{}/team/shop{version}", registry.host);
    let arguments =
        ["scan", &target, "--db", "none", "--format", "json", "--quiet", "--platform", "linux/amd64"];
    let report = with_login(&layout.desk, &registry.host, &[&arguments, more].concat()).report();
    let told = |hint: &gabion_model::BaseHint| {
        format!("{} {}", hint.source, hint.name.as_deref().unwrap_or_default())
    };
    report.target.image.expect("an image").bases.iter().map(told).collect()
}

#[test]
fn provenance_in_a_registry_is_found_in_the_index_or_by_tags() {
    let tools = [&["skopeo"][..], &TOOLS].concat();
    if !can_run("provenance_in_a_registry_is_found_in_the_index_or_by_tags", &tools) {
        return;
    }
    let mut layout = Layout::new();
    let registry = Registry::start(&layout.desk.at("registry"));
    // As BuildKit pushes it.
    layout.build("built", &image(&["built"]), &json!({}), |shop| {
        vec![provenance(V02, shop, &[BASE, FRONTEND])]
    });
    copy(&layout, &registry, "built", "built");
    assert_eq!(bases(&layout, &registry, ":built", &[]), ["provenance debian:12"]);

    // An image alone, to which nothing is attached yet.
    let shop = layout.add("shop", &image(&["shop"]));
    copy(&layout, &registry, "shop", "v1");
    assert!(bases(&layout, &registry, ":v1", &[]).is_empty());

    // A list of referrers.
    let subject = json!({ "subject": { "digest": shop, "size": 1, "mediaType": "application/vnd.oci.image.manifest.v1+json" } });
    let mut entry = layout.attestation(IN_TOTO, &[provenance(V1, &shop, &[BASE])], &subject);
    entry["artifactType"] = json!(IN_TOTO);
    let list = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
    let tag = shop.replace(':', "-");
    layout.manifests.push(named(entry, "attestation"));
    copy(&layout, &registry, "attestation", "attestation");
    registry.put("team/shop", &tag, INDEX, &list.to_string());
    assert_eq!(bases(&layout, &registry, ":v1", &[]), ["provenance debian:12"], "a tag is asked about again");

    // What cosign attaches.
    let signed = layout.attestation(
        IN_TOTO,
        &[provenance(V02, &shop, &[("pkg:docker/alpine@3", BASE.1)])],
        &json!({}),
    );
    layout.manifests.push(named(signed, "signed"));
    copy(&layout, &registry, "signed", &format!("{tag}.att"));
    let both = ["provenance alpine:3", "provenance debian:12"];
    assert_eq!(bases(&layout, &registry, ":v1", &[]), both);
    assert_eq!(bases(&layout, &registry, ":v1", &["--no-cache"]), both);

    // By its digest it is known, without the registry.
    let host = registry.host.clone();
    drop(registry);
    let target = format!("registry:{host}/team/shop@{shop}");
    let report = layout.desk.scan(&target, &["--db", "none", "--registry-insecure", &host]).report();
    assert_eq!(report.target.image.expect("an image").bases.len(), both.len());
}
