//! What a new user does: `gabion up --demo`, the incident to its origin, a response, one base image from its finding to verified in
//! production by containers that are really rebuilt and restarted, and the hub killed in between.

use crate::{
    running::Running,
    support::{can_run, directory, run, wait_for},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What `gabion up` has started, which goes with this.
struct Up(PathBuf);

impl Up {
    fn gabion(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
        // The starter database, whatever this machine has.
        command.args(arguments).env_remove("GABION_DB").env("XDG_DATA_HOME", self.0.join("none"));
        command
    }

    fn start(state: &Path, more: &[&str]) -> Self {
        let up = Self(state.to_owned());
        let mut command =
            up.gabion(&["up", "--detach", "--listen", "127.0.0.1:0", "--agents", "127.0.0.1:0"]);
        run(command.args(more).arg("--state").arg(state));
        up
    }

    fn told(&self, name: &str) -> String {
        let told = fs::read(self.0.join("up.json")).expect("is told");
        serde_json::from_slice::<Value>(&told).expect("JSON")[name].as_str().expect("a text").to_owned()
    }

    /// An answer of the API; none while the hub is away.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let (status, answer) = self.answer(method, path, body)?;
        assert!(status == 200 || status == 204, "{path}: {status} {answer}");
        Some(answer)
    }

    /// Its status, and what it says.
    fn answer(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let token = fs::read_to_string(self.0.join("hub/admin-token")).ok()?;
        let mut stream = TcpStream::connect(self.told("listen")).ok()?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            stream,
            "{method} /api/v1{path} HTTP/1.1\r\nhost: hub\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            token.trim(),
            body.len()
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().expect("a status");
        let said = if body.is_empty() { Value::Null } else { serde_json::from_str(body).expect("JSON") };
        Some((status, said))
    }

    /// Waits until something has changed, at most a second.
    fn changed(&self) -> Option<()> {
        let token = fs::read_to_string(self.0.join("hub/admin-token")).ok()?;
        let mut stream = TcpStream::connect(self.told("listen")).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        write!(
            stream,
            "GET /api/v1/live HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {}\r\n\r\n",
            token.trim()
        )
        .ok()?;
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.into_iter().find(|line| line.starts_with("event:")).map(drop)
    }

    /// Waits until something holds, looking whenever the hub says that something has changed.
    fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        wait_for(what, || condition() || self.changed().is_some_and(|()| condition()));
    }

    fn items(&self, path: &str) -> Vec<Value> {
        let page = self.ask("GET", path, &Value::Null);
        page.and_then(|mut page| page["items"].as_array_mut().map(std::mem::take)).unwrap_or_default()
    }

    /// The state of a finding of an image, if there is one.
    fn state(&self, repository: &str, rule: &str) -> Option<String> {
        let found = self.items(&format!("/findings?repository={repository}&rule={rule}"));
        found.first().and_then(|finding| finding["state"].as_str()).map(str::to_owned)
    }

    /// Alerts by id, with how often each came.
    fn alerts(&self) -> Vec<(String, u64)> {
        let alerts = self.items("/alerts?limit=1000");
        let alert = |alert: &Value| {
            (alert["id"].as_str().expect("an id").to_owned(), alert["count"].as_u64().expect("a count"))
        };
        alerts.iter().map(alert).collect()
    }

    /// How the agent does; null while it is starting.
    fn agent(&self) -> Value {
        let socket = self.0.join("agent.sock");
        let told =
            self.gabion(&["status", "--format", "json", "--socket"]).arg(socket).output().expect("runs");
        serde_json::from_slice(&told.stdout).unwrap_or_default()
    }

    fn demo(&self, what: &str) {
        run(self.gabion(&["demo", what, "--directory"]).arg(self.0.join("demo")));
    }
}

impl Drop for Up {
    #[expect(clippy::print_stderr, reason = "whoever reads why the test failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What was there when it failed is gone after this.
            for path in ["/containers", "/images", "/findings?limit=20"] {
                eprintln!("{path}: {:?}", self.answer("GET", path, &Value::Null));
            }
            eprintln!("{}", fs::read_to_string(self.0.join("up.log")).unwrap_or_default());
        }
        let _ = self.gabion(&["down", "--demo", "--purge", "--state"]).arg(&self.0).output();
    }
}

/// The process of a hub.
fn hub(state: &Path) -> Option<u32> {
    let wanted = state.join("hub").display().to_string();
    let processes = fs::read_dir("/proc").expect("is there").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
        words.get(1) == Some(&b"hub".as_slice()) && words.contains(&wanted.as_bytes())
    })
}

