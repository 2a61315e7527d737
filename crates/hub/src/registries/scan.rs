//! Scans of what waits: one at a time, by this very program in a process of its own, at the lowest priority. Layers that were scanned before are
//! taken from a cache that stays.

use super::{
    look::directory,
    place::{Place, authority},
};
use crate::Hub;
use anyhow::{Context, anyhow, bail};
use gabion_api::rest::Topic;
use gabion_image::cache::Cache;
use gabion_store::state::{RegistryAccess, WaitingTag};
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};
use tokio::{sync::oneshot, time::MissedTickBehavior};

/// What the program is told first, so that it scans, and ends with the hub.
const SCAN: &str = "__scan";
/// How often is looked whether something waits to be tried again.
const TICK: Duration = Duration::from_secs(20);
/// A scan takes no longer.
const LONGEST: Duration = Duration::from_mins(30);
/// How often is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
/// A report is not longer, in bytes.
const MAX_REPORT: u64 = 512 << 20;
/// What a scan says on standard error is kept up to this.
const MAX_WORDS: usize = 4 << 10;
/// Results of scans are kept for so long; and when they have so many bytes together, only what was used in the last hour.
const KEEP: Duration = Duration::from_hours(30 * 24);
const MAX_CACHE: u64 = 20 << 30;
const LATELY: Duration = Duration::from_hours(1);
/// How an image that is none is told.
const NO_IMAGE: &str = "is not a container image but";
/// What of the hub's environment a scan may have: the way to the network, and where files go.
const ENVIRONMENT: [&str; 10] = [
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TMPDIR",
];

/// Goes on until the hub ends.
pub(super) async fn run(hub: Hub) {
    let Some(program) = hub.settings.program.clone() else { return };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = hub.registries.scans.notified() => {}
        }
        loop {
            let done = match hub.state.next_tag(hub.now()).await {
                Ok(Some(tag)) => one(&hub, &tag, &program).await,
                Ok(None) => break,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = done {
                hub.note(&format!("an image of a registry cannot be scanned: {error:#}"));
                break;
            }
        }
    }
}

/// Scans one and keeps what came of it. An error is of the hub: it is tried again later.
async fn one(hub: &Hub, tag: &WaitingTag, program: &Path) -> anyhow::Result<()> {
    let access = match hub.registry_access(&tag.registry).await {
        Ok(access) => access,
        Err(error) => return Ok(hub.state.tag_failed(tag, &format!("{error:#}"), true, hub.now()).await?),
    };
    let job = Job::new(hub, tag, &access, program)?;
    // Whoever waits for the scan may go; then it ends, too.
    let stop = Stop::default();
    let stopped = Arc::clone(&stop.0);
    let (done, scanned) = oneshot::channel();
    thread::Builder::new().name("registry-scan".to_owned()).spawn(move || {
        // On Linux this is the thread's own priority, and that of whom it starts.
        let _ = rustix::process::setpriority_process(None, 19);
        let _ = done.send(job.run(&stopped));
    })?;
    let scanned = scanned.await.context("the scan was given up")?;
    drop(stop);
    match scanned {
        Ok(report) => {
            let kept = keep(hub, report).await;
            match kept {
                Ok(image) => hub.state.tag_scanned(tag, &image, hub.now()).await?,
                Err(error) => {
                    let why = format!("the report cannot be used: {error:#}");
                    hub.state.tag_failed(tag, &why, true, hub.now()).await?;
                }
            }
        }
        Err(error) => {
            let why = format!("{error:#}");
            hub.state.tag_failed(tag, &why, !why.contains(NO_IMAGE), hub.now()).await?;
        }
    }
    hub.live.tell(Topic::Registries);
    Ok(())
}

/// Keeps a report as that of the image by the digest of its configuration, which is how agents know it.
async fn keep(hub: &Hub, json: Vec<u8>) -> anyhow::Result<String> {
    let report = hub.evaluated(json).await?;
    let image = report.target.image.as_ref().context("it is of no image")?.config.to_string();
    hub.keep_report(&image, &report).await?;
    hub.trees.stale();
    hub.live.tell(Topic::Findings);
    Ok(image)
}

