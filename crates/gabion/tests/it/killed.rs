//! Hubs that are killed while alerts flow: programs of their own, and the link of an agent, which sends again what was not acknowledged.

use crate::{
    bad::Desk,
    hub_process::{Hub, Options},
    link::{Linked, agent},
    server_of_state::database,
    support::{directory, wait_for},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// So many are taken before and after a hub is killed.
const SOME: u64 = 300;

/// An agent's journal, which grows until it is told to stop.
struct Journal {
    stop: Arc<AtomicBool>,
    written: JoinHandle<u64>,
}

impl Journal {
    fn begin(home: &Path) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the hub has no other clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let now = u64::try_from(now).expect("fits");
        let mut file =
            File::options().create(true).append(true).open(home.join("alerts.jsonl")).expect("a file");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let written = thread::spawn(move || {
            let mut id = 0;
            while !stopped.load(Ordering::Relaxed) {
                for _ in 0..5 {
                    id += 1;
                    let alert = json!({
                        "id": id, "time": now, "rule": format!("rule {id}"), "priority": "Critical", "incident": null, "container": null,
                        "message": format!("alert {id}"), "falco": {"tags": [], "output_fields": {"proc.exepath": "/bin/sh"}},
                    });
                    writeln!(file, "{alert}").expect("writes");
                }
                // Some hundred a second.
                thread::sleep(Duration::from_millis(20));
            }
            id
        });
        Self { stop, written }
    }

    /// How many there are.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.written.join().expect("writes")
    }
}

fn start(desk: &Desk, name: &str, agents: &str, database: Option<&str>) -> Hub {
    Hub::start_with(desk, &Options { name, listen: "127.0.0.1:0", agents, database, time: None })
}

fn link(home: &Path, hub: &Hub, hubs: &[&Hub]) -> Linked {
    agent(home);
    let made = hub.send("POST", "/api/v1/join-tokens", &json!({"minutes": 5, "uses": 1}));
    let hubs: Vec<String> = hubs.iter().map(|hub| hub.agents.clone()).collect();
    Linked::start_for(home, &hubs, made["token"].as_str())
}

fn taken(hub: &Hub) -> u64 {
    // Whoever asks too often is told nothing for a while.
    let (_, answer) = hub.ask(&hub.token, "GET", "/api/v1/alerts?limit=1", None);
    answer["total"].as_u64().unwrap_or(0)
}

/// Each of them is there, and was counted once.
fn holds_all(hub: &Hub, written: u64) {
    wait_for("the last alert", || taken(hub) >= written);
    let (mut rules, mut counted, mut cursor) = (BTreeSet::new(), 0, String::new());
    loop {
        let page = hub.get(&format!("/api/v1/alerts?limit=1000{cursor}"));
        for alert in page["items"].as_array().expect("a list") {
            rules.insert(alert["rule"].as_str().expect("a rule").to_owned());
            counted += alert["count"].as_u64().expect("a number");
        }
        let Value::String(next) = &page["next"] else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((rules.len() as u64, counted), (written, written));
}

#[test]
fn no_alert_is_lost_when_one_of_two_hubs_is_killed() {
    let Some(url) = database() else { return };
    let (desk, home) = (Desk::new(), directory());
    let one = start(&desk, "one", "127.0.0.1:0", Some(&url));
    fs::create_dir_all(desk.at("two/identity")).expect("makes");
    for file in fs::read_dir(one.state.join("identity")).expect("reads").flatten() {
        fs::copy(file.path(), desk.at("two/identity").join(file.file_name())).expect("copies");
    }
    let two = start(&desk, "two", "127.0.0.1:0", Some(&url));
    let _link = link(home.path(), &one, &[&one, &two]);
    let journal = Journal::begin(home.path());
    wait_for("alerts", || taken(&one) >= SOME);
    // Where the agent has begun is chance.
    let told = one.get("/api/v1/hubs");
    let is_at_one = told["items"]
        .as_array()
        .expect("a list")
        .iter()
        .any(|hub| hub["here"] == true && hub["nodes"].as_u64() == Some(1));
    let (killed, left) = if is_at_one { (one, two) } else { (two, one) };
    drop(killed);
    let before = taken(&left);
    wait_for("alerts at the other", || taken(&left) >= before + SOME);
    holds_all(&left, journal.end());
}

#[test]
fn no_alert_is_lost_when_a_hub_on_sqlite_is_killed_again_and_again() {
    let (desk, home) = (Desk::new(), directory());
    let mut hub = start(&desk, "one", "127.0.0.1:0", None);
    let agents = hub.agents.clone();
    let _link = link(home.path(), &hub, &[&hub]);
    let journal = Journal::begin(home.path());
    for round in 1..=3 {
        wait_for("alerts", || taken(&hub) >= round * SOME);
        drop(hub);
        hub = start(&desk, "one", &agents, None);
    }
    wait_for("alerts after the last time", || taken(&hub) >= 4 * SOME);
    holds_all(&hub, journal.end());
}
