//! An intrusion over three real containers: told as one incident, and stopped step by step where policies are enforced.
//!
//! ```text
//!   this machine ──http──► web (Python) ──sh──► drops a program, reads the token ──http──► api (Python) ──sh──► miner
//!                                                                                               └──► cache (redis)
//! ```
//! Their roots are overlays over `/` of this machine, so their programs are Debian's; each has a network namespace of its own on one bridge.

use crate::{
    running::Agent,
    support::{can_run, directory, run, wait_for},
};
use rustix::fs::XattrFlags;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// A server with a hole: it runs what it is asked to, and tells whether that went well.
const APP: &str = r"
import http.server, os, socket, subprocess, urllib.parse
class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query))
        try:
            if 'shell' in asked: subprocess.run(['/bin/sh', '-c', asked['shell']], stdin=subprocess.DEVNULL)
            if 'run' in asked: subprocess.run(asked['run'].split(' '), check=True)
            if 'write' in asked: open(asked['write'], 'wb').write(open('/bin/true', 'rb').read()); os.chmod(asked['write'], 0o755)
            if 'read' in asked: open(asked['read']).read()
            if 'connect' in asked: socket.create_connection(asked['connect'].split(':'), timeout=5).close()
            said = 'well'
        except Exception as error:
            said = type(error).__name__
        self.send_response(200)
        self.end_headers()
        self.wfile.write(said.encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(('0.0.0.0', 8000), App).serve_forever()
";
const TOKEN: &str = "/run/secrets/kubernetes.io/serviceaccount/token";

fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')));
}

/// As it stands in a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"))
}

/// Three containers, and what is between them. All goes when this is dropped.
struct Estate {
    home: PathBuf,
    /// The test that it is of, by a letter, and by a number that no other process has.
    of: char,
    own: u32,
    started: Vec<(String, String)>,
}

impl Estate {
    fn new(home: &Path, of: char) -> Self {
        let home = home.join("estate");
        fs::create_dir(&home).expect("makes");
        // The layers must not lie in the root that is beneath them.
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "none"]).arg(&home));
        let estate = Self { home, of, own: std::process::id(), started: Vec::new() };
        let bridge = estate.bridge();
        ip(&format!("link add {bridge} type bridge"));
        ip(&format!("addr add {}.1/24 dev {bridge}", estate.net()));
        ip(&format!("link set {bridge} up"));
        estate
    }

    fn name(&self, what: &str) -> String {
        format!("gabion-{}-{what}-{}", self.of, self.own)
    }

    fn bridge(&self) -> String {
        format!("g{}b{}", self.of, self.own)
    }

    /// The network of the test, without the last number of addresses.
    fn net(&self) -> &'static str {
        if self.of == 'a' { "198.18.78" } else { "198.18.79" }
    }

    /// Asks a server to do something, and gives what it says.
    fn ask(&self, number: u8, what: &str, value: &str) -> String {
        let mut stream = TcpStream::connect(format!("{}.{number}:8000", self.net())).expect("connects");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("sets");
        write!(stream, "GET /?{what}={} HTTP/1.0\r\n\r\n", encoded(value)).expect("asks");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer.split_once("\r\n\r\n").expect("has a body").1.to_owned()
    }

    /// Starts one with the next address.
    fn start(&mut self, what: &str, arguments: &[&str]) {
        let (name, own) = (self.name(what), self.own);
        let number = self.started.len() + 2;
        let (of, net, bridge) = (self.of, self.net(), self.bridge());
        let space = format!("gabion-{of}-{own}-{number}");
        let (here, there) = (format!("g{of}{number}h{own}"), format!("g{of}{number}t{own}"));
        ip(&format!("netns add {space}"));
        self.started.push((name.clone(), space.clone()));
        ip(&format!("link add {here} type veth peer name {there} netns {space}"));
        ip(&format!("link set {here} master {bridge} up"));
        ip(&format!("-n {space} addr add {net}.{number}/24 dev {there}"));
        ip(&format!("-n {space} link set {there} up"));
        ip(&format!("-n {space} link set lo up"));

        let bundle = self.home.join(&name);
        let place = |name: &str| bundle.join(name).display().to_string();
        for name in ["upper", "work", "rootfs", "image/opt"] {
            fs::create_dir_all(bundle.join(name)).expect("makes");
        }
        for (name, mode) in [("tmp", 0o1777), ("root", 0o700), ("home", 0o755), ("run", 0o755)] {
            let path = bundle.join("image").join(name);
            fs::create_dir_all(&path).expect("makes");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("sets");
            rustix::fs::setxattr(&path, "trusted.overlay.opaque", b"y", XattrFlags::empty()).expect("sets");
        }
        let token = bundle.join("image").join(&TOKEN[1..]);
        fs::create_dir_all(token.parent().expect("has one")).expect("makes");
        fs::write(token, "a token").expect("writes");
        fs::write(bundle.join("image/opt/app.py"), APP).expect("writes");
        let layers =
            format!("lowerdir={}:/,upperdir={},workdir={}", place("image"), place("upper"), place("work"));
        run(Command::new("mount").args(["-t", "overlay", "none", "-o", &layers, &place("rootfs")]));
        run(Command::new("runc").arg("spec").current_dir(&bundle));
        let path = bundle.join("config.json");
        let mut spec: Value = serde_json::from_slice(&fs::read(&path).expect("reads")).expect("JSON");
        spec["process"]["terminal"] = json!(false);
        spec["process"]["args"] = json!(arguments);
        // The defaults may be more than this machine allows.
        spec["process"]["rlimits"] = Value::Null;
        spec["root"]["readonly"] = json!(false);
        let namespaces = spec["linux"]["namespaces"].as_array_mut().expect("a list");
        namespaces.retain(|one| one["type"] != "network");
        namespaces.push(json!({"type": "network", "path": format!("/run/netns/{space}")}));
        fs::write(&path, spec.to_string()).expect("writes");
        let log = fs::File::create(bundle.join("log")).expect("a file");
        // A pipe would be kept open by the container.
        let mut command = Command::new("runc");
        command.args(["run", "-d", &name]).current_dir(&bundle).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("the file")).stderr(log);
        let started = command.status().expect("starts");
        assert!(started.success(), "{}", fs::read_to_string(bundle.join("log")).unwrap_or_default());
        let port = if what == "cache" { 6379 } else { 8000 };
        wait_for(what, || TcpStream::connect(format!("{net}.{number}:{port}")).is_ok());
    }
}

