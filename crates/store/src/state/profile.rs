//! The profile of an image: what its configuration declares, and what workloads that run it were seen to do.
//!
//! ```text
//!   report: ports, user, packages ─┐        containers ─► who runs it, on which ports they listen, who was watched from the start
//!                                  ├─ image ─► loaded ─────► what they have executed, and whose file that is
//!                                  │        flows, entries ► whom they speak to, as workloads
//!                                  └─────── alerts
//! ```
//! Silence is only told of containers that were watched from their start on: what began before the agent, or while its events were lost, may
//! have done anything. Who sees some workloads only is told of these.

use super::{
    DAY, Result, Scope, State,
    flows::encrypted,
    loaded::{MAX_OF_CONTAINER, owners},
    nodes::Watch,
    sql::{Columns, Query, q},
};
use gabion_api::rest::{
    DeclaredProfile, Flow, IdlePackage, Millis, PackageUse, ProfiledEntry, ProfiledFile, ProfiledPort,
    ProfiledWorkload, RuleAlerts, SeenProfile,
};
use gabion_model::ScanReport;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// How far back connections are told.
const BACK: Millis = 7 * DAY;
/// Workloads, files, connections, idle packages and reasons that are told.
const MAX_WORKLOADS: u64 = 500;
const MAX_FILES: usize = 1000;
const MAX_FLOWS: usize = 300;
const MAX_IDLE: usize = 200;
const MAX_GAPS: usize = 20;
/// Connections that are looked through for those of the time in which the image ran.
const MAX_READ: u64 = 5000;
/// Containers of the last day that are named.
const MAX_NAMES: usize = 500;
/// The finding of a scan that says that the user of an image is root.
const ROOT: &str = "CIS-DI-4.1";
/// The runtime of a node itself.
const HOST: &str = "host";
/// Parts of the sensor without which something here is not seen.
const NEEDED: [&str; 6] = ["processes", "control groups", "tcp", "udp", "dns", "io_uring requests"];
/// The one without which listening is not.
const LISTENING: &str = "tcp";

/// What the state knows for a profile, and of whom the hub can ask the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profiled {
    /// What the image declares; none: it was not scanned, or has no configuration.
    pub declared: Option<DeclaredProfile>,
    /// What was seen, without baselines.
    pub seen: SeenProfile,
    /// Nodes that run it, with their names.
    pub nodes: BTreeMap<String, String>,
    /// Containers that ran it within the last day, by name.
    pub containers: Vec<String>,
    /// What agents may call it: its id, the digest of its manifest, its names.
    pub called: BTreeSet<String>,
}

/// What a configuration declares.
fn declared(report: &ScanReport) -> Option<DeclaredProfile> {
    let config = report.config.as_ref()?;
    let name = config.user.split(':').next().unwrap_or_default().trim();
    let by_accounts = report.findings.iter().any(|finding| finding.rule == ROOT);
    Some(DeclaredProfile {
        user: config.user.clone(),
        root: name.is_empty() || name == "root" || name.parse() == Ok(0_u32) || by_accounts,
        entrypoint: config.entrypoint.clone(),
        command: config.cmd.clone(),
        working_dir: config.working_dir.clone(),
        ports: config.exposed_ports.clone(),
        volumes: config.volumes.clone(),
        environment: config.env_names.clone(),
        healthcheck: config.healthcheck,
        labels: config.labels.clone(),
    })
}

/// Whether a port that an image declares, perhaps as one of several (`8000-8010/tcp`), is this one (`8005/tcp`).
pub fn covers(declared: &str, port: &str) -> bool {
    let (ports, of) = declared.split_once('/').unwrap_or((declared, "tcp"));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let read = |text: &str| text.trim().parse::<u16>().ok();
    let Some((port, transport)) = port.split_once('/') else { return false };
    of.eq_ignore_ascii_case(transport)
        && matches!((read(first), read(last), read(port)), (Some(a), Some(b), Some(port)) if (a..=b).contains(&port))
}

