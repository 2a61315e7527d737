//! What happens: alerts, incidents, responses, events, who talks to whom, rules, baselines.

use super::list::{answer, paging, words};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::{StatusCode, header},
    response::{IntoResponse, Response as Reply},
};
use gabion_api::rest::{
    Alert, AlertChange, Attack, Baseline, BaselineDetail, BaselineState, EventPage, Histogram, Incident,
    IncidentDetail, IncidentState, Line, Millis, NewResponse, Page, Problem, Response, ResponseOutcome,
    ResponseState, Role, Rule, ServiceMap, Step, Tactic, Technique, Topic,
};
use gabion_detect::{
    baseline::Baseline as Learnt,
    engine::Fields,
    incident::Story,
    rules::{DEFAULT, RuleFile, load},
};
use gabion_store::{
    events::{EventStoreError, Query as EventQuery},
    state::{AlertFilter, Paging, StateError},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use utoipa::{IntoParams, ToSchema};

const DAY: Millis = 24 * 3600 * 1000;
/// How long an agent may take to answer; with evidence it collects first.
const PATIENCE: Duration = Duration::from_secs(15);
const COLLECTING: Duration = Duration::from_secs(50);
/// A response that lasts does so for an hour, and for a week at most.
const LASTS: u64 = 3600;
const LONGEST: u64 = 7 * 24 * 3600;
/// Tactics, in the order of an attack, as tags name them.
const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource_development",
    "initial_access",
    "execution",
    "persistence",
    "privilege_escalation",
    "defense_evasion",
    "credential_access",
    "discovery",
    "lateral_movement",
    "collection",
    "command_and_control",
    "exfiltration",
    "impact",
];

/// Which alerts. Several values of one field are separated by commas.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertsQuery {
    /// In the rule or in the message.
    q: Option<String>,
    /// `critical`, `high`, `medium`, `low`, `info`.
    severity: Option<String>,
    /// `new`, `seen`, `suppressed`.
    state: Option<String>,
    /// By this rule.
    rule: Option<String>,
    /// In this workload.
    workload: Option<String>,
    /// On this node.
    node: Option<String>,
    /// Of this incident.
    incident: Option<String>,
    /// Not older: milliseconds since 1970.
    since: Option<Millis>,
    /// `last`, `first`, `severity`, `count`, `rule`; `-` in front for the greatest first.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List alerts.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(AlertsQuery), responses((status = 200, body = Page<Alert>)))]
pub(crate) async fn alerts(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<AlertsQuery>,
) -> Answer<Reply> {
    let wanted = AlertFilter {
        text: query.q.unwrap_or_default(),
        severities: words(query.severity.as_deref(), "severity")?,
        states: words(query.state.as_deref(), "state")?,
        rule: query.rule,
        workload: query.workload,
        node: query.node,
        incident: query.incident,
        since: query.since,
    };
    answer(
        hub.state.alerts(&wanted, asker.scope(), &paging(query.sort, query.limit, query.cursor)).await?,
        query.format.as_deref(),
    )
}

/// Say what has become of alerts.
#[utoipa::path(patch, path = "/api/v1/alerts", tag = "alerts", request_body = AlertChange, responses((status = 204), (status = 403, body = Problem)))]
pub(crate) async fn change_alerts(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(change): Json<AlertChange>,
) -> Answer<StatusCode> {
    asker.needs(Role::Triager)?;
    hub.state.change_alerts(&change, asker.scope()).await?;
    hub.audit(&asker, "alert.change", &change.ids.join(" "), &format!("{:?}", change.state)).await?;
    hub.live.tell(Topic::Alerts);
    Ok(StatusCode::NO_CONTENT)
}

/// Which incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentsQuery {
    /// In the title or in the names of containers.
    q: Option<String>,
    /// `open`, `closed`.
    state: Option<String>,
    /// `critical`, `high`, `medium`, `low`, `info`.
    severity: Option<String>,
    /// `updated`, `began`, `severity`; `-` in front for the greatest first.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List incidents.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "incidents", params(IncidentsQuery), responses((status = 200, body = Page<Incident>)))]