impl Drop for Estate {
    fn drop(&mut self) {
        // A test that failed may not have made all of it.
        for (name, space) in &self.started {
            let _ = Command::new("runc").args(["delete", "-f", name]).output();
            let _ = Command::new("umount").arg("-l").arg(self.home.join(name).join("rootfs")).output();
            let _ = Command::new("ip").args(["netns", "del", space]).output();
        }
        let _ = Command::new("ip").args(["link", "del", &self.bridge()]).output();
        let _ = Command::new("umount").args(["-l", "-R"]).arg(&self.home).output();
    }
}

/// Ends what is enforced, also if the test fails.
struct Enforced(PathBuf);

impl Drop for Enforced {
    fn drop(&mut self) {
        let mut stop = Command::new(env!("CARGO_BIN_EXE_gabion"));
        let stopped = stop.args(["agent", "--stop-enforcing", "--state"]).arg(&self.0).output();
        assert!(std::thread::panicking() || stopped.is_ok_and(|output| output.status.success()));
    }
}

const NEEDED: &[&str] = &["runc", "busybox", "ip", "python3", "redis-server", "mount"];
const PYTHON: &str = "/usr/bin/python3";

fn estate(home: &Path, of: char) -> Estate {
    let mut estate = Estate::new(home, of);
    for what in ["web", "api"] {
        estate.start(what, &[PYTHON, "-I", "-S", "/opt/app.py"]);
    }
    estate.start("cache", &["/usr/bin/redis-server", "--protected-mode", "no", "--save", ""]);
    estate
}

#[test]
fn an_intrusion_over_three_containers_is_one_incident() {
    if !can_run("an_intrusion_over_three_containers_is_one_incident", NEEDED) {
        return;
    }
    let home = directory();
    // Whoever started these tests may itself be in memory only, and then all that they start would be of that incident.
    let rules = home.path().join("rules.yaml");
    let quiet = "- rule: Program executed from memory\n  enabled: false\n  override: {enabled: replace}\n";
    fs::write(&rules, quiet).expect("writes");
    let agent = Agent::start(home.path(), &["--rules", rules.to_str().expect("UTF-8")]);
    let estate = estate(home.path(), 'a');
    let [web, api, cache] = ["web", "api", "cache"].map(|what| estate.name(what));
    // An ordinary request before, so that not all that a server does belongs to the intrusion.
    assert_eq!(estate.ask(2, "read", "/etc/hostname"), "well");

    let second = "cp /usr/bin/sleep /tmp/xmrig; /tmp/xmrig 0.1; \
                  echo PING | /bin/busybox nc -w 1 198.18.78.4 6379";
    let first = format!(
        "cp /bin/busybox /tmp/busybox; /tmp/busybox cat {TOKEN}; \
         /tmp/busybox wget -q -O /dev/null 'http://198.18.78.3:8000/?shell={}'",
        encoded(second)
    );
    assert_eq!(estate.ask(2, "shell", &first), "well");
    agent.until(&web, "Program dropped and executed");
    agent.until(&web, "Service account token read by a tool");
    wait_for("the end of the intrusion", || {
        let told = agent.told(&api);
        told.iter().any(|alert| alert["priority"] == "Critical" || alert["priority"] == "Warning")
    });
    let state = agent.stop();

    let list =
        run(Command::new(env!("CARGO_BIN_EXE_gabion")).args(["incident", "list", "--state"]).arg(&state));
    let ids: Vec<&str> = list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let stories: Vec<Value> = ids
        .iter()
        .map(|id| {
            let mut show = Command::new(env!("CARGO_BIN_EXE_gabion"));
            show.args(["incident", "show", id, "--format", "json", "--state"]).arg(&state);
            serde_json::from_str(&run(&mut show)).expect("JSON")
        })
        .collect();
    let of_estate: Vec<&Value> = stories
        .iter()
        .filter(|story| {
            let told = story.to_string();
            [&web, &api, &cache].iter().any(|name| told.contains(name.as_str()))
        })
        .collect();
    assert_eq!(of_estate.len(), 1, "one incident: {list}");
    let story = of_estate[0];
    // Whoever attacks is a process of this machine here, so it is the origin, and its connection the way in.
    assert_eq!(story["origin"].as_array().map(Vec::len), Some(1), "{story}");
    let entered = story["steps"].as_array().expect("a list").iter().any(|step| {
        let way_in = format!("in {web}, port 8000");
        step["container"] == "the node" && step["text"].as_str().is_some_and(|text| text.contains(&way_in))
    });
    assert!(entered, "{}", serde_json::to_string_pretty(&story["steps"]).expect("JSON"));

    // What truly belongs to it, by what was executed and where.
    let lines = story["processes"].as_array().expect("a list");
    let has = |container: &str, command: &str| {
        lines.iter().any(|line| {
            line["container"] == container
                && line["command"].as_str().is_some_and(|told| told.contains(command))
        })
    };
    let truth = [
        (&web, "python3 -I -S /opt/app.py"),
        (&web, "/bin/sh -c cp"),
        (&web, "cp /bin/busybox /tmp/busybox"),
        (&web, "/tmp/busybox cat"),
        (&web, "/tmp/busybox wget"),
        (&api, "python3 -I -S /opt/app.py"),
        (&api, "/bin/sh -c cp"),
        (&api, "cp /usr/bin/sleep /tmp/xmrig"),
        (&api, "/tmp/xmrig 0.1"),
        (&api, "/bin/busybox nc"),
        (&cache, "redis-server"),
    ];
    let missing: Vec<_> = truth.iter().filter(|(container, command)| !has(container, command)).collect();
    assert!(missing.is_empty(), "{missing:?} in {}", serde_json::to_string_pretty(story).expect("JSON"));
    assert_eq!(story["cut"], false);
}

