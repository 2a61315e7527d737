//! Sinks: which other systems are handed what happens, and how that goes. A secret comes in and never goes out.

use super::list::{TextQuery, answer, paging};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
    sinks::secret_of,
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::Response,
};
use gabion_api::rest::{NewSink, Page, Problem, Role, Sink, SinkTest};

/// There are not more of them.
const MOST: u64 = 50;

/// What a sink is, for the audit log.
fn detail(new: &NewSink, place: &str) -> String {
    let records: Vec<String> = new.records.iter().map(|kind| format!("{kind:?}").to_lowercase()).collect();
    let paused = if new.paused { ", paused" } else { "" };
    let secret = if new.secret.is_some() { ", a new secret" } else { "" };
    let records = if records.is_empty() { "notifications only".to_owned() } else { records.join(", ") };
    format!("{} {place}: {records}{paused}{secret}", new.target.kind())
}

/// A sink that makes sense; its place.
fn checked(new: &mut NewSink, secret: Option<&str>) -> Answer<String> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.name.is_empty() || new.name.len() > 64 || !new.name.chars().all(is_good) {
        return Err(ApiError::Bad("name: it has 1 to 64 lower-case letters, digits and `-`".to_owned()));
    }
    new.records.sort_unstable();
    new.records.dedup();
    gabion_sink::place(&new.target, secret).map_err(|error| ApiError::Bad(error.to_string()))
}

/// List sinks, without their secrets.
#[utoipa::path(get, path = "/api/v1/sinks", tag = "sinks", params(TextQuery), responses((status = 200, body = Page<Sink>), (status = 403, body = Problem)))]
pub(crate) async fn sinks(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Admin)?;
    let paging = paging(query.sort, query.limit, query.cursor);
    answer(hub.state.sinks(&paging, hub.events.end()).await?, query.format.as_deref())
}

/// One sink.
#[utoipa::path(get, path = "/api/v1/sinks/{name}", tag = "sinks", params(("name" = String, Path)), responses((status = 200, body = Sink), (status = 404, body = Problem)))]
pub(crate) async fn sink(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<Json<Sink>> {
    asker.needs_all(Role::Admin)?;
    Ok(Json(hub.state.sink(&name, hub.events.end()).await?))
}

/// Make a sink. It is handed what comes from now on.
#[utoipa::path(post, path = "/api/v1/sinks", tag = "sinks", request_body = NewSink, responses((status = 200, body = Sink), (status = 400, body = Problem)))]
pub(crate) async fn add_sink(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(mut new): Json<NewSink>,
) -> Answer<Json<Sink>> {
    asker.needs_all(Role::Admin)?;
    let secret = new.secret.clone();
    let place = checked(&mut new, secret.as_deref())?;
    if hub.state.stored_sinks().await?.len() as u64 >= MOST {
        return Err(ApiError::Bad(format!("there are {MOST} sinks, and not more")));
    }
    new.secret = hub.sealed(secret, &secret_of(&new.name))?;
    hub.state.add_sink(&new, &place, &asker.caller.name, hub.events.end(), hub.now()).await?;
    hub.sinks_changed().await;
    hub.audit(&asker, "sink.create", &new.name, &detail(&new, &place)).await?;
    Ok(Json(hub.state.sink(&new.name, hub.events.end()).await?))
}

/// Change a sink. What waits for it still does.
#[utoipa::path(put, path = "/api/v1/sinks/{name}", tag = "sinks", params(("name" = String, Path)), request_body = NewSink, responses((status = 200, body = Sink), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn change_sink(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
    Json(mut new): Json<NewSink>,
) -> Answer<Json<Sink>> {
    asker.needs_all(Role::Admin)?;
    let before = hub.state.stored_sink(&name).await?;
    if new.name != name || new.target.kind() != before.target.kind() {
        return Err(ApiError::Bad("a sink keeps its name and its kind; make another".to_owned()));
    }
    // One that cannot be opened any more may be given anew.
    let kept = if new.secret.is_none() {
        hub.sink_secret(&before).map_err(|error| ApiError::Bad(error.to_string()))?
    } else {
        None
    };
    let secret = new.secret.clone().or_else(|| kept.clone());
    let place = checked(&mut new, secret.as_deref())?;
    if kept.is_some() && gabion_sink::place(&before.target, kept.as_deref()).as_ref() != Ok(&place) {
        // Else whoever may change the address is told the secret, by their own server.
        return Err(ApiError::Bad(
            "secret: the server is another, so the secret has to be given again".to_owned(),
        ));
    }
    new.secret = hub.sealed(new.secret, &secret_of(&name))?;
    hub.state.change_sink(&new, &place, hub.events.end(), hub.now()).await?;
    hub.sinks_changed().await;
    hub.audit(&asker, "sink.change", &name, &detail(&new, &place)).await?;
    Ok(Json(hub.state.sink(&name, hub.events.end()).await?))
}

/// Remove a sink. What waits for it is handed to nobody.
#[utoipa::path(delete, path = "/api/v1/sinks/{name}", tag = "sinks", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_sink(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    hub.state.remove_sink(&name).await?;
    hub.sinks_changed().await;
    hub.audit(&asker, "sink.remove", &name, "").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send one record to a sink, now, and tell what it says. A paused one can be tried, too.
#[utoipa::path(post, path = "/api/v1/sinks/{name}/test", tag = "sinks", params(("name" = String, Path)), responses((status = 200, body = SinkTest), (status = 404, body = Problem)))]
pub(crate) async fn test_sink(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<Json<SinkTest>> {
    asker.needs_all(Role::Admin)?;
    let stored = hub.state.stored_sink(&name).await?;
    let tried = hub.try_sink(&stored, &asker.caller.name).await;
    hub.audit(&asker, "sink.test", &name, if tried.is_ok() { "taken" } else { "not taken" }).await?;
    Ok(Json(match tried {
        Ok(()) => SinkTest { taken: true, said: "it has taken the record".to_owned() },
        Err(said) => SinkTest { taken: false, said },
    }))
}