pub(crate) async fn incidents(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<IncidentsQuery>,
) -> Answer<Reply> {
    let (states, severities) =
        (words(query.state.as_deref(), "state")?, words(query.severity.as_deref(), "severity")?);
    let text = query.q.unwrap_or_default();
    let page = hub
        .state
        .incidents(&text, &states, &severities, asker.scope(), &paging(query.sort, query.limit, query.cursor))
        .await?;
    answer(page, query.format.as_deref())
}

/// One incident: origin, extent, timeline, processes, what was done.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path)), responses((status = 200, body = IncidentDetail), (status = 404, body = Problem)))]
pub(crate) async fn incident(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<IncidentDetail>> {
    let (incident, story, _) = hub.state.incident(&id, asker.scope()).await?;
    let Story { origin, extent, steps, processes, cut, .. } =
        serde_json::from_str(&story).map_err(|error| ApiError::Broken(error.to_string()))?;
    let id_of_node = incident.nodes.first().cloned().unwrap_or_default();
    let node = hub.state.node_names().await?.remove(&id_of_node).unwrap_or(id_of_node);
    let responses = hub.state.responses(Some(&id), &Paging { limit: 100, ..Paging::default() }).await?.items;
    let step = |step: gabion_detect::incident::Step| Step {
        time: (step.time / 1_000_000).cast_signed(),
        node: node.clone(),
        container: step.container,
        text: step.text,
        rule: step.rule,
    };
    let line = |line: gabion_detect::incident::Line| Line {
        depth: line.depth as u32,
        pid: line.pid,
        command: line.command,
        node: node.clone(),
        container: line.container,
        rules: line.rules.into_iter().collect(),
        server: line.server,
    };
    Ok(Json(IncidentDetail {
        origin: counted(origin),
        extent: counted(extent),
        steps: steps.into_iter().map(step).collect(),
        processes: processes.into_iter().map(line).collect(),
        cut,
        responses,
        incident,
    }))
}

/// Equal sentences as one, with how often.
fn counted(sentences: Vec<String>) -> Vec<String> {
    let mut all: Vec<(String, usize)> = Vec::new();
    for sentence in sentences {
        match all.iter_mut().find(|(known, _)| *known == sentence) {
            Some((_, many)) => *many += 1,
            None => all.push((sentence, 1)),
        }
    }
    let told = |(sentence, many): (String, usize)| {
        if many == 1 { sentence } else { format!("{} ({many} times).", sentence.trim_end_matches('.')) }
    };
    all.into_iter().map(told).collect()
}

/// The picture of an incident.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/graph", tag = "incidents", params(("id" = String, Path)), responses((status = 200, content_type = "image/svg+xml"), (status = 404, body = Problem)))]
pub(crate) async fn incident_picture(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Reply> {
    let (_, _, picture) = hub.state.incident(&id, asker.scope()).await?;
    if picture.is_empty() {
        return Err(StateError::Absent { what: "picture of the incident", id }.into());
    }
    // It is shown as an image; opened by itself it may do nothing.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    Ok(([(header::CONTENT_TYPE, "image/svg+xml"), (header::CONTENT_SECURITY_POLICY, policy)], picture)
        .into_response())
}

/// What is to become of an incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentChange {
    /// Whether somebody still has to look at it.
    state: IncidentState,
}

/// Close an incident, or open it again.
#[utoipa::path(patch, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path)), request_body = IncidentChange, responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn change_incident(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
    Json(change): Json<IncidentChange>,
) -> Answer<StatusCode> {
    asker.needs(Role::Triager)?;
    hub.state.change_incident(&id, change.state, asker.scope(), hub.now()).await?;
    hub.audit(&asker, "incident.change", &id, &format!("{:?}", change.state)).await?;
    hub.live.tell(Topic::Incidents);
    Ok(StatusCode::NO_CONTENT)
}

/// Which responses.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponsesQuery {
    /// About this incident.
    incident: Option<String>,
    /// `time`; `-` in front for the newest first.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List responses.
