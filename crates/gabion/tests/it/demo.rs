//! The demo as it is shown: images that have what they should have, containers that are named right, an intrusion that is one
//! incident, images that are fixed, and nothing left at the end.

use crate::{
    running::Agent,
    support::{can_run, directory, run, wait_for},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A demo, which goes with this.
struct Demo(PathBuf);

impl Demo {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
        command.arg("demo").args(arguments).arg("--directory").arg(&self.0);
        command
    }

    /// Its number, if others are on this machine.
    fn number(&self) -> u64 {
        let told = fs::read(self.0.join("demo.json")).expect("reads");
        serde_json::from_slice::<Value>(&told).expect("JSON")["number"].as_u64().expect("a number")
    }

    /// What a container of it is called.
    fn name(&self, app: &str) -> String {
        match self.number() {
            0 => format!("gabion-demo-{app}"),
            number => format!("gabion-demo-{app}-{number}"),
        }
    }

    /// What the starter database says of an image.
    fn scan(&self, image: &str) -> Value {
        let mut scan = Command::new(env!("CARGO_BIN_EXE_gabion"));
        scan.args(["scan", "--quiet", "--no-cache", "--format", "json"]);
        scan.env_remove("GABION_DB").env("XDG_DATA_HOME", self.0.join("none"));
        scan.arg(format!("oci:{}/oci:{image}", self.0.display()));
        serde_json::from_str(&run(&mut scan)).expect("JSON")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.command(&["stop"]).output();
    }
}

/// The layers of an image, the lowest first.
fn layers(scan: &Value) -> Vec<String> {
    let layers = scan["layers"].as_array().expect("a list").iter();
    layers.map(|layer| layer["diff_id"].as_str().expect("a digest").to_owned()).collect()
}

/// Which of the images that runs a container is of, by its annotation.
fn runs(name: &str) -> String {
    let state: Value = serde_json::from_str(&run(Command::new("runc").args(["state", name]))).expect("JSON");
    assert_eq!(state["status"], "running");
    state["annotations"]["org.opencontainers.image.ref.name"].as_str().expect("named").to_owned()
}

#[test]
fn the_demo_is_found_attacked_fixed_and_gone() {
    if !can_run("the_demo_is_found_attacked_fixed_and_gone", &["runc", "busybox", "ip"]) {
        return;
    }
    let home = directory();
    let demo = Demo(home.path().join("demo"));
    let agent = Agent::start(home.path(), &["--learn", "1ms", "--settle", "1ms"]);
    run(&mut demo.command(&["start"]));
    let number = demo.number();
    let [web, payments] = ["shop-web", "payments"].map(|app| demo.name(app));

    // What is in the images.
    let (base, of_web, of_payments) =
        (demo.scan("demo/base:1"), demo.scan("demo/shop-web:1"), demo.scan("demo/payments:1"));
    for (scan, wanted) in [
        (&of_web, &["CVE-2023-38545", "CVE-2023-4863", "CVE-2021-44228", "CVE-2021-44906"][..]),
        (&of_payments, &["CVE-2023-38545", "CVE-2022-42889", "stripe-secret-key", "CIS-DI-4.1"]),
    ] {
        let findings = scan["findings"].to_string();
        let missing: Vec<_> = wanted.iter().filter(|id| !findings.contains(**id)).collect();
        assert!(missing.is_empty(), "{missing:?} in {findings}");
    }
    assert_eq!(layers(&of_web)[..2], layers(&base)[..], "the base is beneath");
    assert_eq!(layers(&of_web)[..4], layers(&of_payments)[..4], "and the runtime");

    // What runs is named right.
    assert_eq!(runs(&web), "demo/shop-web:1");
    wait_for("baselines", || {
        let list = run(&mut agent.ask(&["baseline", "list"]));
        ["shop-web", "shop-api", "payments"].iter().all(|app| list.contains(&format!("demo/{app}")))
    });
    let id = of_web["target"]["image"]["config"].as_str().expect("a digest");
    assert!(run(&mut agent.ask(&["baseline", "list"])).contains(id), "by its digest");
    let orders = demo.0.join("run/shop-web/rootfs/tmp/orders.json");
    wait_for("orders", || fs::read_to_string(&orders).is_ok_and(|told| told.contains("\"paid\": 2")));
    assert_eq!([&web, &payments].map(|name| agent.told(name).len()), [0, 0], "it is quiet");

    // The intrusion.
    run(&mut demo.command(&["attack"]));
    for (name, rule) in [
        (&web, "Shell spawned by a server"),
        (&web, "Service account token read by a tool"),
        (&web, "Program dropped and executed"),
        (&payments, "Password file read"),
        (&payments, "Crypto miner"),
    ] {
        agent.until(name, rule);
    }
    assert_eq!(agent.told(&web)[0]["output_fields"]["container.image.repository"], "demo/shop-web");

    // The fix: what the base has brought is gone, what others have brought is not.
    run(&mut demo.command(&["fix", "--pause", "0"]));
    assert_eq!([&web, &payments].map(|name| runs(name)), ["demo/shop-web:2", "demo/payments:2"]);
    let fixed = demo.scan("demo/shop-web:2")["findings"].to_string();
    assert!(!fixed.contains("CVE-2023-38545") && !fixed.contains("CVE-2023-4863"), "{fixed}");
    assert!(fixed.contains("CVE-2021-44228"));
    wait_for("baselines of the new image", || {
        let fixed = run(&mut agent.ask(&["baseline", "list"]));
        fixed.lines().filter(|line| line.contains("demo/shop-web")).count() == 2
    });

    run(&mut demo.command(&["stop"]));
    run(&mut demo.command(&["stop"]));
    assert!(!demo.0.exists(), "nothing is left");
    for left in [
        format!("/run/runc/{web}"),
        format!("/run/netns/gabion-demo{number}"),
        format!("/run/netns/gabion-demo{number}-shop-web"),
        format!("/sys/class/net/gabion-demo{number}"),
    ] {
        assert!(!Path::new(&left).exists(), "{left}");
    }
    let mounts = fs::read_to_string("/proc/self/mounts").expect("reads");
    assert!(!mounts.contains(&demo.0.display().to_string()), "{mounts}");

    // One incident, from the connection on.
    let state = agent.stop();
    let incident = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
        run(command.arg("incident").args(arguments).arg("--state").arg(&state))
    };
    let list = incident(&["list"]);
    let stories: Vec<Value> = list
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .map(|id| serde_json::from_str(&incident(&["show", id, "--format", "json"])).expect("JSON"))
        .collect();
    let of_demo: Vec<&Value> = stories.iter().filter(|story| story.to_string().contains(&web)).collect();
    assert_eq!(of_demo.len(), 1, "one incident: {list}");
    let story = of_demo[0].to_string();
    assert!(of_demo[0]["origin"].to_string().contains(&web), "{}", of_demo[0]["origin"]);
    for part in [&*payments, "/tmp/.cache/busyboxd", "/tmp/xmrig", "203.0.113.77"] {
        assert!(story.contains(part), "{part} in {story}");
    }
}