/// `tcp/8080`, as agents tell it.
fn port(told: &str) -> Option<(&str, u16)> {
    let (transport, port) = told.split_once('/')?;
    Some((transport, port.parse().ok()?))
}

/// A container that runs, as far as it matters how much of it was seen.
#[derive(Debug)]
struct Runs {
    node: String,
    started: Millis,
    /// When it was started is not known, only when it was seen first.
    is_since_unknown: bool,
    is_host: bool,
}

/// How many of these were watched from their start on, and what keeps the others from it. `node` is how a node is called.
fn watched(
    runs: &[Runs],
    watches: &BTreeMap<String, Watch>,
    node: impl Fn(&Watch) -> String,
) -> (u64, Vec<String>) {
    let (mut whole, mut gaps) = (0, Vec::new());
    let mut by_node: BTreeMap<&str, Vec<&Runs>> = BTreeMap::new();
    for one in runs {
        by_node.entry(&one.node).or_default().push(one);
    }
    for (id, all) in by_node {
        let Some(watch) = watches.get(id) else { continue };
        let name = node(watch);
        if all.iter().all(|one| one.is_host) {
            gaps.push(format!("what {name} itself listens on and loads is not kept, as it is no container"));
            continue;
        }
        if !watch.is_heard {
            gaps.push(format!("the agent of {name} is not heard, so what happens there now is not known"));
        }
        if watch.since == 0 {
            gaps.push(format!("the agent of {name} has not said yet since when it watches"));
        }
        if watch.lost > 0 {
            gaps.push(format!("the agent of {name} has lost {}", many(watch.lost, "event")));
        }
        for [feature, why, unseen] in &watch.unused {
            if NEEDED.contains(&feature.as_str()) {
                gaps.push(format!("on {name} {unseen} ({why})"));
            }
        }
        let is_listening_seen = watch.unused.iter().all(|[feature, ..]| feature != LISTENING);
        let can = watch.is_heard && watch.since > 0 && watch.lost == 0 && is_listening_seen;
        let unknown = all.iter().filter(|one| one.is_since_unknown).count() as u64;
        let early =
            all.iter().filter(|one| !one.is_since_unknown && one.started < watch.since).count() as u64;
        if unknown > 0 {
            gaps.push(format!(
                "of {} on {name} it is not known when it was started",
                many(unknown, "container")
            ));
        }
        if early > 0 && watch.since > 0 {
            gaps.push(format!(
                "{} on {name} ran before its agent did, and may have done more than was seen",
                many(early, "container")
            ));
        }
        if can {
            whole += all.len() as u64 - unknown - early;
        }
    }
    (whole, gaps)
}

fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Flows with the workload at one end, within the time in which it ran the image.
fn within(workloads: &[ProfiledWorkload], flows: Vec<Flow>, end: impl Fn(&Flow) -> &String) -> Vec<Flow> {
    let times: BTreeMap<&String, (Millis, Millis)> =
        workloads.iter().map(|one| (&one.id, (one.since, one.until.unwrap_or(Millis::MAX)))).collect();
    let fits = |flow: &Flow| times.get(end(flow)).is_some_and(|(a, b)| flow.last >= *a && flow.first <= *b);
    flows.into_iter().filter(fits).collect()
}

