//! `gabion doctor`: what is wrong with an installation, why, and what to do. It changes nothing.
//!
//! What could not be looked at is told as that, and is not well.

use crate::{
    clock,
    control::{self, AgentSocket, Request, Status},
    db::{self, cli::TextFormat},
    link, output,
};
use anyhow::Context;
use clap::Args;
use gabion_node::{
    containers::Sockets,
    enforce,
    sensor::{Feature, probe, unified},
};
use jiff::{SignedDuration, Timestamp};
use rustix::{fs::statvfs, process::getuid};
use serde::Serialize;
use std::{
    fmt::Write as _,
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// Less than this free is told, and less than that is bad, in bytes.
const SPACE: [u64; 2] = [2 << 30, 200 << 20];
/// A database that is older is told.
const OLD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Clocks that differ by more.
const SKEW: SignedDuration = SignedDuration::from_secs(30);
/// How long a hub may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer of a hub is read so far, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Where the state of `gabion up` is, or of an agent and a hub by themselves: DIR/agent, DIR/hub
    #[arg(long, value_name = "DIR", default_value = "/var/lib/gabion", env = "GABION_UP_STATE")]
    state: PathBuf,

    /// Address of the hub's console, with its scheme and port [default: that of `gabion up`]
    #[arg(long, value_name = "URL")]
    hub: Option<String>,

    /// Format of what is printed
    #[arg(short, long, value_enum, default_value = "table")]
    format: TextFormat,

    #[command(flatten)]
    agent: AgentSocket,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Well,
    /// It works, with less than it could.
    Warning,
    /// It does not work.
    Broken,
    /// It could not be looked at.
    Unknown,
}

#[derive(Debug, Serialize)]
struct Check {
    part: &'static str,
    verdict: Verdict,
    says: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    hint: String,
}

#[derive(Debug, Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn add(&mut self, part: &'static str, verdict: Verdict, says: impl Into<String>, hint: &str) {
        self.0.push(Check { part, verdict, says: says.into(), hint: hint.to_owned() });
    }
}

pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let mut checks = Checks::default();
    kernel(&mut checks);
    let up = args.state.join("agent.sock");
    let socket = if up.exists() { up } else { args.agent.socket.clone() };
    watching(&mut checks, &socket);
    runtimes(&mut checks);
    member(&mut checks, &args.state.join("agent"));
    hub(&mut checks, args);
    for (part, directory) in [("agent's disk", "agent"), ("hub's disk", "hub")] {
        disk(&mut checks, part, &args.state.join(directory));
    }
    database(&mut checks);
    match args.format {
        TextFormat::Json => output::line(&serde_json::to_string_pretty(&checks.0)?)?,
        TextFormat::Table => output::line(table(&checks.0).trim_end())?,
    }
    let is_broken = checks.0.iter().any(|check| check.verdict == Verdict::Broken);
    Ok(ExitCode::from(u8::from(is_broken)))
}

