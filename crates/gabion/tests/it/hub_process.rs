//! A hub as a process of its own, and plain requests to it.

use crate::{bad::Desk, support::wait_for};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// It is killed with this value.
pub(crate) struct Hub {
    child: Child,
    pub(crate) url: String,
    address: String,
    /// Where agents are heard.
    pub(crate) agents: String,
    /// Of the first admin.
    pub(crate) token: String,
    pub(crate) state: PathBuf,
    pub(crate) notes: PathBuf,
}

/// How one is started.
pub(crate) struct Options<'a> {
    /// The directory of its state.
    pub(crate) name: &'a str,
    /// Where its console is.
    pub(crate) listen: &'a str,
    /// Where agents are heard.
    pub(crate) agents: &'a str,
    /// The URL of a database, if it is no file.
    pub(crate) database: Option<&'a str>,
    /// The clock that stands still; otherwise it is that of everybody else.
    pub(crate) time: Option<&'a str>,
}

impl Hub {
    /// Starts one with the database `db` of a desk; `listen` is where its console is.
    pub(crate) fn start(desk: &Desk, listen: &str) -> Self {
        // Where it has a certificate, that must be good at the time that it is.
        let time = listen.starts_with("127.").then_some("1760000000");
        Self::start_with(desk, &Options { name: "hub", listen, agents: "127.0.0.1:0", database: None, time })
    }

    pub(crate) fn start_with(desk: &Desk, options: &Options<'_>) -> Self {
        let Options { name, listen, agents, database, time } = options;
        let (state, told, notes) =
            (desk.at(name), desk.at(&format!("{name}.told")), desk.at(&format!("{name}.notes")));
        // Of one that was here before.
        let _ = fs::remove_file(&told);
        let child = Command::new(env!("CARGO_BIN_EXE_gabion"))
            .args(["hub", "--listen", listen, "--agents", agents, "--state"])
            .arg(&state)
            .arg("--db")
            .arg(desk.at("db"))
            .arg("--tell")
            .arg(&told)
            .args(database.iter().flat_map(|database| ["--database", database]))
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", desk.at(""))
            .envs(time.map(|time| ("SOURCE_DATE_EPOCH", time)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&notes).expect("a file"))
            .spawn()
            .expect("starts");
        let (url, address, agents, token) = Default::default();
        let mut hub = Self { child, url, address, agents, token, state, notes };
        wait_for("the hub to start", || {
            assert!(hub.child.try_wait().expect("asked").is_none(), "{}", hub.noted());
            told.exists()
        });
        let told: Value = serde_json::from_slice(&fs::read(&told).expect("reads")).expect("JSON");
        let text = |name: &str| told[name].as_str().expect("a text").to_owned();
        hub.url = text("url");
        hub.address = text("listen");
        hub.agents = text("agents");
        hub.token = fs::read_to_string(text("token_file")).expect("a token");
        hub
    }

    pub(crate) fn noted(&self) -> String {
        fs::read_to_string(&self.notes).unwrap_or_default()
    }

    /// A request over plain HTTP: the status, and what is answered.
    pub(crate) fn ask(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(&self.address).expect("connects");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// What the first admin is told.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask(&self.token, "GET", path, None);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// What the first admin sends, and is done.
    pub(crate) fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(&self.token, method, path, Some(body));
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// A token with this role.
    pub(crate) fn token(&self, role: &str) -> String {
        let made =
            self.send("POST", "/api/v1/tokens", &serde_json::json!({"name": role, "role": role, "days": 1}));
        made["secret"].as_str().expect("a secret").to_owned()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
