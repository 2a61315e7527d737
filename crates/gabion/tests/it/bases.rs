//! What is said about the base of an image, as builders write it, and what the layers say to that.
//!
//! ```text
//!  index.json ─► debian:12         the base
//!             ─► golang:1.24       what the program was built with
//!             ─► shop ─► index ─┬─ image on debian:12, annotated
//!                               └─ attestation of BuildKit: provenance, and an SBOM
//! ```

mod registry;

use crate::{
    bad::{Desk, Image, Layer, Ran, Tar, blob, index_of, sha256},
    feeds,
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

const V02: &str = "https://slsa.dev/provenance/v0.2";
const V1: &str = "https://slsa.dev/provenance/v1";

/// A layout in the making.
struct Layout {
    desk: Desk,
    manifests: Vec<Value>,
}

fn layer(name: &str) -> Layer {
    Layer::gzip(Tar::default().file(name, name))
}

fn image(layers: &[&str]) -> Image {
    Image::of(std::iter::once(Layer::gzip(feeds::base())).chain(layers.iter().map(|name| layer(name))))
}

fn digest(descriptor: &Value) -> String {
    descriptor["digest"].as_str().expect("a digest").to_owned()
}

fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    descriptor
}

impl Layout {
    fn new() -> Self {
        Self { desk: feeds::desk(), manifests: Vec::new() }
    }

    fn directory(&self) -> PathBuf {
        self.desk.at("images")
    }

    fn store(&self, image: &Image) -> Value {
        let mut descriptor = image.store(&self.directory());
        descriptor["mediaType"] = json!("application/vnd.oci.image.manifest.v1+json");
        descriptor["platform"] = json!({ "os": "linux", "architecture": "amd64" });
        descriptor
    }

    fn put(&self, document: &Value) -> Value {
        blob(&self.directory().join("blobs/sha256"), document)
    }

    /// Adds an image, and gives its digest.
    fn add(&mut self, name: &str, image: &Image) -> String {
        let descriptor = self.store(image);
        let digest = digest(&descriptor);
        self.manifests.push(named(descriptor, name));
        digest
    }

    /// A manifest with statements as layers.
    fn attestation(&self, media_type: &str, statements: &[Value], more: &Value) -> Value {
        let layers: Vec<Value> = statements
            .iter()
            .map(|statement| {
                let mut layer = self.put(statement);
                layer["mediaType"] = json!(media_type);
                if let Some(kind) = statement.get("predicateType") {
                    layer["annotations"] = json!({ "in-toto.io/predicate-type": kind });
                }
                layer
            })
            .collect();
        let ids: Vec<String> = layers.iter().map(digest).collect();
        let mut config = self.put(&json!({
            "architecture": "unknown", "os": "unknown", "config": {}, "rootfs": { "type": "layers", "diff_ids": ids },
        }));
        config["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers,
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            manifest[key] = value.clone();
        }
        let mut descriptor = self.put(&manifest);
        descriptor["mediaType"] = json!("application/vnd.oci.image.manifest.v1+json");
        descriptor
    }

    /// Adds an image as `BuildKit` exports it: an index of the image and what is attested of it.
    fn build(
        &mut self,
        name: &str,
        image: &Image,
        annotations: &Value,
        statements: impl Fn(&str) -> Vec<Value>,
    ) {
        let image = self.store(image);
        let mut attached =
            self.attestation("application/vnd.in-toto+json", &statements(&digest(&image)), &json!({}));
        attached["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        attached["annotations"] = json!({
            "vnd.docker.reference.digest": digest(&image), "vnd.docker.reference.type": "attestation-manifest",
        });
        let mut index = self.put(&json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [image, attached], "annotations": annotations,
        }));
        index["mediaType"] = json!("application/vnd.oci.image.index.v1+json");
        self.manifests.push(named(index, name));
    }

    fn finish(&self) {
        index_of(&self.directory(), &self.manifests);
    }

    fn plan(&self, more: &[&str]) -> Ran {
        self.finish();
        let ran = self.desk.run(&[&["plan", "oci:images", "--db", "db"], more].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran
    }

    /// What is said of the base of an image, by whom, and what the layers say.
    fn bases(&self, image: &str) -> Vec<String> {
        let plan: Value = serde_json::from_str(&self.plan(&["--format", "json"]).out).expect("JSON");
        let images = plan["images"].as_array().expect("a list");
        let image = images.iter().find(|one| one["name"] == image).expect("the image");
        let told = |one: &Value| {
            let hint = &one["hint"];
            format!("{} {} {}", hint["source"], hint["name"], one["standing"]).replace('"', "")
        };
        image["bases"].as_array().into_iter().flatten().map(told).collect()
    }
}