#[test]
fn a_base_image_is_followed_from_its_finding_to_verified_in_production() {
    if !can_run(
        "a_base_image_is_followed_from_its_finding_to_verified_in_production",
        &["runc", "busybox", "ip"],
    ) {
        return;
    }
    let home = directory();
    let state = home.path().join("state");
    let up = Up::start(&state, &["--demo"]);
    // The base brings one, the application another.
    let (of_base, of_own) = ("CVE-2023-38545", "CVE-2021-44228");
    up.until("findings", || up.state("demo/shop-web", of_base).as_deref() == Some("open"));
    assert_eq!(up.state("demo/shop-web", of_own).as_deref(), Some("open"));
    // The shop has its archive open, and nothing that runs uses curl.
    let loaded = || up.items("/findings?repository=demo/shop-web&loaded=true");
    up.until("what is loaded", || loaded().iter().any(|finding| finding["rule"] == of_own));
    assert!(loaded().iter().all(|finding| finding["rule"] != of_base));

    // One incident over two containers, with its origin, and the way there by name.
    let incident = || {
        let incidents = up.items("/incidents?state=open&limit=100");
        incidents.into_iter().find(|one| {
            let containers = one["containers"].to_string();
            containers.contains("shop-web") && containers.contains("payments")
        })
    };
    up.until("the incident", || incident().is_some());
    let id = incident().expect("was there")["id"].as_str().expect("an id").to_owned();
    let detail = up.ask("GET", &format!("/incidents/{id}"), &Value::Null).expect("is there");
    assert!(detail["origin"].to_string().contains("It came in by a connection"), "{}", detail["origin"]);
    up.until("a flow by name", || {
        let map = up.ask("GET", "/service-map", &Value::Null).unwrap_or_default();
        map["flows"].as_array().is_some_and(|flows| {
            flows.iter().any(|flow| flow["from"] == "demo/shop-api" && flow["to"] == "demo/payments")
        })
    });

    // What would be done, then what is done, then undone.
    let payments = up.items("/containers?running=true&q=payments").remove(0);
    let respond = |dry_run: bool| {
        let target = json!({"node": payments["node"], "container": payments["id"]});
        let body = json!({"action": "isolate", "target": target, "reason": "a test", "dry_run": dry_run, "incident": id});
        up.ask("POST", "/responses", &body).expect("answers")
    };
    assert_eq!(respond(true)["outcome"]["state"], "would-have");
    let done = respond(false);
    assert_eq!(done["outcome"]["state"], "done", "{done}");
    let undone = up
        .ask("DELETE", &format!("/responses/{}", done["id"].as_str().expect("an id")), &Value::Null)
        .expect("answers");
    assert_eq!(undone["outcome"]["state"], "undone", "{undone}");

    // What was acknowledged is there after the hub was killed, once, and what comes while it is away comes later.
    let before = up.alerts();
    let pid = hub(&state).expect("runs");
    run(Command::new("kill").args(["-9", &pid.to_string()]));
    up.demo("attack");
    up.until("another hub", || hub(&state).is_some_and(|other| other != pid) && !up.alerts().is_empty());
    up.until("what came meanwhile", || {
        up.alerts().iter().map(|(_, many)| many).sum::<u64>() > before.iter().map(|(_, many)| many).sum()
    });
    let after = up.alerts();
    for (id, many) in before {
        assert!(after.iter().any(|(other, now)| *other == id && *now >= many), "{id}");
    }

    // The base is built anew, and what is built on it; the containers are replaced.
    up.demo("fix");
    for repository in ["demo/shop-web", "demo/shop-api", "demo/payments"] {
        up.until("the fix in production", || up.state(repository, of_base).as_deref() == Some("verified"));
    }
    assert_eq!(up.state("demo/shop-web", of_own).as_deref(), Some("open"), "nobody has mended that");

    let down = up.gabion(&["down", "--demo", "--purge", "--state"]).arg(&state).output().expect("runs");
    assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
    assert_eq!(hub(&state), None);
    assert!(!state.join("demo").exists() && !state.join("hub").exists());
}

