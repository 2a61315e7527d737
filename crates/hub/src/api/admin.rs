//! Who may come in, what was done, and how the hub itself does.

use super::list::{TextQuery, answer, paging};
use crate::{
    DAY, Hub,
    access::{Asker, TOKEN, hash, new_password, secret},
    error::{Answer, ApiError, away},
    together::is_heard,
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use gabion_api::rest::{
    AuditEntry, Millis, NewToken, NewUser, Page, Problem, Role, SinkState, Token, User, UserChange,
};
use gabion_store::state::Scope;
use std::fmt::Write;

/// A token is good for so many days at most.
const LONGEST: u32 = 730;

/// A name that may be given.
fn checked_name(name: &str) -> Answer<()> {
    let is_good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if name.is_empty() || name.len() > 128 || !name.chars().all(is_good) {
        return Err(ApiError::Bad("a name has 1 to 128 letters, digits and `.`, `_`, `-`, `@`".to_owned()));
    }
    Ok(())
}

/// A role that a person may have.
fn for_people(role: Role) -> Answer<()> {
    if role == Role::Scanner {
        return Err(ApiError::Bad("the role scanner is for tokens: whoever has it sees nothing".to_owned()));
    }
    Ok(())
}

/// List users.
#[utoipa::path(get, path = "/api/v1/users", tag = "access", params(TextQuery), responses((status = 200, body = Page<User>), (status = 403, body = Problem)))]
pub(crate) async fn users(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Admin)?;
    answer(hub.state.users(&paging(query.sort, query.limit, query.cursor)).await?, query.format.as_deref())
}

/// Make a user.
#[utoipa::path(post, path = "/api/v1/users", tag = "access", request_body = NewUser, responses((status = 200, body = User), (status = 400, body = Problem)))]
pub(crate) async fn add_user(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewUser>,
) -> Answer<Json<User>> {
    asker.needs_all(Role::Admin)?;
    checked_name(&new.name)?;
    for_people(new.role)?;
    let password = new_password(new.password).await?;
    let user = User {
        name: new.name,
        role: new.role,
        owners: new.owners,
        namespaces: new.namespaces,
        created: hub.now(),
        seen: None,
        disabled: false,
        issuer: None,
    };
    hub.state.add_user(&user, &password).await?;
    hub.audit(&asker, "user.create", &user.name, user.role.as_str()).await?;
    Ok(Json(user))
}

/// Change a user. All sessions of theirs end.
#[utoipa::path(patch, path = "/api/v1/users/{name}", tag = "access", params(("name" = String, Path)), request_body = UserChange, responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn change_user(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
    Json(mut change): Json<UserChange>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    change.role.map_or(Ok(()), for_people)?;
    let password = match change.password.take() {
        Some(password) => Some(new_password(password).await?),
        None => None,
    };
    let what = format!("{change:?}{}", if password.is_some() { ", a new password" } else { "" });
    hub.state.change_user(&name, &change, password).await?;
    hub.audit(&asker, "user.change", &name, &what).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a user.
#[utoipa::path(delete, path = "/api/v1/users/{name}", tag = "access", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_user(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    hub.state.remove_user(&name).await?;
    hub.audit(&asker, "user.remove", &name, "").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List tokens of the API, without their secrets.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", params(TextQuery), responses((status = 200, body = Page<Token>), (status = 403, body = Problem)))]
pub(crate) async fn tokens(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Admin)?;
    answer(hub.state.tokens(&paging(query.sort, query.limit, query.cursor)).await?, query.format.as_deref())
}

/// Make a token of the API. Its secret is told this once.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = NewToken, responses((status = 200, body = Token), (status = 400, body = Problem)))]
pub(crate) async fn add_token(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewToken>,
) -> Answer<Json<Token>> {
    asker.needs_all(Role::Admin)?;
    checked_name(&new.name)?;
    if new.days == 0 || new.days > LONGEST {
        return Err(ApiError::Bad(format!("a token is good for 1 to {LONGEST} days")));
    }
    let secret = format!("{TOKEN}{}", secret());
    let now = hub.now();
    let token = Token {
        id: crate::random_id("t"),
        name: new.name,
        role: new.role,
        owners: new.owners,
        namespaces: new.namespaces,
        by: asker.caller.name.clone(),
        created: now,
        expires: now + Millis::from(new.days) * DAY,
        used: None,
        secret: None,
    };
    hub.state.add_token(&token, &hash(&secret)).await?;
    hub.audit(&asker, "token.create", &token.id, &format!("{} {}", token.name, token.role.as_str())).await?;
    Ok(Json(Token { secret: Some(secret), ..token }))
}

/// Remove a token.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", params(("id" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_token(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    hub.state.remove_token(&id).await?;
    hub.audit(&asker, "token.remove", &id, "").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was done, by whom.
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", params(TextQuery), responses((status = 200, body = Page<AuditEntry>), (status = 403, body = Problem)))]
pub(crate) async fn audit(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Admin)?;
    let page = hub
        .state
        .audited(query.q.as_deref().unwrap_or_default(), &paging(query.sort, query.limit, query.cursor))
        .await?;
    answer(page, query.format.as_deref())
}

/// The hub lives.
#[utoipa::path(get, path = "/healthz", tag = "hub", security(()), responses((status = 200)))]
pub(crate) async fn healthy() -> &'static str {
    "ok\n"
}

/// The hub can answer: its database does.
#[utoipa::path(get, path = "/readyz", tag = "hub", security(()), responses((status = 200), (status = 503, body = Problem)))]
pub(crate) async fn ready(Extract(hub): Extract<Hub>) -> Response {
    match hub.lead.while_there(hub.state.ping()).await {
        Some(Ok(())) => match hub.little_room() {
            None => "ok\n".into_response(),
            // It can still be looked at, which is needed to find out what to do.
            Some(free) => format!("ok, but the hub's disk has {} MB left\n", free >> 20).into_response(),
        },
        Some(Err(error)) => {
            hub.note(&format!("not ready: {error}"));
            away()
        }
        None => away(),
    }
}