fn table(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { part, verdict, says, hint } in checks {
        let word = match verdict {
            Verdict::Well => "well",
            Verdict::Warning => "warning",
            Verdict::Broken => "BROKEN",
            Verdict::Unknown => "unknown",
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{word:<8} {part:<16} {}", output::printable(says));
        if !hint.is_empty() {
            let _ = writeln!(text, "{:25} {hint}", "");
        }
    }
    let many = |wanted| checks.iter().filter(|check| check.verdict == wanted).count();
    let _ = match (many(Verdict::Broken), many(Verdict::Warning), many(Verdict::Unknown)) {
        (0, 0, 0) => writeln!(text, "\nall is well"),
        (broken, warnings, unknown) => {
            writeln!(text, "\n{broken} broken, {warnings} with a warning, {unknown} not looked at")
        }
    };
    text
}

fn kernel(checks: &mut Checks) {
    let part = "kernel";
    if unified().is_none() {
        checks.add(
            part,
            Verdict::Broken,
            "no control groups of version 2 are mounted",
            "containers cannot be told apart; boot with systemd.unified_cgroup_hierarchy=1",
        );
    }
    if !getuid().is_root() {
        checks.add(part, Verdict::Unknown, "only root can try what the sensor can use", "sudo gabion doctor");
        return;
    }
    let probed = probe();
    let used = probed.iter().filter(|row| row.used.is_ok()).count();
    let watches = probed.iter().any(|row| row.feature == Feature::Processes && row.used.is_ok());
    if watches {
        checks.add(
            part,
            Verdict::Well,
            format!("the sensor can use {used} of {} features", probed.len()),
            "",
        );
    } else {
        checks.add(
            part,
            Verdict::Broken,
            "the sensor cannot see processes",
            "gabion agent --probe; Linux 5.8 or later with BTF is needed",
        );
    }
    for row in &probed {
        if let Err(why) = &row.used {
            checks.add(
                part,
                Verdict::Warning,
                format!("{} is not used: {why}: {}", row.feature, row.feature.without()),
                "",
            );
        }
    }
    for step in enforce::probe() {
        if step.rungs.is_empty() {
            checks.add(
                part,
                Verdict::Warning,
                format!("nothing here can decide about {}", step.what),
                "policies can only tell of these",
            );
        }
    }
}

fn watching(checks: &mut Checks, socket: &Path) {
    let part = "agent";
    let status: Status = match control::ask(socket, &Request::Status) {
        Ok(status) => status,
        Err(error) => {
            let is_denied = fs::metadata(socket).is_ok() && !getuid().is_root();
            let verdict = if is_denied { Verdict::Unknown } else { Verdict::Broken };
            let text = format!("{error:#}");
            let (says, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
            checks.add(part, verdict, says, hint);
            return;
        }
    };
    let says = format!(
        "version {}, {} rules, {} containers, {} events",
        status.version, status.rules, status.containers, status.events
    );
    checks.add(part, Verdict::Well, says, "");
    if status.version != env!("CARGO_PKG_VERSION") {
        let says = format!("it is version {}, this program is {}", status.version, env!("CARGO_PKG_VERSION"));
        checks.add(part, Verdict::Warning, says, "systemctl restart gabion-agent");
    }
    for (many, what) in &status.gaps {
        checks.add(part, Verdict::Warning, format!("{many} {what}"), "");
    }
    if !status.configuration_refused.is_empty() {
        let says = format!("what the hub rolled out is not in force: {}", status.configuration_refused);
        checks.add(
            part,
            Verdict::Broken,
            says,
            "take it back on the page Configuration, or change the files of this machine",
        );
    }
    if !status.responses_on {
        checks.add(part, Verdict::Warning, "responses are switched off", "gabion respond on");
    }
}

fn runtimes(checks: &mut Checks) {
    let Sockets { containerd, docker, podman } = Sockets::system();
    let kinds = [("containerd", containerd), ("Docker", docker), ("Podman", podman)];
    let there = kinds.iter().filter(|(_, places)| places.iter().any(|place| place.exists()));
    let names: Vec<&str> = there.map(|(name, _)| *name).collect();
    if names.is_empty() {
        let says = "no runtime listens where one is looked for; containers of runc and Kubernetes are known by their state";
        checks.add("runtimes", Verdict::Warning, says, "without it images have no names");
    } else {
        checks.add("runtimes", Verdict::Well, names.join(", "), "");
    }
}

fn member(checks: &mut Checks, agent: &Path) {
    let part = "member of a hub";
    match link::certificate(agent) {
        Ok(None) => {}
        Ok(Some((node, until))) => {
            let Ok(now) = clock::now() else { return };
            let days = until.duration_since(now).as_hours() / 24;
            let says = format!("as {node}, with a certificate for {days} more days");
            match until < now {
                true => checks.add(
                    part,
                    Verdict::Broken,
                    format!("as {node}, whose certificate ended {until}"),
                    "join again: gabion install agent --hub HOST:8421 --join TOKEN",
                ),
                // It is renewed at half of its 30 days.
                false if days < 10 => checks.add(
                    part,
                    Verdict::Warning,
                    says,
                    "it should have been renewed: is the hub reached?",
                ),
                false => checks.add(part, Verdict::Well, says, ""),
            }
        }
        Err(error) => {
            let is_denied = error
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.kind() == ErrorKind::PermissionDenied);
            let verdict = if is_denied { Verdict::Unknown } else { Verdict::Broken };
            checks.add(
                part,
                verdict,
                format!("{error:#}"),
                if is_denied { "sudo gabion doctor" } else { "" },
            );
        }
    }
}

fn hub(checks: &mut Checks, args: &DoctorArgs) {
    let part = "hub";
    let told = || -> Option<String> {
        let text = fs::read_to_string(args.state.join("up.json")).ok()?;
        let told: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(told["url"].as_str()?.to_owned())
    };
    let Some(url) = args.hub.clone().or_else(told) else {
        if args.state.join("hub").exists() {
            checks.add(part, Verdict::Unknown, "its address is not known", "gabion doctor --hub URL");
        }
        return;
    };
    let Some(host) = url.strip_prefix("http://") else {
        checks.add(
            part,
            Verdict::Unknown,
            format!("{url} is not asked: over TLS it proves itself to agents and browsers"),
            "curl --cacert HUB/authority.pem URL/readyz",
        );
        return;
    };
    match ready(host.trim_end_matches('/')) {
        Ok((200, date)) => {
            checks.add(part, Verdict::Well, format!("{url} is ready"), "");
            if let (Some(date), Ok(now)) = (date, clock::now()) {
                let skew = now.duration_since(date).abs();
                if skew > SKEW {
                    checks.add(
                        "clock",
                        Verdict::Warning,
                        format!("it differs from the hub's by {} s", skew.as_secs()),
                        "certificates and the order of events need one time",
                    );
                }
            }
        }
        Ok((status, _)) => checks.add(
            part,
            Verdict::Broken,
            format!("{url} answers {status}: it cannot reach its database"),
            "see the log of the hub",
        ),
        Err(error) => checks.add(
            part,
            Verdict::Broken,
            format!("{url} does not answer: {error:#}"),
            "gabion up, or systemctl status gabion-hub",
        ),
    }
}

/// Whether a hub is ready: the status, and what time it has.
fn ready(host: &str) -> anyhow::Result<(u16, Option<Timestamp>)> {
    let address = host.to_socket_addrs()?.next().context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let status =
        answer.split(' ').nth(1).and_then(|word| word.parse().ok()).context("that is no answer of a hub")?;
    let date = answer.lines().find_map(|line| line.strip_prefix("date: "));
    let date =
        date.and_then(|text| jiff::fmt::rfc2822::parse(text.trim()).ok()).map(|zoned| zoned.timestamp());
    Ok((status, date))
}

fn disk(checks: &mut Checks, part: &'static str, directory: &Path) {
    let about = match fs::metadata(directory) {
        Ok(about) => about,
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        Err(error) => {
            checks.add(
                part,
                Verdict::Unknown,
                format!("{}: {error}", directory.display()),
                "sudo gabion doctor",
            );
            return;
        }
    };
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let says = format!("{} can be read by others (mode {mode:o}): it holds secrets", directory.display());
        checks.add(part, Verdict::Warning, says, "chmod 700");
    }
    let Ok(space) = statvfs(directory) else {
        checks.add(
            part,
            Verdict::Unknown,
            format!("how full the disk of {} is is not told", directory.display()),
            "",
        );
        return;
    };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let says = format!("{} has {} MB left", directory.display(), free >> 20);
    let (verdict, hint) = match free {
        free if free < SPACE[1] => (Verdict::Broken, "nothing more can be kept soon"),
        free if free < SPACE[0] => (Verdict::Warning, "a hub keeps up to 20 GiB of events"),
        _ => (Verdict::Well, ""),
    };
    checks.add(part, verdict, says, hint);
}