/// A statement about an image, with these used by the build: name and digest.
fn provenance(kind: &str, image: &str, used: &[(&str, &str)]) -> Value {
    let hex = |digest: &str| digest.strip_prefix("sha256:").expect("a digest").to_owned();
    let used: Vec<Value> =
        used.iter().map(|(uri, digest)| json!({ "uri": uri, "digest": { "sha256": hex(digest) } })).collect();
    let predicate = if kind == V1 {
        json!({
            "buildDefinition": {
                "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
                "externalParameters": { "configSource": { "path": "Dockerfile" } }, "resolvedDependencies": used,
            },
            "runDetails": { "builder": { "id": "" } },
        })
    } else {
        json!({
            "builder": { "id": "" }, "buildType": "https://mobyproject.org/buildkit@v1", "materials": used,
            "invocation": { "configSource": { "entryPoint": "Dockerfile" }, "environment": { "platform": "linux/amd64" } },
        })
    };
    json!({
        "_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind, "predicate": predicate,
        "subject": [{ "name": "pkg:docker/shop@1?platform=linux%2Famd64", "digest": { "sha256": hex(image) } }],
    })
}

const FRONTEND: (&str, &str) = (
    "pkg:docker/docker/dockerfile@1",
    "sha256:00000000000000000000000000000000000000000000000000000000000000ff",
);

#[test]
fn provenance_of_buildkit_and_annotations_are_held_against_the_layers() {
    for kind in [V02, V1] {
        let mut layout = Layout::new();
        let base = layout.add("debian", &image(&[]));
        let builder = layout.add("golang", &Image::of([layer("go")]));
        let said = json!({
            "org.opencontainers.image.base.name": "registry.example/debian", "org.opencontainers.image.base.digest": base,
        });
        layout.build("shop", &image(&["shop"]), &said, |shop| {
            let used = [
                ("pkg:docker/registry.example/debian@12?platform=linux%2Famd64", base.as_str()),
                ("pkg:docker/golang@1.24?platform=linux%2Famd64", builder.as_str()),
                FRONTEND,
            ];
            let sbom = json!({ "_type": "x", "predicateType": "https://spdx.dev/Document", "predicate": {} });
            vec![sbom, provenance(kind, shop, &used)]
        });
        assert_eq!(
            layout.bases("shop"),
            [
                "annotation registry.example/debian confirmed",
                "provenance golang:1.24 builder",
                "provenance registry.example/debian:12 confirmed",
            ],
            "{kind}"
        );
        let table = layout.plan(&[]).out;
        assert!(
            table.contains("registry.example/debian, the base of shop by annotation, is confirmed"),
            "{table}"
        );
        // A report has them, too, with the index that other images may call their base.
        let report = layout.desk.scan("oci:images:shop", &["--db", "db"]).report();
        let identity = report.target.image.expect("an image");
        assert_eq!((identity.bases.len(), identity.index.is_some()), (3, true));
        assert!(identity.bases.iter().all(|hint| hint.digest.is_some()));
    }
}

#[test]
fn provenance_that_the_layers_contradict_is_told_as_such() {
    let mut layout = Layout::new();
    let other = layout.add("debian", &Image::of([layer("another debian")]));
    layout.build("shop", &image(&["shop"]), &json!({}), |shop| {
        vec![provenance(V1, shop, &[("pkg:docker/debian@12", other.as_str()), FRONTEND])]
    });
    assert_eq!(layout.bases("shop"), ["provenance debian:12 contradicted"]);
    let table = layout.plan(&[]).out;
    assert!(table.contains("debian:12, the base of shop by provenance, is not what is there"), "{table}");
}

