//! The hub of the bench: a process of its own.

use serde_json::Value;
use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_hours(1);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) struct Hub {
    child: Child,
    url: String,
    pub(crate) agents: SocketAddr,
    token: String,
    client: reqwest::Client,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Hub {
    pub(crate) async fn start(binary: &Path, directory: &Path, database: Option<&str>) -> Self {
        let told = directory.join("told.json");
        let mut command = Command::new(std::fs::canonicalize(binary).expect("the binary"));
        command
            .args(["hub", "--listen", "127.0.0.1:0", "--agents", "127.0.0.1:0", "--state"])
            .arg(directory.join("hub"))
            .arg("--db")
            .arg(directory.join("db"))
            .arg("--tell")
            .arg(&told);
        if let Some(database) = database {
            command.args(["--database", database]);
        }
        let child = command.spawn().expect("starts");
        let start = Instant::now();
        let json: Value = loop {
            if let Some(json) =
                std::fs::read(&told).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
            {
                break json;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "the hub does not start");
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let text = |name: &str| json[name].as_str().expect("text").to_owned();
        Self {
            child,
            url: text("url"),
            agents: text("agents").parse().expect("an address"),
            token: std::fs::read_to_string(text("token_file")).expect("a token"),
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (Duration, Vec<u8>) {
        let start = Instant::now();
        let asked = self.client.get(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token).send();
        let response = asked.await.expect("answers");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        let bytes = response.bytes().await.expect("a body");
        (start.elapsed(), bytes.to_vec())
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let sent = self.client.post(format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token).json(body);
        sent.send().await.expect("answers").json().await.expect("JSON")
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self).await {
            assert!(start.elapsed() < PATIENCE, "it does not come that {what}");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn rss_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).expect("a number") / 1024
    }

    /// Seconds of processor.
    pub(crate) fn processor(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("runs");
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        (fields[11].parse::<f64>().expect("a number") + fields[12].parse::<f64>().expect("a number")) / 100.0
    }
}
