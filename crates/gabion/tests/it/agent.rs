//! The agent on this kernel, and containers of runc that do what they should and what they should not.

use crate::{
    running::{Agent, Running, bundle, container},
    support::{can_run, directory, run, wait_for},
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn incident(state: &Path, arguments: &[&str]) -> String {
    run(Command::new(env!("CARGO_BIN_EXE_gabion")).arg("incident").args(arguments).arg("--state").arg(state))
}

#[test]
fn what_a_container_should_not_do_is_told_and_is_one_incident() {
    if !can_run("what_a_container_should_not_do_is_told_and_is_one_incident", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let agent = Agent::start(home.path(), &[]);
    let own = std::process::id();
    let (quiet, web) = (format!("gabion-quiet-{own}"), format!("gabion-web-{own}"));
    // What an ordinary program does: run others, read what it may, write where it may.
    let _quiet = container(
        home.path(),
        &quiet,
        "start",
        "/bin/sh -c 'ls /'; /bin/cat /etc/hosts; id > /tmp/who; /bin/cat /tmp/who",
    );
    let intrusion = "/bin/sh -c 'id; cp /bin/busybox /tmp/cat; \
                     /tmp/cat /run/secrets/kubernetes.io/serviceaccount/token'; true";
    let _web = container(home.path(), &web, "nginx", intrusion);
    agent.until(&web, "Shell spawned by a server");
    agent.until(&web, "Program executed from a shared or temporary directory");
    agent.until(&web, "Service account token read by a tool");
    assert_eq!(agent.told(&quiet), Vec::<Value>::new(), "an ordinary container is quiet");
    let alerts = agent.told(&web);
    let shell = alerts.iter().find(|alert| alert["rule"] == "Shell spawned by a server").expect("told");
    assert_eq!(shell["priority"], "Critical");
    assert_eq!(shell["output_fields"]["proc.pname"], "nginx");
    assert!(shell["tags"].as_array().is_some_and(|tags| tags.contains(&json!("T1059.004"))), "{shell}");
    let state = agent.stop();

    let list = incident(&state, &["list"]);
    let of_web: Vec<_> = list.lines().filter(|line| line.contains(&web)).collect();
    assert_eq!(of_web.len(), 1, "{list}");
    let id = of_web[0].split_whitespace().next().expect("an id");
    let story = incident(&state, &["show", id]);
    for part in ["Shell spawned by a server", "/tmp/cat", "serviceaccount/token", "ATT&CK: execution"] {
        assert!(story.contains(part), "{part} in\n{story}");
    }
    assert!(incident(&state, &["show", id, "--format", "svg"]).starts_with("<svg"));
}

#[test]
fn the_agent_can_be_asked_followed_and_reloaded() {
    if !can_run("the_agent_can_be_asked_followed_and_reloaded", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let rules = home.path().join("mine.yaml");
    let rule = "- rule: Id is asked for\n  desc: d\n  condition: evt.type = execve and proc.name = id and container.id != host\n  \
                output: id in %container.name\n  priority: WARNING\n";
    fs::write(&rules, rule).expect("writes");
    let agent = Agent::start(
        home.path(),
        &["--rules", rules.to_str().expect("UTF-8"), "--learn", "1ms", "--settle", "1ms"],
    );
    let name = format!("gabion-asked-{}", std::process::id());

    let heard = home.path().join("followed");
    let filter = format!("evt.type = execve and container.name = {name}");
    let mut follower = agent
        .ask(&["events", "--follow", "--filter", &filter, "--print", "%proc.name of %container.name"])
        .stdout(fs::File::create(&heard).expect("a file"))
        .spawn()
        .expect("starts");
    wait_for("somebody to follow", || run(&mut agent.ask(&["status"])).contains("followed by 1"));

    let first = container(
        home.path(),
        &name,
        "start",
        "/bin/id > /tmp/who; /bin/busybox timeout 0.1 /bin/busybox nc -l -p 80; /bin/ls /",
    );
    agent.until(&name, "Id is asked for");
    wait_for("events", || {
        fs::read_to_string(&heard).is_ok_and(|text| text.contains(&format!("ls of {name}")))
    });
    assert!(fs::read_to_string(&heard).expect("reads").contains(&format!("id of {name}")));
    drop(first);
    follower.kill().expect("ends");
    follower.wait().expect("ends");
    wait_for("nobody to follow", || !run(&mut agent.ask(&["status"])).contains("followed by"));

    // An alert is kept; the exception for it loads, and silences the next one.
    let listed = run(&mut agent.ask(&["alerts", "--container", &name]));
    assert!(listed.contains(&format!("id in {name}")), "{listed}");
    let id = listed.lines().nth(1).and_then(|line| line.split_whitespace().next()).expect("an id").to_owned();
    let exception = run(&mut agent.ask(&["rules", "tune", &id, "--field", "container.name"]));
    assert!(exception.contains(&name), "{exception}");
    let broken = format!(
        "{rule}- rule: Broken\n  desc: d\n  condition: no.field = 1\n  output: o\n  priority: DEBUG\n"
    );
    fs::write(&rules, broken).expect("writes");
    let refused = agent.ask(&["reload"]).output().expect("starts");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no.field"), "it says why");
    fs::write(&rules, format!("{rule}{exception}\n")).expect("writes");
    assert!(run(&mut agent.ask(&["reload"])).contains("rules, read again"));

    // What it did is a baseline; approved, it tells what is new, and only that.
    wait_for("a proposal", || run(&mut agent.ask(&["baseline", "list"])).contains("proposed"));
    let shown = run(&mut agent.ask(&["baseline", "show", &name]));
    for part in ["runs /bin/busybox", "/bin/busybox writes in /tmp", "uses CAP_NET_BIND_SERVICE"] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    run(&mut agent.ask(&["baseline", "approve", &name]));
    let told = agent.told(&name).len();
    let _second = container(
        home.path(),
        &name,
        "start",
        "/bin/id > /tmp/who; /bin/cp /bin/busybox /tmp/wget; /tmp/wget --help; true",
    );
    agent.until(&name, "Departure from the baseline");
    let new: Vec<Value> = agent.told(&name).split_off(told);
    assert!(new.iter().all(|alert| alert["rule"] != "Id is asked for"), "the exception holds: {new:?}");
    let diff = run(&mut agent.ask(&["baseline", "diff", &name]));
    assert!(diff.contains("/tmp/wget"), "{diff}");
    run(&mut agent.ask(&["baseline", "forget", &name]));
    assert!(!run(&mut agent.ask(&["baseline", "list"])).contains(&name));
    let state = agent.stop();
    let after = Command::new(env!("CARGO_BIN_EXE_gabion"))
        .args(["status", "--socket"])
        .arg(home.path().join("agent.sock"))
        .output()
        .expect("starts");
    assert!(String::from_utf8_lossy(&after.stderr).contains("no agent listens"), "the socket is gone");
    assert!(state.join("alerts.jsonl").exists());
}

#[test]
fn responses_have_guard_rails_and_a_way_back() {
    if !can_run("responses_have_guard_rails_and_a_way_back", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let own = std::process::id();
    let (web, safe, bad) =
        (format!("gabion-held-{own}"), format!("gabion-safe-{own}"), format!("gabion-bad-{own}"));
    let wanted = home.path().join("responses.yaml");
    fs::write(
        &wanted,
        "- rules: [Program executed from a shared or temporary directory]\n  containers: [gabion-bad-*]\n  action: kill-container\n  evidence: true\n  dry-run: false\n",
    )
    .expect("writes");
    let agent = Agent::start(
        home.path(),
        &["--respond", wanted.to_str().expect("UTF-8"), "--never-touch", "gabion-safe-*"],
    );
    let failed = |arguments: &[&str], reason: &str| {
        let output = agent.ask(arguments).output().expect("starts");
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8_lossy(&told);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(reason), "{reason} in {told}");
    };
    let running = Running::start(home.path(), &web, "while :; do /bin/busybox sleep 0.05; done");
    let _safe = Running::start(home.path(), &safe, "/bin/busybox sleep 600");

    failed(&["respond", "freeze", "nobody"], "no container that runs is called nobody");
    failed(&["respond", "freeze", &safe], "never touched");
    failed(&["respond", "kill", "1"], "never");
    let would = run(&mut agent.ask(&["respond", "freeze", &web, "--dry-run"]));
    assert!(would.contains("would have: freeze"), "{would}");
    run(&mut agent.ask(&["respond", "off"]));
    failed(&["respond", "freeze", &web], "switched off");
    run(&mut agent.ask(&["respond", "on"]));

    let group = |id: &str| {
        let pid: Value = serde_json::from_str(&run(Command::new("runc").args(["state", id]))).expect("JSON");
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", pid["pid"])).expect("reads");
        groups.lines().find_map(|line| line.strip_prefix("0::")).expect("version 2").to_owned()
    };
    let frozen = |id: &str| {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("reads");
        let root = mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (path, kind) = (words.next()?, words.next()?);
            (kind == "cgroup2").then(|| path.to_owned())
        });
        let events = format!("{}{}/cgroup.events", root.expect("mounted"), group(id));
        fs::read_to_string(events).expect("reads").contains("frozen 1")
    };
    let told = run(&mut agent.ask(&["respond", "freeze", &web, "--reason", "it looks odd"]));
    assert!(told.contains("done: frozen") && frozen(&web), "{told}");
    let id = told.split(' ').nth(1).expect("a number").trim_end_matches(':').to_owned();
    failed(&["respond", "freeze", &web], "does so already");
    assert!(run(&mut agent.ask(&["respond", "list"])).contains(&web));
    assert!(run(&mut agent.ask(&["respond", "--undo", &id])).contains("undone: thawed"));
    assert!(!frozen(&web));
    failed(&["respond", "--undo", &id], "has ended already");
    run(&mut agent.ask(&["respond", "freeze", &web, "--for", "1s"]));
    wait_for("its end", || !frozen(&web));
    assert_eq!(running.status(), "running");
    run(&mut agent.ask(&["respond", "kill-container", &web]));
    wait_for("the end of all processes", || running.status() == "stopped");

    // A rule that causes one, with evidence of what was dropped.
    let bad_one =
        Running::start(home.path(), &bad, "/bin/busybox cp /bin/busybox /tmp/sleep; /tmp/sleep 600");
    wait_for("the response", || bad_one.status() == "stopped");
    let listed = || run(&mut agent.ask(&["respond", "list", "--all"]));
    wait_for("its record", || listed().contains("rule Program executed from a shared"));
    let json: Value =
        serde_json::from_str(&run(&mut agent.ask(&["respond", "list", "--all", "--format", "json"])))
            .expect("JSON");
    let caused = json
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["target"]["name"] == bad.as_str())
        .expect("kept");
    let evidence = PathBuf::from(caused["evidence"].as_str().expect("a directory"));
    let processes = fs::read_dir(evidence.join("processes")).expect("lists").count();
    assert!(processes >= 1, "{caused}");

    // Who changes the record is noticed.
    let state = agent.stop();
    let record = state.join("responses.jsonl");
    let text = fs::read_to_string(&record).expect("reads");
    assert!(text.contains("it looks odd"));
    fs::write(&record, text.replace("it looks odd", "it looks fine")).expect("writes");
    let output = Command::new(env!("CARGO_BIN_EXE_gabion"))
        .args(["respond", "list", "--all", "--state"])
        .arg(&state)
        .output()
        .expect("starts");
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("it was changed"));
}

