//! A real OpenSearch, started once for all tests: `scripts/fetch-opensearch.sh` brings it. And something in front of it that can be told to
//! go wrong as a real one cannot be.

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// How long it may take to start on a busy machine.
const START: Duration = Duration::from_mins(5);

struct Server {
    url: String,
    _directory: tempfile::TempDir,
}

static SERVER: LazyLock<Option<Server>> = LazyLock::new(start);

/// Where it is; none where it was not fetched, which fails under CI.
pub(crate) fn url() -> Option<&'static str> {
    let Some(server) = SERVER.as_ref() else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "OpenSearch is missing: scripts/fetch-opensearch.sh"
        );
        #[expect(clippy::print_stderr, reason = "a test that does not run says so")]
        {
            eprintln!("not run: there is no OpenSearch, or no Java 21; see scripts/fetch-opensearch.sh");
        }
        return None;
    };
    Some(&server.url)
}

/// Java 21 or newer.
fn java(fetched: &Path) -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/jvm").into_iter().flatten().flatten().map(|entry| entry.path());
    let homes = std::env::var_os("JAVA_HOME").map(PathBuf::from).into_iter();
    homes.chain([fetched.join("jdk")]).chain(installed).find(|home| {
        let release = fs::read_to_string(home.join("release")).unwrap_or_default();
        let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""));
        let major = version.and_then(|version| version.split(['.', '"', '-', '+']).next());
        major.and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major >= 21)
    })
}

fn start() -> Option<Server> {
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    let fetched = cache.join("gabion/opensearch");
    if !fetched.join("done").exists() {
        return None;
    }
    let java = java(&fetched)?;
    let is_root = rustix::process::geteuid().is_root();
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    let run = |command: &mut Command| assert!(command.status().expect("runs").success(), "{command:?}");
    // It refuses to be root, and whoever it is instead may not look into root's home.
    let copied =
        Command::new("cp").args(["-rlT"]).arg(fetched.join("opensearch")).arg(at.join("opensearch")).status();
    if !copied.expect("runs").success() {
        run(Command::new("cp").args(["-rT"]).arg(fetched.join("opensearch")).arg(at.join("opensearch")));
    }
    let java = if java.starts_with(&fetched) {
        run(Command::new("cp").args(["-rT"]).arg(&java).arg(at.join("jdk")));
        at.join("jdk")
    } else {
        java
    };
    let (config, log) = (at.join("config"), at.join("log"));
    fs::create_dir(&config).expect("writes");
    for name in ["data", "logs", "tmp"] {
        fs::create_dir(at.join(name)).expect("writes");
    }
    let settings = "discovery.type: single-node\nnetwork.host: 127.0.0.1\nhttp.port: 0\ntransport.port: 0\n\
         cluster.routing.allocation.disk.threshold_enabled: false\n";
    let paths = format!("path.data: {0}/data\npath.logs: {0}/logs\n", at.display());
    fs::write(config.join("opensearch.yml"), format!("{settings}{paths}")).expect("writes");
    let options = format!(
        "-Xms512m\n-Xmx512m\n-XX:TieredStopAtLevel=1\n-Djava.io.tmpdir={}/tmp\n-javaagent:agent/opensearch-agent.jar\n\
         --add-opens=java.base/java.nio=ALL-UNNAMED\n",
        at.display()
    );
    fs::write(config.join("jvm.options"), options).expect("writes");
    fs::copy(fetched.join("opensearch/config/log4j2.properties"), config.join("log4j2.properties"))
        .expect("copies");
    run(Command::new("chmod").args(["a+rx"]).arg(at));
    let program = at.join("opensearch/bin/opensearch");
    let mut command = if is_root {
        run(Command::new("chown")
            .args(["-R", "nobody"])
            .args(["data", "logs", "tmp", "config"].map(|name| at.join(name))));
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "nobody", "--clear-groups", "--pdeathsig", "KILL"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .env("OPENSEARCH_JAVA_HOME", java)
        .env("OPENSEARCH_PATH_CONF", config)
        .env("OPENSEARCH_TMPDIR", at.join("tmp"))
        .env_remove("JAVA_HOME")
        .stdin(Stdio::null())
        .stdout(fs::File::create(&log).expect("writes"))
        .stderr(Stdio::null());
    // It ends with the thread that has started it, so that one never ends.
    std::thread::spawn(move || {
        let mut child = command.spawn().expect("starts");
        let _ = child.wait();
        loop {
            std::thread::park();
        }
    });
    let began = Instant::now();
    let url = loop {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let http = text
            .lines()
            .find(|line| line.contains("HttpServerTransport") && line.contains("publish_address {"));
        if let Some(line) = http
            && text.lines().any(|line| line.trim_end().ends_with("started"))
        {
            let address = line.split("publish_address {").nth(1).and_then(|rest| rest.split('}').next());
            break format!("http://{}", address.expect("an address"));
        }
        assert!(began.elapsed() < START, "OpenSearch does not start:\n{text}");
        std::thread::sleep(Duration::from_millis(100));
    };
    Some(Server { url, _directory: directory })
}

/// What the thing in front does with a `_bulk`; everything else it passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Passes it on.
    Well,
    /// Answers 429, and passes nothing on.
    Busy,
    /// Passes the first half of the documents on, and answers 429 for each of the others.
    Half,
    /// Passes it on, and never answers.
    Silent,
}

