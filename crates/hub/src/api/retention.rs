//! What is kept for how long: told, and changed.

use crate::{Hub, access::Asker, error::Answer};
use axum::{Json, extract::State as Extract};
use gabion_api::rest::{Problem, Retention, RetentionDetail, Role};

/// What is kept for how long, and what there is.
#[utoipa::path(get, path = "/api/v1/retention", tag = "hub", responses((status = 200, body = RetentionDetail), (status = 403, body = Problem)))]
pub(crate) async fn retention(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<Json<RetentionDetail>> {
    asker.needs_all(Role::Viewer)?;
    detail(&hub).await.map(Json)
}

async fn detail(hub: &Hub) -> Answer<RetentionDetail> {
    let stats = hub.events.stats();
    Ok(RetentionDetail {
        kept: hub.retention().await?,
        usual: Retention::default(),
        events: stats.events,
        bytes: stats.bytes,
        free: hub.free_bytes(),
        oldest: stats.oldest,
    })
}

/// Change what is kept for how long. What is too old or too much then goes within ten minutes, for good.
#[utoipa::path(put, path = "/api/v1/retention", tag = "hub", request_body = Retention, responses((status = 200, body = RetentionDetail), (status = 400, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn change_retention(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(wanted): Json<Retention>,
) -> Answer<Json<RetentionDetail>> {
    asker.needs_all(Role::Admin)?;
    let before = hub.retention().await?;
    hub.keep_retention(&wanted).await?;
    hub.audit(&asker, "retention.change", "", &changes(&before, &wanted)).await?;
    detail(&hub).await.map(Json)
}

/// What is another, in words.
fn changes(before: &Retention, after: &Retention) -> String {
    let days = |what: &str, before: u32, after: u32| {
        (before != after).then(|| format!("{what}: {before} to {after} days"))
    };
    let bytes = (before.event_bytes != after.event_bytes)
        .then(|| format!("events: {} to {} bytes", before.event_bytes, after.event_bytes));
    let all = [
        days("events", before.event_days, after.event_days),
        bytes,
        days("alerts", before.alert_days, after.alert_days),
        days("containers", before.container_days, after.container_days),
        days("flows", before.flow_days, after.flow_days),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