#[utoipa::path(get, path = "/api/v1/responses", tag = "responses", params(ResponsesQuery), responses((status = 200, body = Page<Response>)))]
pub(crate) async fn responses(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<ResponsesQuery>,
) -> Answer<Reply> {
    asker.needs_all(Role::Viewer)?;
    let page = hub
        .state
        .responses(query.incident.as_deref(), &paging(query.sort, query.limit, query.cursor))
        .await?;
    answer(page, query.format.as_deref())
}

/// Do something on a node; with `dry_run` only tell what would be done.
#[utoipa::path(post, path = "/api/v1/responses", tag = "responses", request_body = NewResponse, responses((status = 200, body = Response), (status = 400, body = Problem), (status = 502, body = Problem)))]
pub(crate) async fn respond(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewResponse>,
) -> Answer<Json<Response>> {
    asker.needs(Role::Operator)?;
    let action = action(&new)?;
    if !asker.scope().is_all() {
        // They act on what is theirs, by name.
        let container = new
            .target
            .container
            .as_deref()
            .ok_or(ApiError::Forbidden("only who may see everything may act on a process of a node"))?;
        let theirs = hub
            .state
            .containers(container, Some(true), asker.scope(), &Paging { limit: 1000, ..Paging::default() })
            .await?;
        if !theirs
            .items
            .iter()
            .any(|known| (known.name == container || known.id == container) && known.node == new.target.node)
        {
            return Err(StateError::Absent { what: "container", id: container.to_owned() }.into());
        }
    }
    let seconds = new.seconds.unwrap_or(LASTS);
    if seconds == 0 || seconds > LONGEST {
        return Err(ApiError::Bad(format!("seconds: 1 to {LONGEST}")));
    }
    let reason = new.reason.trim();
    if reason.is_empty() || reason.len() > 500 {
        return Err(ApiError::Bad("reason: 1 to 500 bytes, so that others understand it later".to_owned()));
    }
    let mut response = Response {
        id: crate::random_id("r"),
        time: hub.now(),
        by: asker.caller.name.clone(),
        reason: reason.to_owned(),
        action: new.action.clone(),
        node: new.target.node.clone(),
        target: new
            .target
            .container
            .clone()
            .unwrap_or_else(|| format!("process {}", new.target.pid.unwrap_or_default())),
        until: None,
        outcome: ResponseOutcome {
            state: ResponseState::Sent,
            text: "the node has not answered yet".to_owned(),
        },
        incident: new.incident,
    };
    hub.state.add_response(&response).await?;
    hub.audit(
        &asker,
        if new.dry_run { "response.try" } else { "response.ask" },
        &response.target,
        &format!("{} on {}: {reason}", new.action, response.node),
    )
    .await?;
    let question = json!({
        "ask": "respond", "action": action, "reason": format!("{} ({})", reason, asker.caller.name), "dry-run": new.dry_run,
        "evidence": new.evidence, "lasting": seconds * 1_000_000_000,
    });
    let patience = if new.evidence || new.action == "evidence" { COLLECTING } else { PATIENCE };
    let answered = hub.ask(&response.node, &question, patience).await;
    let number = finish(&mut response, answered);
    hub.state.response_ended(&response.id, number, response.until, &response.outcome).await?;
    hub.live.tell(Topic::Responses);
    Ok(Json(response))
}

/// What the agent is asked to do.
fn action(new: &NewResponse) -> Answer<Value> {
    match (new.action.as_str(), &new.target.container, new.target.pid) {
        (kind @ ("isolate" | "freeze" | "kill-container" | "evidence"), Some(container), None) => {
            Ok(json!({"kind": kind, "container": container}))
        }
        (kind @ ("kill" | "kill-tree"), None, Some(pid)) => Ok(json!({"kind": kind, "pid": pid})),
        ("isolate" | "freeze" | "kill-container" | "evidence", ..) => {
            Err(ApiError::Bad("target: a container is needed, and no pid".to_owned()))
        }
        ("kill" | "kill-tree", ..) => {
            Err(ApiError::Bad("target: a pid is needed, and no container".to_owned()))
        }
        (other, ..) => Err(ApiError::Bad(format!(
            "action: {other:?} is not known, but isolate, freeze, kill-container, evidence, kill, kill-tree"
        ))),
    }
}

