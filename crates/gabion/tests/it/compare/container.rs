//! One image, three ways to it: a layout, containerd, and a container that runs. The package lists are the same.

use super::{databases, gabion};
use crate::support::{can_run, directory, run, wait_for};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

const NAME: &str = "docker.io/library/compare:v1";

/// A containerd of our own, which ends with this value.
pub(crate) struct Containerd {
    pub(crate) socket: PathBuf,
    process: Child,
}

impl Containerd {
    pub(crate) fn start(at: &Path) -> Self {
        let socket = at.join("c.sock");
        let configuration = format!(
            "version = 2\nroot = '{0}/root'\nstate = '{0}/state'\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n\
             [grpc]\naddress = '{1}'\n",
            at.display(),
            socket.display()
        );
        fs::write(at.join("config.toml"), configuration).expect("written");
        let log = fs::File::create(at.join("log")).expect("a log");
        let process = Command::new("containerd")
            .arg("--config")
            .arg(at.join("config.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .expect("starts");
        let this = Self { socket, process };
        wait_for("containerd answers", || {
            this.command("version").output().is_ok_and(|output| output.status.success())
        });
        this
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&self.socket).args(line.split(' '));
        command
    }

    pub(crate) fn ctr(&self, line: &str) -> String {
        run(&mut self.command(line))
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}

/// The image: busybox, and Alpine's database of packages.
fn layout(at: &Path) {
    let umoci = |arguments: &[&str]| run(Command::new("umoci").args(arguments).current_dir(at));
    let path = env::var_os("PATH").unwrap_or_default();
    let busybox = env::split_paths(&path).map(|d| d.join("busybox")).find(|p| p.is_file());
    let busybox = busybox.expect("was looked for");
    umoci(&["init", "--layout", "oci"]);
    umoci(&["new", "--image", "oci:v1"]);
    umoci(&["insert", "--image", "oci:v1", busybox.to_str().expect("text"), "/bin/busybox"]);
    databases::alpine(&at.join("alpine"));
    for part in ["etc", "lib"] {
        umoci(&["insert", "--image", "oci:v1", &format!("alpine/{part}"), &format!("/{part}")]);
    }
}

#[test]
fn a_running_container_has_the_packages_of_its_image() {
    let tools = ["containerd", "ctr", "runc", "skopeo", "umoci", "busybox"];
    if !can_run("a_running_container_has_the_packages_of_its_image", &tools) {
        return;
    }
    let home = directory();
    let at = home.path();
    layout(at);
    let of_layout = gabion(&format!("oci:{}:v1", at.join("oci").display()), at);
    assert!(of_layout.len() >= 12, "{of_layout:?}");

    run(Command::new("skopeo")
        .args(["copy", "--quiet", "--insecure-policy"])
        .arg(format!("oci:{}:v1", at.join("oci").display()))
        .arg(format!("oci-archive:{}:{NAME}", at.join("image.tar").display())));
    let daemon = Containerd::start(at);
    daemon.ctr(&format!("images import --snapshotter overlayfs {}", at.join("image.tar").display()));
    let id = format!("gabion-compare-{}", std::process::id());
    daemon.ctr(&format!("run -d --snapshotter overlayfs {NAME} {id} /bin/busybox sleep 600"));
    let lists = [format!("containerd:{NAME}"), format!("container:{id}")]
        .map(|target| super::gabion_at(&target, &at.join("second"), Some(&daemon.socket)));
    let _ = daemon.command(&format!("tasks kill --signal KILL {id}")).output();
    wait_for("the container ends", || {
        daemon.command(&format!("tasks rm {id}")).output().is_ok_and(|output| output.status.success())
    });
    daemon.ctr(&format!("containers rm {id}"));
    for list in lists {
        assert_eq!(list, of_layout);
    }
}
