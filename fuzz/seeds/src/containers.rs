//! Control groups and states of containers, each behind the byte that chooses its reader.

use crate::texts::chosen;

const ID: &str = "7bdb1c3dd797f52f143b3d5fe4e95e0ad8934570f588f5a26d4b2e69b876c762";

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let uid = "0d206349_0faf_445c_8c3f_2d2153784f15";
    let bundle = r#"{"process":{"capabilities":{"bounding":["CAP_SYS_ADMIN","CAP_SYS_MODULE","CAP_SYS_RAWIO"]}},
        "mounts":[{"destination":"/data","source":"/srv","options":["rbind","ro","rprivate"]}],
        "linux":{"cgroupsPath":"kubepods-pod1.slice:crio:abc","resources":{"devices":[{"allow":true,"access":"rwm"}]},
        "maskedPaths":[],"readonlyPaths":null,"namespaces":[{"type":"mount"}]},
        "annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.image-name":"a/b:1",
        "io.kubernetes.cri.sandbox-name":"web","io.kubernetes.cri-o.ContainerType":"container",
        "io.kubernetes.cri-o.Labels":"{\"io.kubernetes.pod.name\":\"web\"}","io.kubernetes.cri-o.Created":"2026-01-01T00:00:00Z"}}"#;
    let runc = r#"{"created":"2026-01-01T00:00:00Z","config":{"labels":["bundle=/srv/web"]},
        "cgroup_paths":{"":"/sys/fs/cgroup/web"}}"#;
    let docker = format!(
        r#"{{"Created":"2026-01-01T00:00:00Z","Name":"/box","Image":"sha256:{ID}","Config":{{"Image":"app:v1","Labels":{{
        "io.kubernetes.pod.name":"web"}}}},"MountPoints":{{"/data":{{"Source":"/srv","Destination":"/data","RW":true}}}}}}"#
    );
    let storage = format!(
        r#"[{{"id":"{ID}","names":["box"],"image":"{ID}","created":"2026-01-01T00:00:00Z",
        "metadata":"{{\"image-name\":\"app:v1\",\"name\":\"box\"}}"}}]"#
    );
    vec![
        chosen(0, &format!("/kubepods.slice/kubepods-burstable-pod{uid}.slice/cri-containerd-{ID}.scope")),
        chosen(0, "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service/a"),
        chosen(0, &format!("/system.slice:docker:{ID}")),
        chosen(1, bundle),
        chosen(2, runc),
        chosen(3, &docker),
        chosen(4, &storage),
    ]
}