/// A response of an agent, as far as the hub looks at it.
#[derive(Debug, Deserialize)]
struct Responded {
    id: u64,
    until: Option<u64>,
    outcome: String,
    #[serde(default)]
    why: String,
}

/// What became of a response; its number on the node.
fn finish(response: &mut Response, answered: Result<Value, ApiError>) -> Option<u64> {
    let failed = |text: String| ResponseOutcome { state: ResponseState::Failed, text };
    match answered.map(serde_json::from_value::<Responded>) {
        Ok(Ok(done)) => {
            response.until = done.until.map(|until| (until / 1_000_000).cast_signed());
            let state = match done.outcome.as_str() {
                "done" => ResponseState::Done,
                "would-have" => ResponseState::WouldHave,
                "held-back" => ResponseState::HeldBack,
                "undone" => ResponseState::Undone,
                _ => ResponseState::Failed,
            };
            response.outcome = ResponseOutcome { state, text: done.why };
            return Some(done.id);
        }
        Ok(Err(error)) => {
            response.outcome = failed(format!("the answer of the node is not understood: {error}"));
        }
        Err(ApiError::Unreachable(why) | ApiError::Bad(why)) => response.outcome = failed(why),
        Err(_) => response.outcome = failed("the node could not be asked".to_owned()),
    }
    None
}

/// Undo a response that lasts.
#[utoipa::path(delete, path = "/api/v1/responses/{id}", tag = "responses", params(("id" = String, Path)), responses((status = 200, body = Response), (status = 404, body = Problem), (status = 502, body = Problem)))]
pub(crate) async fn undo(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<Response>> {
    asker.needs_all(Role::Operator)?;
    let (mut response, number) = hub.state.response(&id).await?;
    let number = number.ok_or_else(|| ApiError::Bad("nothing was done that could be undone".to_owned()))?;
    hub.audit(
        &asker,
        "response.undo",
        &response.target,
        &format!("{} on {}", response.action, response.node),
    )
    .await?;
    let done = hub.ask(&response.node, &json!({"ask": "undo", "id": number}), PATIENCE).await?;
    finish(&mut response, Ok(done));
    hub.state.response_ended(&id, None, response.until, &response.outcome).await?;
    hub.live.tell(Topic::Responses);
    Ok(Json(response))
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    /// Words, "phrases", `field:value`, `-not`.
    q: Option<String>,
    /// Not before this: milliseconds since 1970.
    from: Option<Millis>,
    /// Before this.
    to: Option<Millis>,
    /// Of this kind: `execve`, `connect`, `alert`, ...
    kind: Option<String>,
    /// On this node.
    node: Option<String>,
    /// In this workload.
    workload: Option<String>,
    /// Events of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Bars of the histogram, up to 500.
    buckets: Option<u64>,
    /// `json` or `csv`.
    format: Option<String>,
}

impl EventsQuery {
    fn query(&self) -> EventQuery {
        let filters = [("kind", &self.kind), ("node", &self.node), ("workload", &self.workload)];
        let filters = filters.into_iter().flat_map(|(name, values)| {
            values
                .iter()
                .flat_map(|values| values.split(','))
                .map(move |value| (name.to_owned(), value.trim().to_owned()))
        });
        EventQuery {
            text: self.q.clone().unwrap_or_default(),
            filters: filters.filter(|(_, value)| !value.is_empty()).collect(),
            from: self.from,
            to: self.to,
            limit: self.limit.unwrap_or(100).clamp(1, 1000) as usize,
            cursor: self.cursor.clone(),
        }
    }
}

impl From<EventStoreError> for ApiError {
    fn from(error: EventStoreError) -> Self {
        match error {
            EventStoreError::Query(_) | EventStoreError::Cursor => Self::Bad(error.to_string()),
            other => Self::Broken(format!("{other}: {:?}", std::error::Error::source(&other))),
        }
    }
}

/// Search events, the newest first.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventsQuery), responses((status = 200, body = EventPage), (status = 400, body = Problem)))]
pub(crate) async fn events(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<EventsQuery>,
) -> Answer<Reply> {
    // Events have no owner: who sees only a part sees none.
    asker.needs_all(Role::Viewer)?;
    let store = std::sync::Arc::clone(&hub.events);
    let wanted = query.query();
    let page = tokio::task::spawn_blocking(move || store.search(&wanted))
        .await
        .map_err(|error| ApiError::Broken(error.to_string()))??;
    match query.format.as_deref() {
        Some("csv") => answer(Page { items: page.items, total: page.total, next: page.next }, Some("csv")),
        _ => Ok(Json(page).into_response()),
    }
}

/// How many events there were when, and their most frequent values.
#[utoipa::path(get, path = "/api/v1/events/histogram", tag = "events", params(EventsQuery), responses((status = 200, body = Histogram), (status = 400, body = Problem)))]
pub(crate) async fn histogram(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<EventsQuery>,
) -> Answer<Json<Histogram>> {
    asker.needs_all(Role::Viewer)?;
    let store = std::sync::Arc::clone(&hub.events);
    let (wanted, buckets) = (query.query(), query.buckets.unwrap_or(60).clamp(1, 500) as usize);
    let histogram = tokio::task::spawn_blocking(move || store.histogram(&wanted, buckets)).await;
    Ok(Json(histogram.map_err(|error| ApiError::Broken(error.to_string()))??))
}

/// Of which time, and of what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapQuery {
    /// Not before this: milliseconds since 1970; absent: the last 24 hours.
    from: Option<Millis>,
    /// Before this.
    to: Option<Millis>,
    /// Only what connects from this namespace.
    namespace: Option<String>,
}

