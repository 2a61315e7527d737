//! A hub of a test: in a directory of its own, on ports that the kernel chooses.

use gabion_hub::{Running, Settings};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

/// A process that is started has for a moment, until it becomes another program, what this one has: the lock of a hub that was just stopped,
/// too. So no process is started while a hub is started again.
pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A hub, its time, and its first token.
pub(crate) struct Hub {
    running: Option<Running>,
    /// Threads of its own, so that it can be killed: of one that shares its database.
    runtime: Option<tokio::runtime::Runtime>,
    directory: PathBuf,
    pub(crate) time: Arc<AtomicI64>,
    pub(crate) token: String,
    url: String,
    client: Client,
    notes: Arc<Mutex<String>>,
}

impl Hub {
    /// Starts one in a directory, at a time that only the test moves.
    pub(crate) async fn start(directory: &Path) -> Self {
        Self::start_at(directory, 1_764_000_000_000).await
    }

    /// Starts one in the time of everybody else.
    pub(crate) async fn start_present(directory: &Path) -> Self {
        Self::start_at(directory, present()).await
    }

    /// Starts one on a database, in the time of everybody else.
    pub(crate) async fn start_on(directory: &Path, database: &str) -> Self {
        Self::try_start(directory, present(), Some(database)).await.expect("starts")
    }

    /// Why it does not start on a database.
    pub(crate) async fn refused(directory: &Path, database: &str) -> String {
        let started = Self::try_start(directory, present(), Some(database)).await;
        format!("{:#}", started.err().expect("it is refused"))
    }

    async fn start_at(directory: &Path, time: i64) -> Self {
        Self::try_start(directory, time, None).await.expect("starts")
    }

    async fn try_start(
        directory: &Path,
        time: i64,
        database: Option<&str>,
    ) -> Result<Self, gabion_hub::ServeError> {
        let time = Arc::new(AtomicI64::new(time));
        let clock = Arc::clone(&time);
        let notes = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&notes);
        let settings = Settings {
            directory: directory.to_owned(),
            database: database.map(str::to_owned),
            listen: "127.0.0.1:0".parse().expect("an address"),
            agents: "127.0.0.1:0".parse().expect("an address"),
            names: Vec::new(),
            certificate: None,
            advisories: directory.join("db"),
            owners: Some(directory.join("owners.yaml")).filter(|file| file.exists()),
            program: None,
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            notes: Arc::new(move |note| {
                let mut kept = kept.lock().expect("a lock");
                kept.push_str(note);
                kept.push('\n');
            }),
        };
        let (running, runtime) = if database.is_some() {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            match runtime.spawn(Running::start(settings)).await? {
                Ok(running) => (running, Some(runtime)),
                Err(error) => {
                    runtime.shutdown_background();
                    return Err(error);
                }
            }
        } else {
            (Running::start(settings).await?, None)
        };
        let token = std::fs::read_to_string(running.token_file()).expect("a token");
        let url = running.url();
        // The hub is on loopback, in plain HTTP.
        let client = Client::builder().no_proxy().build().expect("a client");
        let running = Some(running);
        Ok(Self { running, runtime, directory: directory.to_owned(), time, token, url, client, notes })
    }

    /// Whether a text stands anywhere in the files of its state.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(&self.directory).expect("a directory").flatten();
        let databases = files.filter(|file| file.file_name().to_string_lossy().starts_with("hub.db"));
        let mut read = 0;
        let holds = databases.fold(false, |holds, file| {
            let bytes = std::fs::read(file.path()).expect("reads");
            read += bytes.len();
            holds || bytes.windows(text.len()).any(|part| part == text.as_bytes())
        });
        assert!(read > 0, "the state was looked at");
        holds
    }

    pub(crate) async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Where its state is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Ends it without a word to anybody, as far as that can be done within one process; `killed.rs` of the program's own tests kills processes.
    pub(crate) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Where agents are heard.
    pub(crate) fn agents(&self) -> SocketAddr {
        self.running.as_ref().expect("it runs").agents
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// What it has told the operator.
    pub(crate) fn notes(&self) -> String {
        self.notes.lock().expect("a lock").clone()
    }

    /// Its time is that of everybody else from now on.
    pub(crate) fn at_present(&self) {
        self.time.store(present(), Ordering::Relaxed);
    }

    /// A request by nobody.
    pub(crate) fn bare(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A request by a token.
    pub(crate) fn by(&self, token: &str, method: Method, path: &str) -> RequestBuilder {
        self.bare(method, path).bearer_auth(token)
    }

    /// What the first admin is told.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.by(&self.token, Method::GET, path).send().await.expect("answers");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    /// The description of the API.
    pub(crate) async fn document(&self) -> Value {
        let answer = self.bare(Method::GET, "/api/v1/openapi.json").send().await.expect("answers");
        answer.json().await.expect("JSON")
    }

    /// What the first admin sends.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Response {
        self.by(&self.token, Method::POST, path).json(&body).send().await.expect("answers")
    }

    /// A token for this role, and these owners.
    pub(crate) async fn token(&self, role: &str, owners: &[&str]) -> String {
        let made: Value = self
            .post("/api/v1/tokens", json!({"name": role, "role": role, "days": 1, "owners": owners}))
            .await
            .json()
            .await
            .expect("JSON");
        made["secret"].as_str().expect("a secret").to_owned()
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.time.fetch_add(millis, Ordering::Relaxed);
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What time it is for everybody else.
#[expect(
    clippy::disallowed_methods,
    reason = "another program, which has no other clock, is part of the test"
)]
pub(crate) fn present() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_millis()).expect("fits")
}

/// Where hubs of a test run.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Waits until something holds. It asks more and more seldom: a slow machine must not meet the limit of requests of a minute.
pub(crate) async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let (began, mut pause) = (Instant::now(), Duration::from_millis(20));
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "{what} does not come");
        tokio::time::sleep(pause).await;
        pause = (pause * 5 / 4).min(Duration::from_millis(250));
    }
}

/// A hub for the length of a test.
pub(crate) fn with<F: AsyncFnOnce(&Hub)>(test: F) {
    with_time(1_764_000_000_000, test);
}

/// The same in the time of everybody else.
pub(crate) fn with_present<F: AsyncFnOnce(&Hub)>(test: F) {
    with_time(present(), test);
}

fn with_time<F: AsyncFnOnce(&Hub)>(time: i64, test: F) {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_at(directory.path(), time).await;
        test(&hub).await;
        hub.stop().await;
    });
}