/// An overlay over a directory, as runtimes make it.
struct Overlay(Mounted);

impl Overlay {
    fn new(home: &Path, lower: &Path) -> Self {
        let [upper, work, merged] = ["upper", "work", "merged"].map(|name| {
            let path = home.join(name);
            fs::create_dir_all(&path).expect("makes");
            path.display().to_string()
        });
        let options = format!("lowerdir={},upperdir={upper},workdir={work}", lower.display());
        run(Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options, &merged]));
        Self(Mounted(merged.into()))
    }
}

/// Unmounts a directory when it is dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        // The directory would stay otherwise.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn what_was_brought_is_told_from_what_the_image_has() {
    if !can_run("what_was_brought_is_told_from_what_the_image_has", &["runc", "busybox", "mount"]) {
        return;
    }
    let home = directory();
    let name = format!("gabion-drift-{}", std::process::id());
    let script = "/bin/id; /bin/cp /bin/busybox /bin/ls.new; /bin/busybox mv /bin/ls.new /bin/wget; /bin/wget --help; \
                  /bin/busybox chmod 700 /bin/tool; /bin/tool; \
                  /bin/busybox printf x >> /bin/other; /bin/other; /data/mine; true";
    let bundle = bundle(home.path(), &name, "start", script);
    let bin = bundle.join("rootfs/bin");
    // Scripts are run by an interpreter of the image, so these are programs.
    for program in ["tool", "other"] {
        fs::copy("/bin/true", bin.join(program)).expect("copies");
    }
    // What they need to run, where a program of the host looks for it.
    for library in ["lib64/ld-linux-x86-64.so.2", "lib/x86_64-linux-gnu/libc.so.6"] {
        let to = bundle.join("rootfs").join(library);
        fs::create_dir_all(to.parent().expect("has one")).expect("makes");
        fs::copy(Path::new("/").join(library), to).expect("copies");
    }
    let data = home.path().join("data");
    fs::create_dir_all(&data).expect("makes");
    fs::copy("/bin/true", data.join("mine")).expect("copies");
    let overlay = Overlay::new(home.path(), &bundle.join("rootfs"));
    let mut spec: Value =
        serde_json::from_slice(&fs::read(bundle.join("config.json")).expect("reads")).expect("JSON");
    spec["root"]["path"] = json!(overlay.0.0);
    let mounts = spec["mounts"].as_array_mut().expect("a list");
    mounts.push(json!({"destination": "/data", "type": "bind", "source": data, "options": ["bind"]}));
    fs::write(bundle.join("config.json"), spec.to_string()).expect("writes");

    let agent = Agent::start(home.path(), &[]);
    let heard = home.path().join("heard");
    let filter = format!("evt.type = execve and evt.res = SUCCESS and container.name = {name}");
    let mut follower = agent
        .ask(&["events", "--follow", "--filter", &filter, "--print", "%proc.exepath %gabion.exe_in_image."])
        .stdout(fs::File::create(&heard).expect("a file"))
        .spawn()
        .expect("starts");
    wait_for("somebody to follow", || run(&mut agent.ask(&["status"])).contains("followed by 1"));
    let _kept = Running(name.clone());
    run(Command::new("runc").args(["run", "--keep", &name]).current_dir(&bundle).stdin(Stdio::null()));
    let lines = || fs::read_to_string(&heard).unwrap_or_default();
    wait_for("the last program", || lines().contains("/data/mine"));
    for line in [
        "/bin/busybox true.",
        "/bin/wget false.",
        "/bin/tool true.",
        "/bin/other false.",
        "/data/mine false.",
    ] {
        assert!(lines().lines().any(|told| told == line), "{line} in\n{}", lines());
    }
    follower.kill().expect("ends");
    follower.wait().expect("ends");
    let dropped: Vec<Value> = agent.told(&name);
    let files: Vec<&str> = dropped
        .iter()
        .filter(|alert| alert["rule"] == "Program dropped and executed")
        .filter_map(|alert| alert["output_fields"]["proc.exepath"].as_str())
        .collect();
    assert_eq!(files, ["/bin/wget", "/bin/other"], "a changed mode is no new program");
}