impl State {
    /// What is known of an image for its profile.
    pub async fn profile(&self, id: &str, scope: &Scope, now: Millis) -> Result<Profiled> {
        self.image_in_scope(id, scope).await?;
        let report = self.report(id).await?;
        let mut profile = Profiled { declared: report.as_ref().and_then(declared), ..Profiled::default() };
        let seen = &mut profile.seen;
        self.profile_workloads(id, scope, now, seen).await?;
        let names: Vec<&String> = seen.workloads.iter().map(|one| &one.id).collect();

        let rows = q("SELECT node, name, started, ended, unknown, runtime FROM container WHERE image = ? AND (ended IS NULL OR ended > ?) AND workload IN ")
            .bind(id).bind(now - DAY).list(names.iter().copied()).push(" ORDER BY ended IS NOT NULL, started DESC, name")
            .all(&self.pool).await?;
        let (mut runs, mut containers) = (Vec::new(), BTreeSet::new());
        for row in &rows {
            if containers.len() < MAX_NAMES {
                containers.insert(row.text("name")?);
            }
            if row.maybe_int("ended")?.is_none() {
                runs.push(Runs {
                    node: row.text("node")?,
                    started: row.int("started")?,
                    is_since_unknown: row.json::<Vec<String>>("unknown")?.iter().any(|one| one == "created"),
                    is_host: row.text("runtime")? == HOST,
                });
            }
        }
        let watches = self.watches(runs.iter().map(|one| &one.node).collect::<BTreeSet<_>>(), now).await?;
        // Nodes belong to all, so who sees a part is not told which it is.
        let called = |watch: &Watch| if scope.is_all() { watch.name.clone() } else { "a node".to_owned() };
        let (whole, gaps) = watched(&runs, &watches, called);
        seen.watched = whole;
        seen.gaps.extend(gaps);
        let ports = profile.declared.as_ref().map(|declared| declared.ports.as_slice());
        seen.listens = self.profile_listens(id, &names, ports).await?;
        self.profile_files(id, scope, report.as_ref(), seen).await?;
        let names: Vec<String> = seen.workloads.iter().map(|one| one.id.clone()).collect();
        self.profile_flows(&names, scope, now, seen).await?;
        seen.alerts = self.profile_alerts(id, &names, scope).await?;
        seen.gaps.dedup();
        if seen.gaps.len() > MAX_GAPS {
            let more = seen.gaps.split_off(MAX_GAPS).len() as u64;
            seen.gaps.push(format!("and {} more", many(more, "reason")));
        }
        profile.nodes = watches.into_iter().map(|(id, watch)| (id, watch.name)).collect();
        profile.containers = containers.into_iter().collect();
        let rows = q("SELECT id AS name FROM image WHERE id = ? UNION SELECT manifest AS name FROM image WHERE id = ? AND manifest IS NOT NULL \
             UNION SELECT name FROM image_name WHERE image = ?").bind(id).bind(id).bind(id).all(&self.pool).await?;
        profile.called = rows.iter().map(|row| row.text("name")).collect::<Result<_>>()?;
        Ok(profile)
    }

    /// Who runs it, or ran it.
    async fn profile_workloads(
        &self,
        id: &str,
        scope: &Scope,
        now: Millis,
        seen: &mut SeenProfile,
    ) -> Result<()> {
        let of = |query: Query| scope.limit(query, "workload.owner", Some("workload.namespace"));
        let rows = of(q("SELECT container.workload AS workload, COUNT(*) AS many, MIN(container.started) AS since, MAX(container.ended) AS until, \
             CAST(SUM(CASE WHEN container.ended IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS running, COUNT(*) OVER () AS of_all \
             FROM container LEFT JOIN workload ON workload.name = container.workload WHERE container.image = ?").bind(id))
            .push(" GROUP BY container.workload ORDER BY running DESC, workload LIMIT ?").bind(MAX_WORKLOADS).all(&self.pool).await?;
        let all = q("SELECT COUNT(DISTINCT workload) AS many FROM container WHERE image = ?")
            .bind(id)
            .one(&self.pool)
            .await?
            .count("many")?;
        let visible = rows.first().map_or(Ok(0), |row| row.count("of_all"))?;
        seen.hidden = all.saturating_sub(visible);
        for row in &rows {
            let running = row.count("running")?;
            seen.running += running;
            seen.ended += row.count("many")?.saturating_sub(running);
            seen.workloads.push(ProfiledWorkload {
                id: row.text("workload")?,
                running,
                since: row.int("since")?,
                until: if running > 0 { None } else { row.maybe_int("until")? },
                others: Vec::new(),
            });
        }
        let told = rows.len() as u64;
        if visible > told {
            seen.gaps
                .push(format!("{} of those that run it are not told here", many(visible - told, "workload")));
        }
        if seen.running == 0 {
            seen.gaps.push(match seen.ended {
                0 => "no container that runs it is known".to_owned(),
                ended => format!(
                    "nothing runs it now: what is told is of {} that have ended",
                    many(ended, "container")
                ),
            });
        }
        let names = seen.workloads.iter().map(|one| one.id.clone());
        let rows = q("SELECT DISTINCT workload, image_name FROM container WHERE (image IS NULL OR image <> ?) AND (ended IS NULL OR ended > ?) AND workload IN ")
            .bind(id).bind(now - BACK).list(names).push(" ORDER BY workload, image_name").all(&self.pool).await?;
        let mut others: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in &rows {
            others.entry(row.text("workload")?).or_default().push(row.text("image_name")?);
        }
        for workload in &mut seen.workloads {
            workload.others = others.remove(&workload.id).unwrap_or_default();
        }
        Ok(())
    }