/// Who talks to whom, by name.
#[utoipa::path(get, path = "/api/v1/service-map", tag = "network", params(MapQuery), responses((status = 200, body = ServiceMap)))]
pub(crate) async fn service_map(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<MapQuery>,
) -> Answer<Json<ServiceMap>> {
    let to = query.to.unwrap_or_else(|| hub.now() + 1);
    let from = query.from.unwrap_or(to - DAY);
    Ok(Json(hub.state.service_map(from, to, query.namespace.as_deref(), asker.scope()).await?))
}

/// Gabion's own rules.
fn own_rules() -> Vec<Rule> {
    let file = RuleFile { name: "the rules of Gabion".to_owned(), content: Ok(DEFAULT.as_bytes().to_vec()) };
    let loaded = load(&[file], &Fields);
    let rule = |rule: &gabion_detect::rules::Rule| Rule {
        name: rule.name.clone(),
        description: rule.description.clone(),
        priority: rule.priority.to_string(),
        condition: rule.written.clone(),
        output: rule.output.to_string(),
        tags: rule.tags.clone(),
        enabled: rule.enabled,
        alerts: 0,
    };
    loaded.rules.rules.iter().map(rule).collect()
}

/// Which rules.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesQuery {
    /// In the name, the description or a tag.
    q: Option<String>,
    /// In Falco's words: `critical`, `warning`, ...
    priority: Option<String>,
    /// Those that are judged by, or those that are not.
    enabled: Option<bool>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List the rules that come with Gabion, with how often each was told of in the last seven days.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules", params(RulesQuery), responses((status = 200, body = Page<Rule>)))]
pub(crate) async fn rules(
    Extract(hub): Extract<Hub>,
    _: Asker,
    Query(query): Query<RulesQuery>,
) -> Answer<Reply> {
    let told = hub.state.alerts_by_rule(hub.now() - 7 * DAY).await?;
    let text = query.q.unwrap_or_default().to_lowercase();
    let mut items = own_rules();
    items.retain(|rule| {
        let has = |part: &str| part.to_lowercase().contains(&text);
        (text.is_empty() || has(&rule.name) || has(&rule.description) || rule.tags.iter().any(|tag| has(tag)))
            && query.enabled.is_none_or(|enabled| enabled == rule.enabled)
            && query.priority.as_deref().is_none_or(|wanted| {
                wanted.split(',').any(|word| rule.priority.eq_ignore_ascii_case(word.trim()))
            })
    });
    for rule in &mut items {
        rule.alerts = told.get(&rule.name).copied().unwrap_or(0);
    }
    answer(part(items, |rule| &rule.name, query.limit, query.cursor.as_deref()), query.format.as_deref())
}