#[test]
fn an_index_may_be_what_others_are_built_on() {
    let mut layout = Layout::new();
    layout.build("base", &image(&[]), &json!({}), |_| Vec::new());
    let index = digest(&layout.manifests[0]);
    layout.build("shop", &image(&["shop"]), &json!({}), |shop| {
        vec![provenance(V02, shop, &[("pkg:docker/whatever@1", index.as_str())])]
    });
    assert_eq!(layout.bases("shop"), ["provenance whatever:1 confirmed"]);
}

#[test]
fn referrers_and_tags_attach_provenance_where_no_index_does() {
    let base = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";
    let used = [("pkg:docker/debian@12", base)];
    let expected = ["provenance debian:12 unseen"];

    // An entry with a type of attestations, whose manifest names the image.
    let mut layout = Layout::new();
    let shop = layout.add("shop", &image(&["shop"]));
    let more = json!({ "subject": { "digest": shop, "size": 1, "mediaType": "application/vnd.oci.image.manifest.v1+json" } });
    let kind = "application/vnd.in-toto+json";
    let mut entry = layout.attestation(kind, &[provenance(V1, &shop, &used)], &more);
    entry["artifactType"] = json!(kind);
    layout.manifests.push(entry.clone());
    assert_eq!(layout.bases("shop"), expected);
    // One that names another image is none of its business.
    layout.manifests.pop();
    let more = json!({ "subject": { "digest": base, "size": 1 } });
    let mut foreign = layout.attestation(kind, &[provenance(V1, &shop, &used)], &more);
    foreign["artifactType"] = json!(kind);
    layout.manifests.push(foreign);
    assert!(layout.bases("shop").is_empty());

    // The list of referrers, as a tag.
    layout.manifests.pop();
    let list = layout.put(&json!({ "schemaVersion": 2, "manifests": [entry] }));
    layout.manifests.push(named(list, &shop.replace(':', "-")));
    assert_eq!(layout.bases("shop"), expected);
}

#[test]
fn attestations_that_cannot_be_read_are_told_and_the_image_is_scanned() {
    let mut layout = Layout::new();
    layout.build("shop", &image(&["shop"]), &json!({}), |shop| {
        let other = "sha256:00000000000000000000000000000000000000000000000000000000000000bb";
        let of_another = provenance(V02, other, &[("pkg:docker/debian@12", other)]);
        let gone = provenance(V1, shop, &[("pkg:docker/alpine@3", other)]);
        vec![of_another, gone]
    });
    let gone = provenance(
        V1,
        &digest(&layout.store(&image(&["shop"]))),
        &[("pkg:docker/alpine@3", "sha256:00000000000000000000000000000000000000000000000000000000000000bb")],
    );
    let gone = layout.directory().join("blobs/sha256").join(sha256(gone.to_string().as_bytes()));
    fs::remove_file(&gone).expect("was there");
    layout.finish();
    let ran = layout.desk.scan("oci:images:shop", &["--db", "db"]);
    let report = ran.report();
    assert!(report.target.image.expect("an image").bases.is_empty());
    let skipped = serde_json::to_string(&report.coverage).expect("writes");
    assert!(skipped.contains("it speaks of another image") && skipped.contains("No such file"), "{skipped}");

    // Nobody reads without end.
    let mut layout = Layout::new();
    layout.build("shop", &image(&["shop"]), &json!({}), |shop| {
        (0..100).map(|n| provenance(V1, shop, &[(&*format!("pkg:docker/a{n}@1"), FRONTEND.1)])).collect()
    });
    layout.finish();
    let report = layout.desk.scan("oci:images:shop", &["--db", "db"]).report();
    assert_eq!(report.target.image.expect("an image").bases.len(), 63);
    let skipped = serde_json::to_string(&report.coverage).expect("writes");
    assert!(skipped.contains("there are more than the 64 documents that are read"), "{skipped}");
}