/// Metrics in the text format of Prometheus. Counts only: no name of anything.
#[utoipa::path(get, path = "/metrics", tag = "hub", security(()), responses((status = 200, content_type = "text/plain")))]
pub(crate) async fn metrics(Extract(hub): Extract<Hub>) -> Answer<impl IntoResponse> {
    let numbers = hub.state.numbers(&Scope::all(), hub.now()).await?;
    let events = std::sync::Arc::clone(&hub.events);
    let stats = tokio::task::spawn_blocking(move || events.stats())
        .await
        .map_err(|error| ApiError::Broken(error.to_string()))?;
    let mut text = String::new();
    let mut add = |name: &str, help: &str, values: &[(String, u64)]| {
        let _ = writeln!(text, "# HELP gabion_{name} {help}\n# TYPE gabion_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "gabion_{name}{labels} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value)];
    let labelled = |name: &str, values: &[(&str, u64)]| {
        values.iter().map(|(label, value)| (format!("{{{name}=\"{label}\"}}"), *value)).collect::<Vec<_>>()
    };
    let open = numbers.open;
    add(
        "findings_open",
        "Findings that are open and run.",
        &labelled(
            "severity",
            &[("critical", open.critical), ("high", open.high), ("medium", open.medium), ("low", open.low)],
        ),
    );
    add("findings_overdue", "Findings past their day.", &one(numbers.progress.overdue));
    add(
        "nodes",
        "Nodes by whether they are heard.",
        &labelled(
            "state",
            &[("connected", numbers.nodes[1]), ("lost", numbers.nodes[0].saturating_sub(numbers.nodes[1]))],
        ),
    );
    add("images_running", "Images that run.", &one(numbers.images[0]));
    add("images_scanned", "Images that run and are scanned.", &one(numbers.images[1]));
    add("containers_running", "Containers that run.", &one(numbers.containers[0]));
    add("incidents_open", "Incidents that are open.", &one(numbers.incidents));
    add("alerts_last_day", "Alerts of the last 24 hours.", &one(numbers.alerts));
    add("events_kept", "Events that can be searched.", &one(stats.events));
    add("events_bytes", "Bytes of the event store on disk.", &one(stats.bytes));
    add("events_waiting", "Events that wait to be indexed.", &one(stats.waiting));
    if let Some(free) = hub.free_bytes() {
        add("disk_free_bytes", "Bytes that are left on the disk of the hub.", &one(free));
    }
    let dropped: Vec<(&str, u64)> = stats.dropped.iter().map(|(reason, many)| (*reason, *many)).collect();
    add(
        "events_dropped",
        "Events that were dropped since the start, by reason.",
        &labelled("reason", &dropped),
    );
    let sinks = hub.state.sink_numbers(hub.events.end()).await?;
    let by_state = SinkState::ALL.map(|state| (state.as_str(), sinks.states[state as usize]));
    add("sinks", "Sinks by how they do.", &labelled("state", &by_state));
    add("sink_records_waiting", "Records that wait for sinks.", &one(sinks.waiting));
    add("sink_records_sent", "Records that sinks have taken.", &one(sinks.sent));
    add("sink_records_refused", "Records that sinks have refused for good.", &one(sinks.refused));
    add("sink_records_lost", "Records that were deleted before a sink took them.", &one(sinks.lost));
    let told = hub.state.notify_numbers().await?;
    let told = [("waiting", told.waiting), ("sent", told.sent), ("failed", told.failed)];
    add("notifications", "Messages of notification rules by what became of them.", &labelled("state", &told));
    add(
        "leads",
        "Whether this hub does what is to be done once for all hubs.",
        &one(hub.lead.leads().into()),
    );
    let hubs = hub.state.hubs(hub.now()).await?;
    let heard = hubs.iter().filter(|other| other.hub.id == hub.together.id || is_heard(other)).count() as u64;
    let away = hubs.len() as u64 - heard;
    add(
        "hubs",
        "Hubs on this database by whether they are heard.",
        &labelled("state", &[("heard", heard), ("away", away)]),
    );
    if let Some(shelf) = hub.desk.shelf() {
        let shared = shelf.shared();
        let [read, kept, others] = shared.layers;
        add(
            "layers_scanned",
            "Layers of images that agents have scanned since the start, by who had read them: the scan, an earlier one there, another node.",
            &labelled("read", &[("now", read), ("earlier", kept), ("elsewhere", others)]),
        );
        let by_way =
            |at: usize| labelled("way", &[("from_nodes", shared.taken[at]), ("to_nodes", shared.handed[at])]);
        add("layer_facts", "What is known of layers, by where it went since the start.", &by_way(0));
        add("layer_facts_bytes", "Bytes of that, compressed.", &by_way(1));
        add(
            "layer_facts_refused",
            "What was not taken of a node, as it was damaged or could not be kept.",
            &one(shared.refused),
        );
        add("layer_facts_large", "What was too long to be shared.", &one(shared.large));
        add(
            "layer_waits",
            "Times that an image has waited for another node to read its layers.",
            &one(shared.waited),
        );
        add("layers_being_read", "Layers that nodes read now for all others.", &one(shared.leases));
    }
    let sizes: Vec<(&str, u64)> =
        hub.names.sizes().into_iter().map(|(kind, many)| (kind, many as u64)).collect();
    add("addresses_known", "Addresses of which it is known whose they are.", &labelled("kind", &sizes));
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}