    /// On which ports they listen, the smallest first.
    async fn profile_listens(
        &self,
        id: &str,
        workloads: &[&String],
        declared: Option<&[String]>,
    ) -> Result<Vec<ProfiledPort>> {
        let rows = q("SELECT DISTINCT workload, listens FROM container WHERE image = ? AND listens <> '[]' AND workload IN ")
            .bind(id).list(workloads.iter().copied()).all(&self.pool).await?;
        let mut listens: BTreeMap<(u16, String), BTreeSet<String>> = BTreeMap::new();
        for row in &rows {
            let told: Vec<String> = row.json("listens")?;
            for (transport, port) in told.iter().filter_map(|told| port(told)) {
                listens.entry((port, transport.to_owned())).or_default().insert(row.text("workload")?);
            }
        }
        let told = |((port, transport), workloads): ((u16, String), BTreeSet<String>)| {
            let port = format!("{port}/{transport}");
            ProfiledPort {
                declared: declared.map(|all| all.iter().any(|one| covers(one, &port))),
                port,
                workloads: workloads.into_iter().collect(),
            }
        };
        Ok(listens.into_iter().map(told).collect())
    }

    /// What they have loaded, whose it is, and what is there for nothing.
    async fn profile_files(
        &self,
        id: &str,
        scope: &Scope,
        report: Option<&ScanReport>,
        seen: &mut SeenProfile,
    ) -> Result<()> {
        let of = |query: Query| scope.limit(query, "workload.owner", Some("workload.namespace"));
        let rows = of(q("SELECT loaded.path AS path, MIN(loaded.since) AS since, COUNT(*) AS many, MIN(loaded.workload) AS workload \
             FROM loaded LEFT JOIN workload ON workload.name = loaded.workload WHERE loaded.image = ?").bind(id))
            .push(" GROUP BY loaded.path ORDER BY loaded.path").all(&self.pool).await?;
        let owners = report.map(owners).unwrap_or_default();
        let mut loaded = HashSet::new();
        for row in &rows {
            let path = row.text("path")?;
            let packages = owners.get(path.as_str()).map(Vec::as_slice).unwrap_or_default();
            loaded.extend(packages.iter().copied());
            if seen.files.len() == MAX_FILES {
                seen.more_files += 1;
                continue;
            }
            let names: BTreeSet<String> =
                packages.iter().map(|(kind, name)| format!("{kind}/{name}")).collect();
            seen.files.push(ProfiledFile {
                packages: names.into_iter().collect(),
                workloads: row.count("many")?,
                by: row.text("workload")?,
                since: row.int("since")?,
                path,
            });
        }
        let full = of(q("SELECT loaded.workload AS workload FROM loaded LEFT JOIN workload ON workload.name = loaded.workload WHERE loaded.image = ?")
            .bind(id)).push(" GROUP BY loaded.workload HAVING COUNT(*) >= ? LIMIT 1").bind(MAX_OF_CONTAINER).first(&self.pool).await?;
        if let Some(row) = full {
            let why = format!("{} has loaded more files than are told", row.text("workload")?);
            seen.packages_unknown = Some(why);
            return Ok(());
        }
        let Some(report) = report else {
            seen.packages_unknown = Some("it was not scanned".to_owned());
            return Ok(());
        };
        let can: HashSet<(&str, &str)> = owners.values().flatten().copied().collect();
        let mut of_system = report.packages.iter().filter(|package| package.kind.is_os()).peekable();
        let is_told = of_system.peek().is_none()
            || of_system.any(|package| can.contains(&(package.kind.as_str(), package.name.as_str())));
        // A report that no agent made, as one of a registry, does not say which files are whose.
        if can.is_empty() || !is_told {
            seen.packages_unknown = Some("no scan on a node says which files are whose".to_owned());
            return Ok(());
        }
        let mut findings: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for package in
            report.findings.iter().flat_map(|finding| &finding.vulnerability).flat_map(|of| &of.packages)
        {
            *findings.entry((package.kind.as_str(), package.name.as_str())).or_default() += 1;
        }
        let all: BTreeSet<(&str, &str)> =
            report.packages.iter().map(|package| (package.kind.as_str(), package.name.as_str())).collect();
        let mut usage = PackageUse::default();
        for package in all {
            if loaded.contains(&package) {
                usage.loaded += 1;
            } else if can.contains(&package) {
                usage.idle += 1;
                usage.packages.push(IdlePackage {
                    kind: package.0.to_owned(),
                    name: package.1.to_owned(),
                    findings: findings.get(&package).copied().unwrap_or(0),
                });
            } else {
                usage.unseen += 1;
            }
        }
        usage.packages.sort_by_key(|package| std::cmp::Reverse(package.findings));
        usage.packages.truncate(MAX_IDLE);
        seen.packages = Some(usage);
        Ok(())
    }