/// A page of what is in memory, in an order that stays.
fn part<T>(
    mut items: Vec<T>,
    id: impl Fn(&T) -> &String,
    limit: Option<u64>,
    cursor: Option<&str>,
) -> Page<T> {
    let total = items.len() as u64;
    if let Some(cursor) = cursor {
        let past = items.iter().position(|item| id(item) == cursor).map_or(0, |at| at + 1);
        items.drain(..past);
    }
    let limit = limit.unwrap_or(1000).clamp(1, 1000) as usize;
    let next = (items.len() > limit).then(|| id(&items[limit - 1]).clone());
    items.truncate(limit);
    Page { items, total, next }
}

/// What was seen of ATT&CK in the last seven days.
#[utoipa::path(get, path = "/api/v1/attack", tag = "alerts", responses((status = 200, body = Attack)))]
pub(crate) async fn attack(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<Json<Attack>> {
    let told = hub.state.alerts_by_technique(hub.now() - 7 * DAY, asker.scope()).await?;
    let mut tactics: BTreeMap<&str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for rule in own_rules() {
        let techniques = rule
            .tags
            .iter()
            .filter(|tag| tag.starts_with('T') && tag[1..].starts_with(|c: char| c.is_ascii_digit()));
        for technique in techniques {
            for tactic in rule.tags.iter().filter_map(|tag| tag.strip_prefix("mitre_")) {
                if let Some(tactic) = TACTICS.iter().find(|known| **known == tactic) {
                    tactics
                        .entry(tactic)
                        .or_default()
                        .entry(technique.clone())
                        .or_default()
                        .push(rule.name.clone());
                }
            }
        }
    }
    let technique = |(id, rules): (String, Vec<String>)| Technique {
        alerts: told.get(&id).copied().unwrap_or(0),
        id,
        rules,
    };
    let mut told_tactics = Vec::new();
    for name in TACTICS {
        if let Some(techniques) = tactics.remove(name) {
            told_tactics.push(Tactic {
                name: name.replace('_', "-"),
                techniques: techniques.into_iter().map(technique).collect(),
            });
        }
    }
    Ok(Json(Attack { tactics: told_tactics, others: told.get("").copied().unwrap_or(0) }))
}

/// A baseline as an agent lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    workload: String,
    image: String,
    state: BaselineState,
    items: u64,
    pending: u64,
    since: u64,
}

/// An id of a baseline: node, workload and image, which are needed to find it again.
fn baseline_id(node: &str, workload: &str, image: &str) -> String {
    format!("{node}|{workload} {image}")
}

/// Which baselines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct BaselinesQuery {
    /// In the name of the workload or the image.
    q: Option<String>,
    /// Of this workload.
    workload: Option<String>,
    /// `learning`, `proposed`, `locked`.
    state: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List baselines, as the agents that are connected know them.
#[utoipa::path(get, path = "/api/v1/baselines", tag = "baselines", params(BaselinesQuery), responses((status = 200, body = Page<Baseline>)))]
pub(crate) async fn baselines(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<BaselinesQuery>,
) -> Answer<Reply> {
    asker.needs_all(Role::Viewer)?;
    let states: Vec<BaselineState> = words(query.state.as_deref(), "state")?;
    let text = query.q.unwrap_or_default().to_lowercase();
    let ask = |node: String| {
        let hub = hub.clone();
        async move { (hub.ask(&node, &json!({"ask": "baselines"}), PATIENCE).await, node) }
    };
    let mut items = Vec::new();
    for (answered, node) in futures_util::future::join_all(hub.desk.connected().into_iter().map(ask)).await {
        // A node that does not answer is on the page of nodes.
        let listed: Vec<Listed> =
            answered.ok().and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default();
        items.extend(listed.into_iter().map(|listed| Baseline {
            id: baseline_id(&node, &listed.workload, &listed.image),
            node: node.clone(),
            workload: listed.workload,
            image: listed.image,
            state: listed.state,
            items: listed.items,
            waiting: listed.pending,
            since: (listed.since / 1_000_000).cast_signed(),
        }));
    }
    items.retain(|baseline| {
        (states.is_empty() || states.contains(&baseline.state))
            && query.workload.as_ref().is_none_or(|workload| *workload == baseline.workload)
            && (text.is_empty()
                || baseline.workload.to_lowercase().contains(&text)
                || baseline.image.to_lowercase().contains(&text))
    });
    // What somebody is to look at comes first.
    items.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.id.cmp(&b.id)));
    answer(
        part(items, |baseline| &baseline.id, query.limit, query.cursor.as_deref()),
        query.format.as_deref(),
    )
}

