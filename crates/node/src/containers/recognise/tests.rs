//! Paths as the runtimes make them, each seen on a machine or taken from the runtime's documentation.

use super::*;
use proptest::prelude::*;

const ID: &str = "7bdb1c3dd797f52f143b3d5fe4e95e0ad8934570f588f5a26d4b2e69b876c762";
const OTHER: &str = "aefc9db40763d0dd2b26ab34ec8d586edbd07a08e8ae7066dd558554bcf06fd7";
const UID: &str = "0d206349-0faf-445c-8c3f-2d2153784f15";

/// `ID`, `OTHER`, `UID` and `U_ID` stand for what they are called.
fn path(text: &str) -> Vec<u8> {
    text.replace("OTHER", OTHER)
        .replace("U_ID", &UID.replace('-', "_"))
        .replace("UID", UID)
        .replace("ID", ID)
        .into_bytes()
}

#[test]
fn the_containers_of_every_runtime_and_driver() {
    use Runtime::{Containerd, Crio, Docker, Oci, Podman, Unknown};
    let pod = Some(UID);
    #[rustfmt::skip]
    let table = [
        ("/docker/ID", Docker, None, None),
        ("/docker/ID/init.scope", Docker, None, None),
        ("/docker/ID/system.slice/nginx.service", Docker, None, None),
        ("/system.slice/docker-ID.scope", Docker, None, None),
        ("/system.slice:docker:ID", Docker, None, None),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope", Docker, Some(1000), None),
        ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_ID.slice/cri-containerd-ID.scope", Containerd, None, pod),
        ("/kubepods.slice/kubepods-podU_ID.slice/cri-containerd-ID.scope", Containerd, None, pod),
        ("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-podU_ID.slice/cri-containerd-ID.scope", Containerd, None, pod),
        ("/system.slice/containerd.service/kubepods-burstable-podU_ID.slice:cri-containerd:ID", Containerd, None, None),
        ("/kubepods/burstable/podUID/ID", Unknown, None, pod),
        ("/kubepods/podUID/ID", Unknown, None, pod),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podU_ID.slice/docker-ID.scope", Docker, None, pod),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podU_ID.slice/crio-ID.scope", Crio, None, pod),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podU_ID.slice/crio-ID.scope/container", Crio, None, pod),
        ("/kubepods/besteffort/podUID/crio-ID", Crio, None, pod),
        ("/system.slice/nerdctl-ID.scope", Containerd, None, None),
        ("/machine.slice/libpod-ID.scope", Podman, None, None),
        ("/machine.slice/libpod-ID.scope/container", Podman, None, None),
        ("/machine.slice/machine-libpod_pod_OTHER.slice/libpod-ID.scope", Podman, None, None),
        ("/libpod_parent/libpod-ID", Podman, None, None),
        ("/libpod_parent/OTHER/libpod-ID", Podman, None, None),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container", Podman, Some(1000), None),
    ];
    for (text, runtime, user, pod) in table {
        let found = recognise(&path(text)).unwrap_or_else(|| panic!("{text}"));
        let wanted = ContainerRef { runtime, id: ID.to_owned(), user, pod: pod.map(str::to_owned) };
        assert_eq!(found, wanted, "{text}");
    }
    let found = recognise(b"/system.slice/runc-web-1.scope").expect("runc");
    assert_eq!((found.runtime, found.id.as_str()), (Oci, "web-1"));
    let found = recognise(b"/user.slice/user-7.slice/session-2.scope/crun-a.b.scope").expect("crun");
    assert_eq!((found.runtime, found.id.as_str(), found.user), (Oci, "a.b", Some(7)));
}

#[test]
fn whoever_makes_groups_inside_a_container_stays_inside_it() {
    let found = recognise(&path("/docker/ID/docker/OTHER")).expect("a container");
    assert_eq!(found.id, ID);
    let found =
        recognise(&path("/kubepods/podUID/ID/kubepods.slice/cri-containerd-OTHER.scope")).expect("one");
    assert_eq!((found.id.as_str(), found.runtime), (ID, Runtime::Unknown));
    let own = "/user.slice/user-1000.slice/user@1000.service/user.slice/user-0.slice/libpod-ID.scope";
    assert_eq!(recognise(&path(own)).expect("one").user, Some(1000));
}

#[test]
fn host_groups_tell_their_unit() {
    #[rustfmt::skip]
    let table = [
        ("/", None, None),
        ("/system.slice", None, None),
        ("/init.scope", Some("init.scope"), None),
        ("/system.slice/nginx.service", Some("nginx.service"), None),
        ("/system.slice/system-getty.slice/getty@tty1.service", Some("getty@tty1.service"), None),
        ("/system.slice/_cgroup.service", Some("cgroup.service"), None),
        ("/system.slice/app.service/sshd.service", Some("app.service"), None),
        ("/system.slice/app.service/worker", Some("app.service"), Some("worker")),
        ("/user.slice/user-1000.slice/session-3.scope", Some("session-3.scope"), None),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/web.service", Some("user@1000.service/web.service"), None),
        ("/user.slice/user-1000.slice/user@1000.service/a.service/b.service", Some("user@1000.service/a.service"), None),
        ("/machine.slice/libpod-conmon-ID.scope", Some("libpod-conmon-ID.scope"), None),
        ("/system.slice/crio-conmon-ID.scope", Some("crio-conmon-ID.scope"), None),
        ("/libpod_parent/conmon", None, None),
        ("/libpod_parent/ID", None, None),
        ("/machine.slice/machine-libpod_pod_ID.slice", None, None),
        ("/default/web", None, Some("web")),
        ("/plain1", None, Some("plain1")),
        ("/process_api/ID", None, Some("ID")),
        ("/a b", None, None),
        ("/system.slice/docker-0123.scope", Some("docker-0123.scope"), None),
        ("/default/..", None, None),
    ];
    for (text, unit, candidate) in table {
        let Place::Host { unit: got, candidate: maybe } = place(&path(text)) else {
            panic!("{text} is no container");
        };
        let named = |text: &str| String::from_utf8(path(text)).expect("text");
        assert_eq!(got, unit.map(named), "{text}");
        assert_eq!(maybe.map(|found| found.id), candidate.map(named), "{text}");
    }
}

#[test]
fn a_name_that_is_no_text_is_nobody() {
    assert_eq!(place(b"/a/\xff"), Place::Host { unit: None, candidate: None });
    assert_eq!(place(&[b'a'; MAX_PATH + 1]), Place::Host { unit: None, candidate: None });
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        place(&bytes);
    }

    #[test]
    fn what_looks_like_paths_is_read_and_ids_are_file_names(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("docker".to_owned()), Just(ID.to_owned()), Just("kubepods".to_owned()),
                Just(format!("podman-{ID}")), Just(format!("libpod-{ID}.scope")), "libpod-.{0,70}",
                "user-[0-9]{0,12}\\.slice", Just("user.slice".to_owned()), ".{0,20}:docker:.{0,66}",
                "(docker|runc|crio|conmon)?-?.{0,10}(\\.scope|\\.service|\\.slice)?",
            ], 0..6)
    ) {
        let text = format!("/{}", parts.join("/"));
        let id = match place(text.as_bytes()) {
            Place::Container(found) => Some(found.id),
            Place::Host { candidate, .. } => candidate.map(|found| found.id),
        };
        if let Some(id) = id {
            prop_assert!(is_id(&id));
            prop_assert!(text.contains(&id));
        }
    }
}