    /// Whom they speak to, and who speaks to them.
    async fn profile_flows(
        &self,
        workloads: &[String],
        scope: &Scope,
        now: Millis,
        seen: &mut SeenProfile,
    ) -> Result<()> {
        const SUMS: &str = "SELECT flow.source AS source, flow.target AS target, flow.port AS port, flow.protocol AS protocol, \
             CAST(SUM(flow.many) AS BIGINT) AS many, CAST(SUM(flow.denied) AS BIGINT) AS denied, MIN(flow.first) AS first, MAX(flow.last) AS last, \
             COUNT(*) OVER () AS of_all FROM flow LEFT JOIN workload ON workload.name = flow.source WHERE flow.hour >= ? AND ";
        const LAST: &str = " GROUP BY flow.source, flow.target, flow.port, flow.protocol ORDER BY many DESC, source, target, port LIMIT ?";
        let from = now - BACK;
        let query = q(SUMS).push("flow.source IN ").bind(from).list(workloads).push(LAST).bind(MAX_READ);
        let (out, more) = self.profile_flow(query).await?;
        (seen.outgoing, seen.more_outgoing) = first(within(&seen.workloads, out, |flow| &flow.from), more);
        let query =
            q(SUMS).push("flow.target_kind = 'workload' AND flow.target IN ").bind(from).list(workloads);
        let query =
            scope.limit(query, "workload.owner", Some("workload.namespace")).push(LAST).bind(MAX_READ);
        let (incoming, more) = self.profile_flow(query).await?;
        (seen.incoming, seen.more_incoming) = first(within(&seen.workloads, incoming, |flow| &flow.to), more);
        if !scope.is_all() {
            let query = || {
                q("SELECT COUNT(DISTINCT flow.source) AS many FROM flow LEFT JOIN workload ON workload.name = flow.source \
                   WHERE flow.hour >= ? AND flow.target_kind = 'workload' AND flow.target IN ").bind(from).list(workloads)
            };
            let all = query().one(&self.pool).await?.count("many")?;
            let visible = scope.limit(query(), "workload.owner", Some("workload.namespace"));
            seen.hidden_incoming = all.saturating_sub(visible.one(&self.pool).await?.count("many")?);
        }
        let rows =
            q("SELECT workload, port, address, first, last FROM entry WHERE last >= ? AND workload IN ")
                .bind(from)
                .list(workloads)
                .push(" ORDER BY workload, port")
                .all(&self.pool)
                .await?;
        for row in &rows {
            seen.entries.push(ProfiledEntry {
                workload: row.text("workload")?,
                port: u16::try_from(row.int("port")?).unwrap_or_default(),
                address: row.text("address")?,
                first: row.int("first")?,
                last: row.int("last")?,
            });
        }
        Ok(())
    }