/// One baseline, with what is in it and what waits.
#[utoipa::path(get, path = "/api/v1/baselines/{id}", tag = "baselines", params(("id" = String, Path)), responses((status = 200, body = BaselineDetail), (status = 404, body = Problem)))]
pub(crate) async fn baseline(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<BaselineDetail>> {
    asker.needs_all(Role::Viewer)?;
    let absent = || ApiError::State(StateError::Absent { what: "baseline", id: id.clone() });
    let (node, name) = id.split_once('|').ok_or_else(absent)?;
    let answered = hub.ask_items(node, &json!({"ask": "baseline", "of": name}), PATIENCE).await?;
    let learnt = answered.iter().filter_map(|item| serde_json::from_str::<Learnt>(item).ok());
    let learnt = learnt
        .into_iter()
        .find(|learnt| format!("{} {}", learnt.subject.workload, learnt.subject.image) == name)
        .ok_or_else(absent)?;
    let mut contents: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for (items, waits) in [(&learnt.pending, true), (&learnt.items, false)] {
        for item in items.keys() {
            contents.entry(item.noun().to_owned()).or_default().push((item.to_string(), waits));
        }
    }
    let state = serde_json::to_value(learnt.state)
        .and_then(serde_json::from_value)
        .map_err(|error| ApiError::Broken(error.to_string()))?;
    Ok(Json(BaselineDetail {
        baseline: Baseline {
            id: id.clone(),
            node: node.to_owned(),
            workload: learnt.subject.workload,
            image: learnt.subject.image,
            state,
            items: learnt.items.len() as u64,
            waiting: learnt.pending.len() as u64,
            since: (learnt.since / 1_000_000).cast_signed(),
        },
        contents,
    }))
}

/// What is approved.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    /// Only what has this in it; absent: all that waits.
    #[serde(default)]
    only: Option<String>,
}

/// Approve what waits of a baseline, and lock it.
#[utoipa::path(post, path = "/api/v1/baselines/{id}/approve", tag = "baselines", params(("id" = String, Path)), request_body = Approval, responses((status = 204), (status = 502, body = Problem)))]
pub(crate) async fn approve(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
    Json(approval): Json<Approval>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Operator)?;
    let (node, name) = id
        .split_once('|')
        .ok_or_else(|| ApiError::State(StateError::Absent { what: "baseline", id: id.clone() }))?;
    hub.ask(node, &json!({"ask": "approve", "of": name, "only": approval.only}), PATIENCE).await?;
    hub.audit(&asker, "baseline.approve", &id, approval.only.as_deref().unwrap_or("")).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Hub {
    /// Asks the agent of a node; what it says is done, or why it cannot be.
    async fn ask(&self, node: &str, question: &Value, patience: Duration) -> Answer<Value> {
        let mut answered = self.asked(node, question, patience).await?;
        match answered.get_mut("error") {
            Some(Value::String(why)) => Err(ApiError::Unreachable(std::mem::take(why))),
            _ => Ok(answered["done"].take()),
        }
    }

    /// The same for what is told in pieces.
    async fn ask_items(&self, node: &str, question: &Value, patience: Duration) -> Answer<Vec<String>> {
        let mut answered = self.asked(node, question, patience).await?;
        Ok(serde_json::from_value(answered["items"].take()).unwrap_or_default())
    }

    async fn asked(&self, node: &str, question: &Value, patience: Duration) -> Answer<Value> {
        let answered = self.desk.ask(node, question.to_string().into_bytes(), patience).await;
        let bytes = answered.map_err(|error| ApiError::Unreachable(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            ApiError::Unreachable(format!("the answer of the node is not understood: {error}"))
        })
    }
}