#[test]
fn a_full_disk_is_told_and_nothing_is_done_that_cannot_be_recorded() {
    if !can_run(
        "a_full_disk_is_told_and_nothing_is_done_that_cannot_be_recorded",
        &["runc", "busybox", "mount"],
    ) {
        return;
    }
    let home = directory();
    let state = home.path().join("state");
    fs::create_dir(&state).expect("makes");
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "none"]).arg(&state));
    let _mounted = Mounted(state.clone());
    let agent = Agent::start(home.path(), &[]);
    let name = format!("gabion-full-{}", std::process::id());
    let running = Running::start(home.path(), &name, "while :; do /bin/busybox sleep 0.05; done");
    let dry_run = || agent.ask(&["respond", "freeze", &name, "--dry-run"]).output().expect("starts").status;
    wait_for("its name", || dry_run().success());
    let full = fs::write(state.join("filler"), vec![0; 1 << 20]);
    assert!(full.is_err(), "the disk is full");

    let held = agent.ask(&["respond", "freeze", &name]).output().expect("starts");
    assert_eq!(held.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&held.stderr).contains("No space left"), "{held:?}");
    assert_eq!(run(&mut agent.ask(&["respond", "list"])), "no responses");
    assert_eq!(running.status(), "running");
    drop(running);
    let bad = format!("{name}-bad");
    // More than fits into what is left of the last page.
    let script =
        "/bin/cp /bin/busybox /tmp/cat; i=0; while [ $i -lt 20 ]; do /tmp/cat /etc/hosts; i=$((i + 1)); done";
    let _bad = container(home.path(), &bad, "start", script);
    agent.until(&bad, "Program executed from a shared or temporary directory");
    wait_for("the gap", || {
        let status = run(&mut agent.ask(&["status"]));
        status.contains("could not be kept") && status.contains("the agent's own journal")
    });
    fs::remove_file(state.join("filler")).expect("removes");
    wait_for("the incident", || {
        let list = agent.ask(&["incident", "list"]).output().expect("starts");
        String::from_utf8_lossy(&list.stdout).contains(&bad)
    });
    agent.stop();
}