#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) url: String,
    mood: Arc<Mutex<Mood>>,
    /// Bulks that were answered or not, in each mood.
    seen: Arc<[AtomicUsize; 4]>,
    behind: &'static str,
    client: Client,
}

impl Front {
    pub(crate) async fn start(behind: &'static str) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let front = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            mood: Arc::new(Mutex::new(Mood::Busy)),
            seen: Arc::default(),
            behind,
            client: Client::builder().no_proxy().build().expect("a client"),
        };
        let router = Router::new().fallback(pass).with_state(front.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        front
    }

    pub(crate) fn become_(&self, mood: Mood) {
        *self.mood.lock().expect("a lock") = mood;
    }

    /// How many bulks it has dealt with in a mood.
    pub(crate) fn seen(&self, mood: Mood) -> usize {
        self.seen[mood as usize].load(Ordering::SeqCst)
    }

    async fn forward(
        &self,
        method: Method,
        path: &str,
        headers: axum::http::HeaderMap,
        body: Bytes,
    ) -> (StatusCode, Bytes) {
        let mut request = self.client.request(method, format!("{}{path}", self.behind)).body(body);
        if let Some(kind) = headers.get("content-type") {
            request = request.header("content-type", kind);
        }
        let response = request.send().await.expect("OpenSearch answers");
        let status = response.status();
        (status, response.bytes().await.expect("OpenSearch answers"))
    }
}

async fn pass(State(front): State<Front>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.expect("a body");
    let path = parts.uri.path_and_query().expect("a path").as_str().to_owned();
    if !path.contains("/_bulk") {
        return front.forward(parts.method, &path, parts.headers, body).await.into_response();
    }
    let mood = *front.mood.lock().expect("a lock");
    let answer = match mood {
        Mood::Well => front.forward(parts.method, &path, parts.headers, body).await.into_response(),
        Mood::Busy => (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "busy").into_response(),
        Mood::Half => {
            let lines: Vec<&[u8]> = body.split_inclusive(|byte| *byte == b'\n').collect();
            let all = lines.len() / 2;
            let first = all.div_ceil(2);
            let part = Bytes::from(lines[..first * 2].concat());
            let (_, answer) = front.forward(parts.method, &path, parts.headers, part).await;
            let mut answer: Value = serde_json::from_slice(&answer).expect("JSON");
            let items = answer["items"].as_array_mut().expect("items");
            for _ in first..all {
                let error = json!({"type": "es_rejected_execution_exception", "reason": "the queue is full"});
                items.push(json!({"create": {"status": 429, "error": error}}));
            }
            Body::from(answer.to_string()).into_response()
        }
        Mood::Silent => {
            front.forward(parts.method, &path, parts.headers, body).await;
            front.seen[mood as usize].fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        }
    };
    front.seen[mood as usize].fetch_add(1, Ordering::SeqCst);
    answer
}