#[test]
fn what_is_rolled_out_is_judged_by_and_can_be_taken_back() {
    if !can_run("what_is_rolled_out_is_judged_by_and_can_be_taken_back", &[]) {
        return;
    }
    let home = directory();
    let state = home.path().join("state");
    let up = Up::start(&state, &[]);
    up.until("a node", || up.items("/nodes").first().is_some_and(|node| node["state"] == "connected"));
    let without = up.agent()["rules"].as_u64().expect("a number");
    let name = up.items("/nodes")[0]["name"].as_str().expect("a name").to_owned();
    let marker = home.path().join("gabion-marker");
    fs::copy("/bin/true", &marker).expect("copies");
    let rule = |condition: &str| {
        format!(
            "- rule: Marker\n  desc: d\n  condition: {condition}\n  output: marker %proc.exepath\n  priority: WARNING\n"
        )
    };
    let rules = rule("evt.type in (execve, execveat) and proc.exepath endswith gabion-marker");

    // What cannot be used is not rolled out, whoever finds out: the hub of rules, a node of policies.
    let check = |body: Value| up.ask("POST", "/configurations/check", &body).expect("answers");
    assert!(check(json!({"rules": rule("no.such = field")}))["problems"][0].to_string().contains("no.such"));
    let wrong = check(json!({"policy": "default: {mode: sometimes}"}));
    assert!(wrong["problems"][0].to_string().contains("the policy of the hub"), "{wrong}");
    let (status, said) =
        up.answer("POST", "/configurations", &json!({"policy": "default: [1]"})).expect("answers");
    assert_eq!(status, 400, "{said}");
    let right = check(json!({"rules": rules, "policy": "default: {mode: observe}"}));
    assert_eq!(
        (&right["problems"], &right["read_by"], &right["rules"]),
        (&json!([]), &json!([name]), &json!(without + 1))
    );

    // First for others: nobody has it.
    up.ask("POST", "/configurations", &json!({"rules": rules, "nodes": ["no-such-*"], "reason": "a try"}));
    let version =
        |number: u64| up.ask("GET", &format!("/configurations/{number}"), &Value::Null).expect("answers");
    assert_eq!(version(1)["on"], json!([]));
    up.ask("PATCH", "/configurations/1", &json!({"nodes": []}));
    up.until("it is applied", || version(1)["applied"] == 1);
    assert_eq!(up.agent()["rules"], without + 1);
    let told =
        || up.items("/alerts?rule=Marker").first().and_then(|alert| alert["count"].as_u64()).unwrap_or(0);
    up.until("an alert of it", || {
        run(&mut Command::new(&marker));
        told() > 0
    });

    // An agent that was killed goes on with it.
    let pid = up.agent()["pid"].as_u64().expect("a number");
    run(Command::new("kill").args(["-9", &pid.to_string()]));
    wait_for("another agent", || up.agent()["pid"].as_u64().is_some_and(|other| other != pid));
    assert!(up.agent()["configuration"].as_str().is_some_and(|name| name.starts_with("v1-")));

    // A newer one without it, taken back; then the first, too.
    up.ask("POST", "/configurations", &json!({"reason": "nothing"}));
    up.until("the newer", || version(2)["applied"] == 1);
    assert_eq!(up.agent()["rules"], without);
    up.ask("DELETE", "/configurations/2", &Value::Null);
    up.until("the one before", || version(1)["applied"] == 1 && up.agent()["rules"] == without + 1);
    up.ask("DELETE", "/configurations/1", &Value::Null);
    wait_for("none", || up.agent()["configuration"].is_null() && up.agent()["rules"] == without);
    let actions: Vec<Value> = up.items("/audit").into_iter().map(|entry| entry["action"].clone()).collect();
    for action in ["configuration.create", "configuration.change", "configuration.withdraw"] {
        assert!(actions.contains(&json!(action)), "{action}");
    }
}

#[test]
fn a_baseline_that_is_rolled_out_judges_what_runs_and_can_be_taken_back() {
    if !can_run("a_baseline_that_is_rolled_out_judges_what_runs_and_can_be_taken_back", &["runc", "busybox"])
    {
        return;
    }
    let home = directory();
    let up = Up::start(&home.path().join("state"), &[]);
    let name = format!("gabion-given-{}", std::process::id());
    let script = "/bin/cp /bin/busybox /tmp/tool; while :; do /tmp/tool true; /bin/busybox sleep 0.1; done";
    let _running = Running::start(home.path(), &name, script);
    let mine = || up.items(&format!("/baselines?q={name}")).into_iter().next().unwrap_or_default();
    let detail = || {
        let id =
            mine()["id"].as_str().expect("an id").replace('|', "%7C").replace('/', "%2F").replace(' ', "%20");
        up.ask("GET", &format!("/baselines/{id}"), &Value::Null).expect("answers")
    };
    up.until("it is learnt", || !mine().is_null() && detail()["exported"].to_string().contains("/tmp/tool"));
    assert_eq!((&mine()["state"], &mine()["rolled_out"]), (&json!("learning"), &Value::Null));

    // Somebody rolls it out without the tool, which is told from then on: also here, where it was learnt.
    let exported = detail()["exported"].as_str().expect("a text").to_owned();
    let mut given: Value = serde_json::from_str(&exported).expect("JSON");
    given["items"].as_array_mut().expect("a list").retain(|item| !item.to_string().contains("/tmp/tool"));
    let twice = json!({"baselines": format!("{exported}\n{exported}")});
    let (status, said) = up.answer("POST", "/configurations", &twice).expect("answers");
    assert!(status == 400 && said.to_string().contains("two baselines"), "{said}");
    up.ask("POST", "/configurations", &json!({"baselines": given.to_string(), "reason": "no tools"}));
    up.until("it is applied", || !mine()["rolled_out"].is_null());
    assert_eq!(mine()["state"], "locked");
    let told = || {
        let alerts = up.items("/alerts?limit=1000");
        let is_it = |alert: &Value| {
            alert["rule"] == "Departure from the baseline" && alert.to_string().contains("/tmp/tool")
        };
        alerts.iter().any(is_it)
    };
    up.until("the tool is told", told);
    assert!(detail()["contents"].to_string().contains("/tmp/tool"), "it waits to be approved");

    up.ask("DELETE", "/configurations/1", &Value::Null);
    up.until("what was learnt is in force again", || mine()["rolled_out"].is_null());
    assert_eq!(mine()["state"], "learning");
    assert!(detail()["exported"].to_string().contains("/tmp/tool"));
}
