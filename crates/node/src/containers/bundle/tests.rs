//! Bundles as the runtimes write them, cut down to what is read. Those of CRI-O follow its documented annotations.

use super::*;
use gabion_model::{
    ContainerKey, Digest,
    workload::{Property, Runtime},
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn filled(runtime: Runtime, bundle: &Value) -> Container {
    let mut container = draft::unknown(ContainerKey(1), runtime, "abc");
    parsed(bundle).fill(&mut container, false);
    container
}

fn parsed(bundle: &Value) -> Bundle {
    Bundle::parse(bundle.to_string().as_bytes()).expect("a bundle")
}

fn privileged() -> Value {
    json!({
        "process": {"capabilities": {"bounding": ["CAP_SYS_ADMIN", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_KILL"]}},
        "linux": {
            "resources": {"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "access": "rwm"}]},
            "maskedPaths": null, "readonlyPaths": [], "namespaces": [{"type": "mount"}],
        },
    })
}

#[test]
fn privileged_is_what_it_does_not_what_it_is_called() {
    let is = |bundle: &Value| filled(Runtime::Docker, bundle).privileged == Some(true);
    assert!(is(&privileged()));
    let without = |change: &dyn Fn(&mut Value)| {
        let mut bundle = privileged();
        change(&mut bundle);
        is(&bundle)
    };
    assert!(!without(&|b| b["linux"]["maskedPaths"] = json!(["/proc/kcore"])));
    assert!(!without(&|b| b["linux"]["readonlyPaths"] = json!(["/proc/sys"])));
    assert!(!without(&|b| b["linux"]["resources"]["devices"] = json!([{"allow": false, "access": "rwm"}])));
    assert!(!without(
        &|b| b["linux"]["resources"]["devices"] = json!([{"allow": true, "type": "c", "access": "rwm"}])
    ));
    assert!(!without(&|b| b["linux"]["resources"]["devices"] = json!([{"allow": true, "access": "r"}])));
    assert!(!without(&|b| b["linux"]["namespaces"] = json!([{"type": "user"}])));
    assert!(!without(&|b| b["process"]["capabilities"]["bounding"] = json!(["CAP_SYS_ADMIN"])));
    assert!(!is(&json!({})));
    let mut rootless = draft::unknown(ContainerKey(1), Runtime::Podman, "abc");
    parsed(&privileged()).fill(&mut rootless, true);
    assert_eq!(rootless.privileged, Some(false));
}

#[test]
fn mounts_are_told_with_who_may_write() {
    let container = filled(
        Runtime::Oci,
        &json!({"mounts": [
            {"destination": "/data", "type": "bind", "source": "/srv", "options": ["rbind", "ro", "rprivate"]},
            {"destination": "/proc", "type": "proc", "source": "proc"},
        ]}),
    );
    let data = &container.mounts[0];
    assert_eq!((data.source.as_str(), data.destination.as_str(), data.writable), ("/srv", "/data", false));
    assert_eq!((data.mode.as_str(), data.propagation.as_str()), ("rbind,ro,rprivate", "rprivate"));
    assert!(container.mounts[1].writable);
}

#[test]
fn containerd_tells_pod_and_image_in_annotations() {
    let annotations = json!({
        "io.kubernetes.cri.container-type": "container",
        "io.kubernetes.cri.container-name": "app",
        "io.kubernetes.cri.image-name": "registry.example/shop/web:1.2",
        "io.kubernetes.cri.sandbox-id": "f00",
        "io.kubernetes.cri.sandbox-name": "web-1",
        "io.kubernetes.cri.sandbox-namespace": "shop",
        "io.kubernetes.cri.sandbox-uid": "0d20",
    });
    let container = filled(Runtime::Containerd, &json!({ "annotations": annotations }));
    assert_eq!(container.name, "app");
    assert_eq!(
        (container.image.repository.as_str(), container.image.tag.as_str()),
        ("registry.example/shop/web", "1.2")
    );
    let pod = container.pod.expect("a pod");
    assert_eq!((pod.name.as_str(), pod.namespace.as_str()), ("web-1", "shop"));
    assert_eq!((pod.uid.as_str(), pod.sandbox.as_str()), ("0d20", "f00"));
    assert_eq!(
        container.unknown,
        [Property::ImageDigest, Property::ImageId, Property::Labels, Property::Created, Property::Addresses]
    );
}

/// A container of CRI-O.
pub(crate) fn crio(kind: &str, image: &str) -> Value {
    let labels = json!({
        "app": "web",
        "io.kubernetes.container.name": "app",
        "io.kubernetes.pod.name": "web-1",
        "io.kubernetes.pod.namespace": "shop",
        "io.kubernetes.pod.uid": "0d206349-0faf-445c-8c3f-2d2153784f15",
    });
    json!({"annotations": {
        "io.container.manager": "cri-o",
        "io.kubernetes.cri-o.ContainerType": kind,
        "io.kubernetes.cri-o.Created": "2026-11-27T06:35:40.170622993Z",
        "io.kubernetes.cri-o.ImageName": "registry.example/shop/web:1.2",
        "io.kubernetes.cri-o.ImageRef": image,
        "io.kubernetes.cri-o.Labels": labels.to_string(),
        "io.kubernetes.cri-o.Name": "k8s_app_web-1_shop_0d206349-0faf-445c-8c3f-2d2153784f15_0",
        "io.kubernetes.cri-o.SandboxID": "f00",
    }})
}

#[test]
fn a_plain_bundle_may_say_which_image_it_is() {
    let digest = Digest::sha256([7; 32]);
    let told = |name: &str, id: &str| {
        let mut container = draft::unknown(ContainerKey(1), Runtime::Oci, "abc");
        let annotations = json!({REF_NAME: name, IMAGE_ID: id, IMAGE_SOURCE: "oci:/srv:shop/web:1.2"});
        let bundle = parsed(&json!({ "annotations": annotations }));
        bundle.fill_image(&mut container);
        assert_eq!(
            [false, true].map(|rootless| bundle.labels(rootless).contains_key(IMAGE_SOURCE)),
            [true, false]
        );
        (container.image.repository, container.image.tag, container.image.digest, container.image.id)
    };
    let web = |tag: &str, digest, id| ("shop/web".to_owned(), tag.to_owned(), digest, id);
    assert_eq!(told("shop/web:1.2", &digest.to_string()), web("1.2", None, Some(digest)));
    assert_eq!(told(&format!("shop/web@{digest}"), "sha256:none"), web("", Some(digest), None));
    // Neither is an image's name.
    for name in ["", "1.2"] {
        assert_eq!(told(name, ""), (String::new(), String::new(), None, None));
    }
    let mut container = draft::unknown(ContainerKey(1), Runtime::Oci, "abc");
    parsed(&json!({})).fill_image(&mut container);
    assert_eq!(container, draft::unknown(ContainerKey(1), Runtime::Oci, "abc"), "nothing is said");
}

#[test]
fn crio_tells_all_in_annotations() {
    let digest = Digest::sha256([7; 32]);
    let container = filled(Runtime::Crio, &crio("container", &digest.hex()));
    assert_eq!(
        (container.name.as_str(), container.image.repository.as_str()),
        ("app", "registry.example/shop/web")
    );
    assert_eq!(container.image.id, Some(digest));
    assert_eq!(container.created, 1_795_761_340_170_622_993);
    let pod = container.pod.as_ref().expect("a pod");
    assert_eq!((pod.name.as_str(), pod.sandbox.as_str(), pod.uid.len()), ("web-1", "f00", 36));
    assert!(container.labels.contains(&("app".to_owned(), "web".to_owned())));
    assert_eq!(container.unknown, [Property::ImageDigest, Property::Addresses]);
    let newer = filled(Runtime::Crio, &crio("container", &format!("registry.example/shop/web@{digest}")));
    assert_eq!(newer.image.digest, Some(digest));
    let sandbox = filled(Runtime::Crio, &crio("sandbox", ""));
    assert_eq!((sandbox.name.as_str(), sandbox.pod.expect("a pod").sandbox.as_str()), ("POD", "abc"));
    // podman writes some of the same annotations.
    let podman = filled(
        Runtime::Podman,
        &json!({"annotations": {"io.kubernetes.cri-o.Created": "2026-11-27T06:35:40Z"}}),
    );
    assert_eq!((podman.created, podman.name.as_str()), (0, ""));
}

#[test]
fn a_bundle_fits_only_its_own_group() {
    let at =
        |said: &str, path: &str| parsed(&json!({"linux": {"cgroupsPath": said}})).sits_at(path.as_bytes());
    assert_eq!(at("/default/web", "/default/web"), Some(true));
    assert_eq!(at("/default/web", "/outer/default/web"), Some(true));
    assert_eq!(at("/default/web", "/other/web"), Some(false));
    assert_eq!(at("/default/web", "/xdefault/web"), Some(false));
    let scope = "/kubepods.slice/kubepods-pod1.slice/cri-containerd-abc.scope";
    assert_eq!(at("kubepods-pod1.slice:cri-containerd:abc", scope), Some(true));
    assert_eq!(at("kubepods-pod2.slice:cri-containerd:abc", scope), Some(false));
    assert_eq!(at(":docker:abc", "/system.slice/docker-abc.scope"), Some(true));
    let literal = "/system.slice/containerd.service/x.slice:cri-containerd:abc";
    assert_eq!(at("x.slice:cri-containerd:abc", literal), Some(true));
    assert_eq!(at("", "/a"), None);
    assert_eq!(parsed(&json!({})).sits_at(b"/a"), None);
}

#[test]
fn runc_tells_where_its_bundle_is() {
    let state = json!({
        "id": "web", "created": "2026-11-27T06:35:16Z",
        "config": {"labels": ["k=v", "bundle=/srv/web"]},
        "cgroup_paths": {"": "/sys/fs/cgroup/unified/web", "memory": "/sys/fs/cgroup/memory/x/web"},
    });
    let state = RuncState::parse(state.to_string().as_bytes()).expect("a state");
    assert_eq!(state.bundle(), Some(PathBuf::from("/srv/web")));
    assert!(
        state.sits_at(b"/web")
            && state.sits_at(b"/x/web")
            && !state.sits_at(b"/y/web")
            && !state.sits_at(b"/")
    );
    let relative = RuncState::parse(br#"{"config":{"labels":["bundle=../etc"]}}"#).expect("a state");
    assert_eq!(relative.bundle(), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), path in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = Bundle::parse(&bytes);
        if let Ok(state) = RuncState::parse(&bytes) {
            state.sits_at(&path);
        }
    }

    /// A valid bundle with a piece of it replaced: read or refused, never a panic, and no label is made up.
    #[test]
    fn mutated_bundles_are_read(at in any::<proptest::sample::Index>(), put in proptest::collection::vec(any::<u8>(), 0..12)) {
        for valid in [privileged(), crio("container", "x")] {
            let mut bytes = valid.to_string().into_bytes();
            let place = at.index(bytes.len());
            let end = (place + put.len()).min(bytes.len());
            bytes.splice(place..end, put.clone());
            if let Ok(bundle) = Bundle::parse(&bytes) {
                let mut container = draft::unknown(ContainerKey(1), Runtime::Crio, "abc");
                bundle.fill(&mut container, false);
                bundle.sits_at(&bytes);
            }
        }
    }

    #[test]
    fn a_scope_is_found_from_any_slice(slice in "[a-z]{1,8}(-[a-z]{1,8}){0,2}\\.slice", id in "[0-9a-f]{12}") {
        let bundle = parsed(&json!({"linux": {"cgroupsPath": format!("{slice}:docker:{id}")}}));
        let sits = |path: String| bundle.sits_at(path.as_bytes());
        prop_assert_eq!(sits(format!("/a.slice/{slice}/docker-{id}.scope")), Some(true));
        // No slice above has a digit in its name.
        prop_assert_eq!(sits(format!("/other1.slice/docker-{id}.scope")), Some(false));
    }
}
