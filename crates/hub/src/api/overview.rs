//! The first page, the search over everything, and live views.

use super::{detection::known_rules, list::paging};
use crate::{
    DAY, Hub,
    access::Asker,
    error::{Answer, ApiError},
    profile::many,
};
use axum::{
    Json,
    extract::{Query, State as Extract},
    response::sse::{Event, KeepAlive, Sse},
};
use gabion_api::rest::{
    Blind, Counts, FindingKind, FixFirst, Hit, Hits, Incident, IncidentState, Millis, Overview, Severity,
    State as Life, Topic,
};
use gabion_store::state::{FindingFilter, Numbers, Paging, segment};
use serde::Deserialize;
use std::{collections::BTreeSet, convert::Infallible, time::Duration};
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

/// Why something that is used is urgent.
const LOADED: &str = "what it is in is loaded";
/// What is to be done first, at most.
const FIRST: usize = 10;
/// How long changes are gathered before they are told.
const GATHER: Duration = Duration::from_millis(300);
/// A text that is searched for is not longer.
const MAX_TEXT: usize = 200;
/// Hits of one kind that the state does not search for.
const MOST: usize = 6;

/// The first page: what to do first, how it develops, what cannot be seen.
#[utoipa::path(get, path = "/api/v1/overview", tag = "overview", responses((status = 200, body = Overview)))]
pub(crate) async fn overview(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<Json<Overview>> {
    let (now, scope) = (hub.now(), asker.scope());
    // They rest on nothing of each other.
    let (numbers, first) = tokio::join!(hub.state.numbers(scope, now), first(&hub, &asker, now));
    let numbers = numbers?;
    let database = hub.matcher.current();
    // The days are of everything: who sees only a part gets none.
    let trend = if scope.is_all() { hub.state.trend(now - 30 * DAY).await? } else { Vec::new() };
    Ok(Json(Overview {
        first: first?,
        trend,
        blind: blind(&hub, &asker, &numbers, now).await?,
        open: numbers.open,
        progress: numbers.progress,
        nodes: numbers.nodes,
        images: numbers.images,
        containers: numbers.containers,
        workloads: numbers.workloads,
        incidents: numbers.incidents,
        alerts: numbers.alerts,
        database: database.as_of,
        starter_database: database.starter,
    }))
}

/// What to do first: incidents, then what is exploited, then changes by what they clear, then the most urgent that is left.
async fn first(hub: &Hub, asker: &Asker, now: Millis) -> Answer<Vec<FixFirst>> {
    let scope = asker.scope();
    let some = |limit, sort: &str| Paging { limit, sort: sort.to_owned(), cursor: None };
    let mut first = Vec::new();
    let bad = [Severity::Critical, Severity::High];
    let open = [IncidentState::Open];
    let mut incidents = hub.state.incidents("", &open, &bad, scope, &some(100, "-severity")).await?.items;
    incidents
        .sort_by_key(|incident| std::cmp::Reverse((incident.severity, incident.alerts, incident.updated)));
    for incident in incidents.into_iter().take(3) {
        first.push(FixFirst {
            kind: "incident".to_owned(),
            title: format!("Look into: {}", incident.title),
            why: vec![
                format!("{} {}", many(incident.alerts, "alert"), place(&incident)),
                incident.tactics.iter().map(|tactic| tactic.replace('_', " ")).collect::<Vec<_>>().join(", "),
            ],
            link: format!("/incidents/{}", incident.id),
            clears: Counts::default(),
            owner: None,
            running: incident.containers.len() as u64,
        });
    }
    let open = vec![Life::Open, Life::Planned, Life::Fixed, Life::RollingOut, Life::Reopened];
    let wanted = FindingFilter {
        exploited: Some(true),
        states: open.clone(),
        suppressed: Some(false),
        ..FindingFilter::default()
    };
    let mut told = BTreeSet::new();
    for finding in hub.state.first_findings(&wanted, scope, 20, now).await? {
        if told.len() < 3 && told.insert(finding.rule.clone()) {
            let mut why = vec!["it is known to be exploited".to_owned()];
            why.extend(finding.loaded.then(|| LOADED.to_owned()));
            why.extend(finding.fixed_version.map(|version| format!("mended in {version}")));
            first.push(FixFirst {
                kind: "vulnerability".to_owned(),
                title: format!("Mend {} ({}) in {}", finding.rule, finding.place, finding.repository),
                why,
                link: format!("/findings/{}", finding.id),
                clears: Counts::default(),
                owner: finding.owner,
                running: finding.rollout.running - finding.rollout.fixed,
            });
        }
    }
    let tree = hub.tree(scope).await.map_err(|error| ApiError::Broken(format!("{error:#}")))?;
    let mut changes: Vec<_> =
        tree.changes.iter().filter(|change| change.clears.critical + change.clears.high > 0).collect();
    changes.sort_by_key(|change| std::cmp::Reverse((change.clears.critical, change.clears.high)));
    for change in changes.into_iter().take(4) {
        let mut why =
            vec![format!("{} to be built anew after it", many(change.rebuild.len() as u64, "image"))];
        why.extend(change.updates.iter().take(3).cloned());
        first.push(FixFirst {
            kind: "base-image".to_owned(),
            title: capital(&change.action),
            why,
            link: format!("/tree?node={}", change.node),
            clears: change.clears,
            owner: change.owner.clone(),
            running: change.running,
        });
    }
    // Of two that are as urgent, the one that is really used comes first.
    let mut wanted = FindingFilter {
        states: open,
        suppressed: Some(false),
        severities: vec![Severity::Critical, Severity::High],
        loaded: Some(true),
        ..FindingFilter::default()
    };
    let mut rest = hub.state.first_findings(&wanted, scope, 20, now).await?;
    wanted = FindingFilter { severities: Vec::new(), loaded: None, ..wanted };
    rest.extend(hub.state.first_findings(&wanted, scope, 20, now).await?);
    for finding in rest {
        if first.len() >= FIRST {
            break;
        }
        if !told.insert(finding.rule.clone()) {
            continue;
        }
        let mut why = vec![format!("priority {} of 100", finding.priority)];
        why.extend(finding.loaded.then(|| LOADED.to_owned()));
        why.extend(finding.fixed_version.map(|version| format!("mended in {version}")));
        first.push(FixFirst {
            kind: match finding.kind {
                FindingKind::Vulnerability => "vulnerability",
                FindingKind::Secret => "secret",
                FindingKind::Misconfiguration => "misconfiguration",
                FindingKind::Behaviour => "behaviour",
            }
            .to_owned(),
            title: format!("{}: {} in {}", finding.rule, finding.title, finding.repository),
            why,
            link: format!("/findings/{}", finding.id),
            clears: Counts::default(),
            owner: finding.owner,
            running: finding.rollout.running - finding.rollout.fixed,
        });
    }
    first.truncate(FIRST);
    Ok(first)
}

/// `in web and 2 more, and on the host`: the host is no container.
fn place(incident: &Incident) -> String {
    let inside = match incident.containers.as_slice() {
        [] => return "on the host".to_owned(),
        [one] => format!("in {one}"),
        [one, rest @ ..] => format!("in {one} and {} more", rest.len()),
    };
    if incident.on_host { format!("{inside}, and on the host") } else { inside }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What cannot be seen. A line begins with its number.
async fn blind(hub: &Hub, asker: &Asker, numbers: &Numbers, now: Millis) -> Answer<Vec<Blind>> {
    let mut blind = Vec::new();
    let mut add = |count: u64, one: &str, many: &str, fix: &str, link: &str| {
        let what = if count == 1 { one } else { many };
        blind.push(Blind { what: what.to_owned(), count, fix: fix.to_owned(), link: link.to_owned() });
    };
    if let Some(free) = hub.little_room().filter(|_| asker.scope().is_all()) {
        let what = "MB left on the hub's disk: soon nothing more can be kept";
        add(free >> 20, what, what, "Make room on it, or keep less.", "/settings/retention");
    }
    let mut some = |count: u64, one: &str, many: &str, fix: &str, link: &str| {
        if count > 0 {
            add(count, one, many, fix, link);
        }
    };
    let [nodes, heard] = numbers.nodes;
    some(
        nodes.saturating_sub(heard),
        "node that is not heard",
        "nodes that are not heard",
        "See why their agents are silent.",
        "/nodes",
    );
    let [images, scanned, whole] = numbers.images;
    some(
        numbers.failed,
        "image that could not be scanned",
        "images that could not be scanned",
        "Its page says why.",
        "/images?coverage=failed",
    );
    let waiting = images.saturating_sub(scanned).saturating_sub(numbers.failed);
    some(
        waiting,
        "image that is not scanned yet",
        "images that are not scanned yet",
        "Its node scans one after the other.",
        "/images?coverage=not-evaluated",
    );
    let partly = scanned.saturating_sub(whole);
    some(
        partly,
        "image that was partly looked at",
        "images that were partly looked at",
        "Its page says which aspects, and why.",
        "/images?coverage=partial",
    );
    let [containers, known] = numbers.containers;
    let unknown = containers.saturating_sub(known);
    some(
        unknown,
        "container without a scanned image",
        "containers without a scanned image",
        "Its page says what is not known of it.",
        "/containers",
    );
    let database = hub.matcher.current();
    let age = database.as_of.filter(|_| !database.starter).map_or(0, |as_of| (now - as_of) / DAY);
    if age > 7 {
        let days = u64::try_from(age).unwrap_or(0);
        some(
            days,
            "",
            "days since the database of vulnerabilities was made",
            "gabion db update fetches what is new.",
            "/vulnerabilities",
        );
    }
    if asker.scope().is_all() {
        let away = hub.together.others().iter().filter(|(_, is_heard)| !is_heard).count() as u64;
        some(
            away,
            "hub that is not heard: its events cannot be searched",
            "hubs that are not heard: their events cannot be searched",
            "Start it again, or take it out if it will not come back.",
            "/settings/hubs",
        );
        let [registries, images] = hub.state.failing_registries().await?;
        some(
            registries,
            "registry that could not be looked into",
            "registries that could not be looked into",
            "Its page says why.",
            "/registries",
        );
        some(
            images,
            "image of a registry that could not be scanned",
            "images of registries that could not be scanned",
            "The page of the registry says why.",
            "/registries",
        );
        let (unused, lost) = hub.state.blind_spots().await?;
        some(
            lost,
            "thing that an agent lost or could not look at",
            "things that agents lost or could not look at",
            "The pages of the nodes say which.",
            "/nodes",
        );
        for (unseen, many) in unused {
            let one = format!("node whose kernel does not show {unseen}");
            let several = format!("nodes whose kernels do not show {unseen}");
            some(many, &one, &several, "The page of the node says why.", "/nodes");
        }
    }
    if nodes == 0 {
        add(0, "", "nodes with an agent", "Add a node: what runs there is scanned and watched.", "/nodes");
    }
    Ok(blind)
}

/// What is searched for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchQuery {
    /// A part of a name.
    q: String,
}

/// Search everything that has a name: workloads, containers, namespaces, owners, images, vulnerabilities, packages, incidents, nodes, rules,
/// policies, exceptions, registries.
#[utoipa::path(get, path = "/api/v1/search", tag = "overview", params(SearchQuery), responses((status = 200, body = Hits)))]
pub(crate) async fn search(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<SearchQuery>,
) -> Answer<Json<Hits>> {
    let text = query.q.trim();
    if text.is_empty() || text.len() > MAX_TEXT {
        return Err(ApiError::Bad(format!("q: a text of 1 to {MAX_TEXT} bytes is expected")));
    }
    let mut hits = hub.state.search(text, asker.scope()).await?;
    let is_in = |name: &str| name.to_lowercase().contains(&text.to_lowercase());
    let hit = |kind: &str, name: String, detail: String, page: &str| Hit {
        kind: kind.to_owned(),
        link: format!("{page}{}", segment(&name)),
        title: name,
        detail,
    };
    let rules = known_rules(&hub).await?.into_iter().filter(|rule| is_in(&rule.name));
    hits.extend(rules.take(MOST).map(|rule| hit("rule", rule.name, rule.priority, "/rules/")));
    let policies = hub.state.policies().await?.into_iter().filter(|(name, _)| is_in(name));
    hits.extend(policies.take(MOST).map(|(name, version)| hit("policy", name, version.reason, "/policies/")));
    if asker.scope().is_all() {
        let paging = paging(None, Some(MOST as u64), None);
        let registries = hub.state.registries(text, &paging).await?.items.into_iter();
        hits.extend(registries.map(|registry| hit("registry", registry.name, registry.url, "/registries/")));
    } else {
        // Nodes are everybody's, and nobody's.
        hits.retain(|hit| hit.kind != "node");
    }
    Ok(Json(Hits { hits, time: hub.now() }))
}

/// What changes, as server-sent events: `event: findings`, `data: {"topic":"findings"}`.
#[utoipa::path(get, path = "/api/v1/live", tag = "overview", responses((status = 200, body = Topic, content_type = "text/event-stream")))]
pub(crate) async fn live(
    Extract(hub): Extract<Hub>,
    _: Asker,
) -> Sse<impl futures_util::Stream<Item = Result<Event, Infallible>>> {
    let listener = hub.live.listen();
    // A browser that has lost the connection has lost what changed meanwhile.
    let all = Topic::ALL;
    let events = futures_util::stream::unfold(
        (listener, Vec::<Topic>::new()),
        move |(mut listener, mut waiting)| async move {
            if waiting.is_empty() {
                match listener.recv().await {
                    Ok(topic) => waiting.push(topic),
                    Err(RecvError::Lagged(_)) => waiting.extend(all),
                    Err(RecvError::Closed) => return None,
                }
                tokio::time::sleep(GATHER).await;
                while let Ok(topic) = listener.try_recv() {
                    waiting.push(topic);
                }
                waiting.sort_unstable();
                waiting.dedup();
            }
            let topic = waiting.pop()?.as_str();
            let event = Event::default().event(topic).data(format!("{{\"topic\":\"{topic}\"}}"));
            Some((Ok(event), (listener, waiting)))
        },
    );
    Sse::new(events).keep_alive(KeepAlive::default())
}
