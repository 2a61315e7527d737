//! Hubs that share a database: which there are, and that one will not come back.

use super::list::{TextQuery, answer};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
    together::is_heard,
};
use axum::{
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::Response,
};
use gabion_api::rest::{HubState, Page, Problem, Role, Topic};

/// List the hubs that share this one's database.
#[utoipa::path(get, path = "/api/v1/hubs", tag = "hub", params(TextQuery), responses((status = 200, body = Page<gabion_api::rest::Hub>), (status = 403, body = Problem)))]
pub(crate) async fn hubs(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Viewer)?;
    let now = hub.now();
    let items: Vec<_> = hub
        .state
        .hubs(now)
        .await?
        .into_iter()
        .map(|stored| {
            let here = stored.hub.id == hub.together.id;
            gabion_api::rest::Hub {
                state: match (here || is_heard(&stored), stored.ended) {
                    (true, _) => HubState::Heard,
                    (false, true) => HubState::Ended,
                    (false, false) => HubState::Away,
                },
                id: stored.hub.id,
                name: stored.hub.name,
                address: stored.hub.address,
                version: stored.hub.version,
                since: stored.since,
                seen: if here { now } else { now - stored.age },
                here,
                // One that is alone on its database leads without having been asked.
                leads: stored.leads.or_else(|| (here && hub.lead.leads()).then_some(stored.since)),
                nodes: stored.nodes,
            }
        })
        .collect();
    // There are a few.
    answer(Page { total: items.len() as u64, items, next: None }, query.format.as_deref())
}

/// Say that a hub will not come back. Events that only it had are given up, and searches are whole again without it.
#[utoipa::path(delete, path = "/api/v1/hubs/{id}", tag = "hub", params(("id" = String, Path)), responses((status = 204), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn remove_hub(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    if id == hub.together.id || hub.together.heard(&id).is_some() {
        return Err(ApiError::Bad("that hub is there: end it first".to_owned()));
    }
    hub.state.remove_hub(&id).await?;
    hub.audit(&asker, "hub.remove", &id, "").await?;
    hub.look_around().await?;
    hub.live.tell(Topic::Nodes);
    Ok(StatusCode::NO_CONTENT)
}
