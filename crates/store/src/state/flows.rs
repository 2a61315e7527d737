//! Who talks to whom: connections by name, counted by the hour.

use super::{
    Result, Scope, State,
    findings::severity_of,
    sql::{Columns, q, word_of},
};
use gabion_api::rest::{Flow, Millis, Peer, PeerKind, ServiceMap, Severity};
use std::collections::BTreeMap;

/// An hour in milliseconds.
const HOUR: Millis = 3600 * 1000;
/// Flows that a map shows.
const MOST: u64 = 2000;
/// Names that are asked for at once.
const BATCH: usize = 500;
/// Ports of which it is known that what is said there is encrypted, or that it is not.
const ENCRYPTED: [u16; 9] = [443, 465, 563, 636, 853, 989, 993, 995, 6443];
const PLAIN: [u16; 10] = [21, 23, 25, 80, 110, 143, 389, 6379, 8080, 11211];

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFlow {
    /// The workload that connects.
    pub source: String,
    /// Whom it connects to.
    pub target: String,
    /// What that is.
    pub kind: PeerKind,
    /// The port.
    pub port: u16,
    /// `tcp`, `udp`.
    pub protocol: String,
    /// When.
    pub time: Millis,
    /// It was denied.
    pub denied: bool,
}

/// How many connections, of these denied, the first, the last, and what is on the other end.
type Sum = (i64, i64, Millis, Millis, PeerKind);

/// Whether what is said on a port is encrypted, where that is known.
pub(super) fn encrypted(port: u16) -> Option<bool> {
    match port {
        port if ENCRYPTED.contains(&port) => Some(true),
        port if PLAIN.contains(&port) => Some(false),
        _ => None,
    }
}

impl State {
    /// Counts connections.
    pub async fn keep_flows(&self, flows: &[NewFlow]) -> Result<()> {
        let mut sums: BTreeMap<(&str, &str, u16, &str, Millis), Sum> = BTreeMap::new();
        for flow in flows {
            let hour = flow.time - flow.time.rem_euclid(HOUR);
            let key = (flow.source.as_str(), flow.target.as_str(), flow.port, flow.protocol.as_str(), hour);
            let sum = sums.entry(key).or_insert((0, 0, flow.time, flow.time, flow.kind));
            *sum = (
                sum.0 + 1,
                sum.1 + i64::from(flow.denied),
                sum.2.min(flow.time),
                sum.3.max(flow.time),
                flow.kind,
            );
        }
        let mut tx = self.begin().await?;
        for ((source, target, port, protocol, hour), (many, denied, first, last, kind)) in sums {
            q("INSERT INTO flow (source, target, target_kind, port, protocol, hour, many, denied, first, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
               ON CONFLICT (source, target, port, protocol, hour) DO UPDATE SET many = flow.many + excluded.many, denied = flow.denied + excluded.denied, \
               first = CASE WHEN excluded.first < flow.first THEN excluded.first ELSE flow.first END, \
               last = CASE WHEN excluded.last > flow.last THEN excluded.last ELSE flow.last END, target_kind = excluded.target_kind")
                .bind(source).bind(target).bind(word_of(kind)).bind(i64::from(port)).bind(protocol).bind(hour)
                .bind(many).bind(denied).bind(first).bind(last).run(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Who talked to whom in that time; what somebody may see of it is what has an end that they may see.
    pub async fn service_map(
        &self,
        from: Millis,
        to: Millis,
        namespace: Option<&str>,
        scope: &Scope,
    ) -> Result<ServiceMap> {
        let query = q("SELECT flow.source AS source, flow.target AS target, MAX(flow.target_kind) AS kind, flow.port AS port, flow.protocol AS protocol, \
             CAST(SUM(flow.many) AS BIGINT) AS many, CAST(SUM(flow.denied) AS BIGINT) AS denied, MIN(flow.first) AS first, MAX(flow.last) AS last, \
             COUNT(*) OVER () AS of_all \
             FROM flow LEFT JOIN workload ON workload.name = flow.source WHERE flow.hour >= ? AND flow.hour < ?")
            .bind(from.saturating_sub(from.rem_euclid(HOUR))).bind(to);
        let query = match namespace {
            Some(namespace) => query.push(" AND workload.namespace = ?").bind(namespace),
            None => query,
        };
        let query = scope.limit(query, "workload.owner", Some("workload.namespace"));
        let rows = query.push(" GROUP BY flow.source, flow.target, flow.port, flow.protocol ORDER BY many DESC, source, target, port LIMIT ?")
            .bind(MOST).all(&self.pool).await?;
        let mut map = ServiceMap {
            peers: Vec::new(),
            flows: Vec::new(),
            more: match rows.first() {
                Some(row) => row.count("of_all")?.saturating_sub(rows.len() as u64),
                None => 0,
            },
        };
        let mut peers: BTreeMap<String, PeerKind> = BTreeMap::new();
        for row in &rows {
            let (source, target) = (row.text("source")?, row.text("target")?);
            let port = u16::try_from(row.int("port")?).unwrap_or_default();
            // A workload is known as one below.
            peers.entry(source.clone()).or_insert(PeerKind::Unknown);
            peers.entry(target.clone()).or_insert(row.word("kind")?);
            map.flows.push(Flow {
                from: source,
                to: target,
                port,
                protocol: row.text("protocol")?,
                connections: row.count("many")?,
                denied: row.count("denied")?,
                first: row.int("first")?,
                last: row.int("last")?,
                encrypted: encrypted(port),
            });
        }
        let mut known = self.peers(peers.keys()).await?;
        for (name, kind) in peers {
            let peer = Peer { id: name.clone(), name, kind, namespace: None, worst: None, incidents: 0 };
            map.peers.push(known.remove(&peer.id).unwrap_or(peer));
        }
        Ok(map)
    }

    /// Those of these names that are workloads, as the map shows them.
    async fn peers(&self, names: impl Iterator<Item = &String>) -> Result<BTreeMap<String, Peer>> {
        let names: Vec<&String> = names.collect();
        let mut known = BTreeMap::new();
        for some in names.chunks(BATCH) {
            let rows = q(
                "SELECT name, namespace, critical, high, medium, low, incidents FROM workload WHERE name IN ",
            )
            .list(some.iter().copied())
            .all(&self.pool)
            .await?;
            for row in &rows {
                let name = row.text("name")?;
                let mut worst = None;
                for (column, rank) in [("critical", 5), ("high", 4), ("medium", 3), ("low", 2)] {
                    if row.count(column)? > 0 {
                        worst = Some(severity_of(rank)).filter(|worst| *worst != Severity::Unknown);
                        break;
                    }
                }
                let kind = if name.starts_with("host/") { PeerKind::Host } else { PeerKind::Workload };
                let peer = Peer {
                    id: name.clone(),
                    name: name.clone(),
                    kind,
                    namespace: row.maybe_text("namespace")?,
                    worst,
                    incidents: row.count("incidents")?,
                };
                known.insert(name, peer);
            }
        }
        Ok(known)
    }

    /// Hours older than that are forgotten.
    pub async fn forget_flows(&self, before: Millis) -> Result<u64> {
        q("DELETE FROM flow WHERE hour < ?").bind(before).run(&self.pool).await
    }
}