fn database(checks: &mut Checks) {
    let part = "advisories";
    match db::built() {
        Ok(None) => checks.add(
            part,
            Verdict::Warning,
            "the starter database in this program serves: it knows a few vulnerabilities only",
            "gabion db update --help",
        ),
        Ok(Some(built)) => {
            let Ok(now) = clock::now() else { return };
            let days = now.duration_since(built).as_hours() / 24;
            let says = format!("built {days} days ago");
            if now.duration_since(built) > OLD {
                checks.add(part, Verdict::Warning, says, "gabion db update");
            } else {
                checks.add(part, Verdict::Well, says, "");
            }
        }
        Err(error) => checks.add(part, Verdict::Broken, format!("{error:#}"), "gabion db verify"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::BufRead, net::TcpListener};

    #[test]
    fn what_is_wrong_says_what_to_do_and_what_was_not_seen_is_not_well() {
        let mut checks = Checks::default();
        checks.add("agent", Verdict::Well, "version 1", "");
        assert!(table(&checks.0).contains("all is well"));
        checks.add("kernel", Verdict::Unknown, "only root can look", "sudo gabion doctor");
        checks.add("hub", Verdict::Broken, "it does not answer", "gabion up");
        insta::assert_snapshot!(table(&checks.0), @r"
        well     agent            version 1
        unknown  kernel           only root can look
                                  sudo gabion doctor
        BROKEN   hub              it does not answer
                                  gabion up

        1 broken, 0 with a warning, 1 not looked at
        ");
    }

    #[test]
    fn a_hub_is_asked_whether_it_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let address = listener.local_addr().expect("an address").to_string();
        let served = std::thread::spawn(move || {
            for answer in [
                "HTTP/1.1 503 Service Unavailable\r\ndate: Sat, 28 Nov 2026 01:00:00 GMT\r\n\r\n",
                "nonsense",
            ] {
                let (mut stream, _) = listener.accept().expect("is asked");
                // All of it: what is unread would make the kernel reset the connection.
                let lines = std::io::BufReader::new(&stream).lines().map_while(Result::ok);
                let asked: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                assert_eq!(asked[0], "GET /readyz HTTP/1.1");
                stream.write_all(answer.as_bytes()).expect("answers");
            }
        });
        let (status, date) = ready(&address).expect("answers");
        assert_eq!(
            (status, date.map(|date| date.to_string()).as_deref()),
            (503, Some("2026-11-28T01:00:00Z"))
        );
        assert!(ready(&address).is_err());
        served.join().expect("was asked");
    }

    #[test]
    fn a_disk_and_who_may_read_it_is_looked_at() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut checks = Checks::default();
        disk(&mut checks, "disk", &directory.path().join("none"));
        assert!(checks.0.is_empty());
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("changes");
        disk(&mut checks, "disk", directory.path());
        assert!(checks.0[0].says.contains("read by others") && checks.0.len() == 2);
    }
}
