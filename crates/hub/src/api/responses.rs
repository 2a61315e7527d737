//! What is done about it: responses, which agents carry out within guard rails of their own.

use super::list::{answer, paging};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    response::Response as Reply,
};
use gabion_api::rest::{NewResponse, Page, Problem, Response, ResponseOutcome, ResponseState, Role, Topic};
use gabion_store::state::{Paging, StateError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use utoipa::IntoParams;

/// How long an agent may take to answer; with evidence it collects first.
const PATIENCE: Duration = Duration::from_secs(15);
const COLLECTING: Duration = Duration::from_secs(50);
/// A response that lasts does so for an hour, and for a week at most.
const LASTS: u64 = 3600;
const LONGEST: u64 = 7 * 24 * 3600;

/// Which responses.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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
        .responses(query.incident.as_deref(), asker.scope(), &paging(query.sort, query.limit, query.cursor))
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