#[test]
fn each_step_of_an_intrusion_is_stopped_and_the_servers_serve_on() {
    if !can_run("each_step_of_an_intrusion_is_stopped_and_the_servers_serve_on", NEEDED) {
        return;
    }
    let home = directory();
    let policy = home.path().join("policy.yaml");
    let python = fs::canonicalize(PYTHON).expect("is there");
    let text = format!(
        "workloads:\n- name: 'gabion-b-*-{}'\n  policy:\n    name: servers\n    mode: enforce\n    \
         exec: {{default: deny, allow: [{PYTHON}, {}, /usr/bin/redis-server, /usr/bin/redis-check-rdb], image_only: true}}\n    \
         open: {{deny: ['/run/secrets/**']}}\n    \
         connect: {{default: deny, allow: [{{net: 127.0.0.0/8}}]}}\n",
        std::process::id(),
        python.display()
    );
    fs::write(&policy, text).expect("writes");
    // Ended after the agent, which would start the keeper again.
    let _enforced = Enforced(home.path().join("state"));
    let agent = Agent::start(home.path(), &["--policy", policy.to_str().expect("UTF-8")]);
    let estate = estate(home.path(), 'b');
    let web = estate.name("web");
    // The policy is there when the first denial is; until then the default holds, which only observes.
    wait_for("the policy", || estate.ask(2, "run", "/bin/true") == "PermissionError");
    for (what, value, said) in [
        ("shell", "cp /bin/busybox /tmp/busybox", "PermissionError"),
        ("write", "/tmp/dropped", "well"),
        ("run", "/tmp/dropped", "PermissionError"),
        ("read", TOKEN, "PermissionError"),
        ("connect", "198.18.79.3:8000", "PermissionError"),
        ("connect", "198.18.79.4:6379", "PermissionError"),
    ] {
        assert_eq!(estate.ask(2, what, value), said, "{what} {value}");
    }
    for number in [2, 3] {
        assert_eq!(estate.ask(number, "read", "/etc/hostname"), "well", "it serves on");
    }
    let mut redis = TcpStream::connect("198.18.79.4:6379").expect("connects");
    redis.write_all(b"PING\r\n").expect("asks");
    let mut pong = [0; 5];
    redis.read_exact(&mut pong).expect("answers");
    assert_eq!(&pong, b"+PONG");
    let denied = |wanted: &str| {
        agent.told(&web).iter().any(|alert| {
            alert["rule"] == "Policy violation"
                && alert["output_fields"]["enforcement.verdict"] == "denied"
                && alert["output_fields"]["enforcement.wanted"]
                    .as_str()
                    .is_some_and(|told| told.contains(wanted))
        })
    };
    for wanted in
        ["execute /bin/sh", "execute /tmp/dropped", TOKEN, "198.18.79.3 port 8000", "198.18.79.4 port 6379"]
    {
        wait_for(wanted, || denied(wanted) || denied(&wanted.replace("/bin/sh", "/usr/bin/")));
    }
    drop(estate);
    agent.stop();
}