#[test]
fn the_service_is_one_that_systemd_takes() {
    if !can_run("the_service_is_one_that_systemd_takes", &["systemd-analyze", "setpriv"]) {
        return;
    }
    let home = directory();
    let gabion = || Command::new(env!("CARGO_BIN_EXE_gabion"));
    run(gabion().args(["install", "agent", "--root"]).arg(home.path()).args([
        "--",
        "--rules",
        "/etc/my rules.yaml",
    ]));
    let unit = home.path().join("etc/systemd/system/gabion-agent.service");
    let program = home.path().join("usr/local/bin/gabion");
    assert!(run(Command::new(&program).arg("--version")).starts_with("gabion "));
    // The program is where the unit says only beneath the other root.
    let text = fs::read_to_string(&unit).expect("reads");
    let checked = home.path().join("gabion-agent.service");
    fs::write(&checked, text.replace("/usr/local/bin/gabion", "/bin/true")).expect("writes");
    let verdict =
        Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&checked).output().expect("starts");
    let said = String::from_utf8_lossy(&verdict.stderr).into_owned();
    assert!(!said.contains("gabion-agent.service"), "{said}");

    // The capabilities that it gives are enough to watch.
    let set = text.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).expect("a set");
    let set = set.to_lowercase().replace("cap_", "+").replace(' ', ",");
    let probed = run(Command::new("setpriv")
        .arg(format!("--bounding-set=-all,{set}"))
        .arg(&program)
        .args(["agent", "--probe"]));
    let unprobed = run(gabion().args(["agent", "--probe"]));
    let features = |table: &str| -> Vec<String> {
        let rows = table.lines().skip(1).take_while(|line| !line.is_empty());
        rows.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(features(&probed), features(&unprobed), "{probed}");

    run(gabion().args(["uninstall", "agent", "--root"]).arg(home.path()));
    assert!(!unit.exists() && !program.exists());
}
