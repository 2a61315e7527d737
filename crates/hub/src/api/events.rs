//! What happened: the search over events, and who talks to whom.

use super::list::answer;
use crate::{
    DAY, Hub,
    access::Asker,
    error::{Answer, ApiError},
};
use axum::{
    Json,
    extract::{Query, State as Extract},
    response::{IntoResponse, Response as Reply},
};
use gabion_api::rest::{EventPage, Histogram, Millis, Page, Problem, Role, ServiceMap};
use gabion_store::events::{EventStoreError, Query as EventQuery};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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
    let wanted = query.query();
    let page = hub.search_all(wanted).await?;
    match query.format.as_deref() {
        Some("csv") => {
            let missing = page.unsearched.len();
            let items = Page { items: page.items, total: page.total, next: page.next };
            let mut response = answer(items, Some("csv"))?;
            if missing > 0 {
                // A table has no place to say that it lacks something.
                response.headers_mut().insert("x-unsearched", missing.into());
            }
            Ok(response)
        }
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
    let (wanted, buckets) = (query.query(), query.buckets.unwrap_or(60).clamp(1, 500) as usize);
    Ok(Json(hub.histogram_all(wanted, buckets).await?))
}

/// Of which time, and of what.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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
    let from = query.from.unwrap_or_else(|| to.saturating_sub(DAY));
    Ok(Json(hub.state.service_map(from, to, query.namespace.as_deref(), asker.scope()).await?))
}
