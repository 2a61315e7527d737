//! What was told: alerts, and incidents of them.

use super::list::{answer, paging, words};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
    stitched,
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response as Reply},
};
use gabion_api::rest::{
    Alert, AlertChange, Incident, IncidentDetail, IncidentState, Millis, NewApart, Page, Problem, Role, Topic,
};
use gabion_store::state::{AlertFilter, Paging, StateError, Telling};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which alerts. Several values of one field are separated by commas.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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
#[utoipa::path(patch, path = "/api/v1/alerts", tag = "alerts", request_body = AlertChange, responses((status = 204), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn change_alerts(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(change): Json<AlertChange>,
) -> Answer<StatusCode> {
    asker.needs(Role::Triager)?;
    let changed = hub.state.change_alerts(&change, asker.scope()).await?;
    if changed.is_empty() && !change.ids.is_empty() {
        // Else the audit log would say that they have changed what is not theirs.
        return Err(StateError::Absent { what: "alert", id: change.ids.join(" ") }.into());
    }
    hub.audit(&asker, "alert.change", &changed.join(" "), &format!("{:?}", change.state)).await?;
    hub.live.tell(Topic::Alerts);
    Ok(StatusCode::NO_CONTENT)
}

/// Which incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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

/// One incident, over all its nodes: origin, extent, timeline, processes, what was done. The id of a part leads to the whole.
#[utoipa::path(get, path = "/api/v1/incidents/{id}", tag = "incidents", params(("id" = String, Path)), responses((status = 200, body = IncidentDetail), (status = 307, description = "It is part of another: there"), (status = 404, body = Problem)))]
pub(crate) async fn incident(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Reply> {
    let all = hub.state.incident(&id, asker.scope(), Telling::Stories).await?;
    if all.incident.id != id {
        return Ok(Redirect::temporary(&format!("/api/v1/incidents/{}", all.incident.id)).into_response());
    }
    let paging = Paging { limit: 100, ..Paging::default() };
    let responses = hub.state.responses(Some(&id), asker.scope(), &paging).await?.items;
    Ok(Json(stitched::told(all, responses)).into_response())
}

/// Say that two parts of an incident are two incidents, whatever links them, or take that back.
#[utoipa::path(post, path = "/api/v1/incidents/apart", tag = "incidents", request_body = NewApart, responses((status = 204), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn part_incidents(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(mut said): Json<NewApart>,
) -> Answer<StatusCode> {
    asker.needs(Role::Triager)?;
    said.reason = said.reason.trim().to_owned();
    if said.reason.len() > 500 {
        return Err(ApiError::Bad("reason: up to 500 bytes".to_owned()));
    }
    hub.state.part_incidents(&said, &asker.caller.name, asker.scope(), hub.now()).await?;
    let action = if said.apart { "incident.part" } else { "incident.join" };
    hub.audit(&asker, action, &format!("{} {}", said.cause, said.effect), &said.reason).await?;
    hub.live.tell(Topic::Incidents);
    Ok(StatusCode::NO_CONTENT)
}

/// The picture of an incident.
#[utoipa::path(get, path = "/api/v1/incidents/{id}/graph", tag = "incidents", params(("id" = String, Path)), responses((status = 200, content_type = "image/svg+xml"), (status = 404, body = Problem)))]
pub(crate) async fn incident_picture(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Reply> {
    let all = hub.state.incident(&id, asker.scope(), Telling::Pictures).await?;
    let Some(picture) = stitched::picture(&all) else {
        return Err(StateError::Absent { what: "picture of the incident", id }.into());
    };
    // It is shown as an image; opened by itself it may do nothing but show the pictures of its nodes, which it brings along.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
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