/// Ends a scan when it is dropped.
#[derive(Debug, Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is to be run.
struct Job {
    command: Command,
    cache: PathBuf,
}

impl Job {
    fn new(hub: &Hub, tag: &WaitingTag, access: &RegistryAccess, program: &Path) -> anyhow::Result<Self> {
        let directory = directory(hub);
        let cache = super::cache(&hub.settings.directory);
        std::fs::create_dir_all(&cache)?;
        let Place { host, is_plain } = Place::parse(&access.registry.url).map_err(anyhow::Error::msg)?;
        let mut command = Command::new(program);
        command
            .args([SCAN, "--format", "json", "--db", "none", "--quiet", "--jobs", "1", "--cache-dir"])
            .arg(&cache);
        if let Some(platform) = &access.registry.platform {
            command.args(["--platform", platform]);
        }
        if is_plain {
            command.args(["--registry-insecure", &host]);
        }
        if let Some(authority) = authority(access, &directory)? {
            command.arg("--registry-ca").arg(authority);
        }
        command.arg("--").arg(format!("registry:{}@{}", tag.name, tag.digest));
        // Nothing of what the hub was told, and no file that lies about where it was started, says how to scan.
        command.env_clear().current_dir(&directory);
        for name in ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        match (&access.registry.user, &access.secret) {
            (Some(user), Some(secret)) => {
                command.env("GABION_REGISTRY_USER", user).env("GABION_REGISTRY_PASSWORD", secret);
            }
            (None, Some(token)) => {
                command.env("GABION_REGISTRY_TOKEN", token);
            }
            (_, None) => {}
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self { command, cache })
    }

    /// The report, as JSON.
    fn run(mut self, stopped: &AtomicBool) -> anyhow::Result<Vec<u8>> {
        prune(&self.cache);
        let mut child = self.command.spawn().context("the scan cannot be started")?;
        let report = child.stdout.take().context("the scan has no output")?;
        let words = child.stderr.take().context("the scan has no output")?;
        thread::scope(|scope| {
            let report = scope.spawn(move || {
                let mut bytes = Vec::new();
                report.take(MAX_REPORT + 1).read_to_end(&mut bytes).map(|_| bytes)
            });
            let words = scope.spawn(move || last_words(words));
            let status = wait(&mut child, stopped);
            let report = report.join().map_err(|_| anyhow!("the report could not be read"))??;
            let words = words.join().unwrap_or_default();
            let status = status?;
            if report.len() as u64 > MAX_REPORT {
                bail!("the report is too long");
            }
            if !status.success() {
                let words = words.trim();
                let words = words.strip_prefix("error: ").unwrap_or(words);
                // The hint is for whoever types the command.
                let said = words.split_once("\nhint: ").map_or(words, |(said, _)| said);
                bail!("{}", if said.is_empty() { status.to_string() } else { said.to_owned() });
            }
            Ok(report)
        })
    }
}

fn wait(child: &mut Child, stopped: &AtomicBool) -> anyhow::Result<std::process::ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let is_late = started.elapsed() > LONGEST;
        if is_late || stopped.load(Ordering::Relaxed) {
            child.kill()?;
            child.wait()?;
            if is_late {
                bail!("the scan took longer than {} minutes", LONGEST.as_secs() / 60);
            }
            bail!("the hub has ended");
        }
        thread::sleep(LOOK);
    }
}

/// All is read, so that the child never waits; the end of it is kept.
fn last_words(mut words: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(read) = words.read(&mut buffer) {
        if read == 0 {
            break;
        }
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(MAX_WORDS));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What cannot be removed is tried again before the next scan, or in ten minutes.
#[expect(
    clippy::disallowed_methods,
    reason = "the times of files are those of the machine, not of the hub's clock"
)]
pub(crate) fn prune(cache: &Path) {
    let cache = Cache::new(cache);
    let now = SystemTime::now();
    let _ = cache.prune(now, KEEP);
    let bytes: u64 = cache.usage().unwrap_or_default().iter().map(|(_, _, bytes)| bytes).sum();
    if bytes > MAX_CACHE {
        let _ = cache.prune(now, LATELY);
    }
}