    /// Flows that were asked for, and how many more there are.
    async fn profile_flow(&self, query: Query) -> Result<(Vec<Flow>, u64)> {
        let rows = query.all(&self.pool).await?;
        let all = rows.first().map_or(Ok(0), |row| row.count("of_all"))?;
        let mut flows = Vec::new();
        for row in &rows {
            let port = u16::try_from(row.int("port")?).unwrap_or_default();
            flows.push(Flow {
                from: row.text("source")?,
                to: row.text("target")?,
                port,
                protocol: row.text("protocol")?,
                connections: row.count("many")?,
                denied: row.count("denied")?,
                first: row.int("first")?,
                last: row.int("last")?,
                encrypted: encrypted(port),
            });
        }
        let more = all.saturating_sub(flows.len() as u64);
        Ok((flows, more))
    }

    /// Alerts in containers while they ran the image, by rule.
    async fn profile_alerts(&self, id: &str, workloads: &[String], scope: &Scope) -> Result<Vec<RuleAlerts>> {
        let query = q("SELECT alert.rule AS rule, CAST(SUM(alert.many) AS BIGINT) AS many FROM alert WHERE alert.state <> 'suppressed' \
             AND EXISTS (SELECT 1 FROM container WHERE container.node = alert.node AND container.name = alert.container AND container.image = ? \
             AND container.started <= alert.last AND (container.ended IS NULL OR container.ended >= alert.first)) AND alert.workload IN ")
            .bind(id).list(workloads);
        let query = scope.limit(query, "alert.owner", Some("alert.namespace"));
        let rows = query.push(" GROUP BY alert.rule ORDER BY many DESC, rule").all(&self.pool).await?;
        rows.iter()
            .map(|row| Ok(RuleAlerts { rule: row.text("rule")?, alerts: row.count("many")? }))
            .collect()
    }
}

/// The first of them, and how many more there are.
fn first(mut flows: Vec<Flow>, more: u64) -> (Vec<Flow>, u64) {
    let beyond = flows.len().saturating_sub(MAX_FLOWS) as u64;
    flows.truncate(MAX_FLOWS);
    (flows, more + beyond)
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_port_is_declared_by_number_or_as_one_of_several() {
        for (declared, port, is) in [
            ("80/tcp", "80/tcp", true),
            ("80", "80/tcp", true),
            ("80/udp", "80/tcp", false),
            ("8000-8010/tcp", "8005/tcp", true),
            ("8000-8010/tcp", "8011/tcp", false),
            ("8000-8010/TCP", "8010/tcp", true),
            ("", "0/tcp", false),
            ("-/tcp", "0/tcp", false),
            ("99999/tcp", "34463/tcp", false),
        ] {
            assert_eq!(covers(declared, port), is, "{declared:?} {port}");
        }
    }
}
