//! Notification rules: who is told what, when, by which sink; what they would have sent, and what became of what they sent.
//!
//! Whoever sees only some owners has rules about these, and sees those only. A rule about everything is seen by who sees everything.

use super::{
    list::{TextQuery, answer, paging, part, words},
    signin::asked,
};
use crate::{
    DAY, Hub,
    access::Asker,
    error::{Answer, ApiError},
    notify::Rule,
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use gabion_api::rest::{
    Millis, NewNotificationPreview, NewNotificationRule, Notification, NotificationPreview, NotificationRule,
    NotificationSink, Page, Problem, Role, SinkTest,
};
use gabion_store::state::{Paging, Scope, StateError};
use serde::Deserialize;
use utoipa::IntoParams;

/// There are not more of them.
const MOST: usize = 100;

/// Which messages.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct NotificationQuery {
    /// Of this rule.
    rule: Option<String>,
    /// `waiting`, `sent`, `failed`; several with commas in between.
    state: Option<String>,
    /// By what it is sorted: `-time`.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// Whether somebody may make and change a rule that says this.
fn may(asker: &Asker, owners: &[String]) -> Answer<()> {
    asker.needs(Role::Admin)?;
    if asker.scope().has_rule_of(owners) {
        return Ok(());
    }
    Err(ApiError::Forbidden(
        "a rule is about owners: who sees only some of them makes rules about these, and who sees only some namespaces makes none",
    ))
}

/// A rule that makes sense, for a sink that is there.
async fn checked(hub: &Hub, new: &mut NewNotificationRule) -> Answer<Rule> {
    new.kinds.sort_unstable();
    new.kinds.dedup();
    new.owners.sort_unstable();
    new.owners.dedup();
    new.group_by.sort_unstable();
    new.group_by.dedup();
    let rule = Rule::try_from(&*new).map_err(|error| ApiError::Bad(error.to_string()))?;
    match hub.state.stored_sink(&new.sink).await {
        Ok(_) => Ok(rule),
        Err(StateError::Absent { .. }) => Err(ApiError::Bad(format!(
            "sink: there is no sink {:?}: an admin makes one on the page Settings, Sinks",
            new.sink
        ))),
        Err(error) => Err(error.into()),
    }
}

/// The rule of that name, if it is within what somebody sees.
async fn known(hub: &Hub, asker: &Asker, name: &str) -> Answer<NotificationRule> {
    let rules = hub.state.notify_rules().await?;
    let within =
        |rule: &NotificationRule| rule.rule.name == name && asker.scope().has_rule_of(&rule.rule.owners);
    let absent = || StateError::Absent { what: "notification rule", id: name.to_owned() };
    Ok(rules.into_iter().find(within).ok_or_else(absent)?)
}

/// What a rule is, for the audit log.
fn detail(new: &NewNotificationRule) -> String {
    serde_json::to_string(new).unwrap_or_default()
}

/// List notification rules, and how they do.
#[utoipa::path(get, path = "/api/v1/notification-rules", tag = "notifications", params(TextQuery), responses((status = 200, body = Page<NotificationRule>)))]
pub(crate) async fn rules(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    if !matches!(query.sort.as_deref(), None | Some("" | "name")) {
        return Err(ApiError::Bad("sort: they are sorted by name".to_owned()));
    }
    let text = query.q.unwrap_or_default().to_lowercase();
    let mut rules = hub.state.notify_rules().await?;
    rules.retain(|rule| asker.scope().has_rule_of(&rule.rule.owners) && rule.rule.name.contains(&text));
    answer(part(rules, |rule| &rule.rule.name, query.limit, query.cursor.as_deref()), query.format.as_deref())
}

/// One notification rule.
#[utoipa::path(get, path = "/api/v1/notification-rules/{name}", tag = "notifications", params(("name" = String, Path)), responses((status = 200, body = NotificationRule), (status = 404, body = Problem)))]
pub(crate) async fn rule(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<Json<NotificationRule>> {
    Ok(Json(known(&hub, &asker, &name).await?))
}

/// Make a notification rule. It tells what happens from now on.
#[utoipa::path(post, path = "/api/v1/notification-rules", tag = "notifications", request_body = NewNotificationRule, responses((status = 200, body = NotificationRule), (status = 400, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn add_rule(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    headers: HeaderMap,
    uri: Uri,
    Json(mut new): Json<NewNotificationRule>,
) -> Answer<Json<NotificationRule>> {
    may(&asker, &new.owners)?;
    checked(&hub, &mut new).await?;
    if new.name == "preview" {
        return Err(ApiError::Bad("name: this one is taken".to_owned()));
    }
    if hub.state.notify_rules().await?.len() >= MOST {
        return Err(ApiError::Bad(format!("there are {MOST} notification rules, and not more")));
    }
    let base = asked(&hub, &headers, &uri);
    hub.notice(true).await?;
    hub.state.add_notify_rule(&new, &base, &asker.caller.name, hub.now()).await?;
    hub.audit(&asker, "notification-rule.create", &new.name, &detail(&new)).await?;
    Ok(Json(known(&hub, &asker, &new.name).await?))
}

/// Change a notification rule, or pause it. What it has gathered stays, and what waits goes to its sink.
#[utoipa::path(put, path = "/api/v1/notification-rules/{name}", tag = "notifications", params(("name" = String, Path)), request_body = NewNotificationRule, responses((status = 200, body = NotificationRule), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn change_rule(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    Json(mut new): Json<NewNotificationRule>,
) -> Answer<Json<NotificationRule>> {
    let before = known(&hub, &asker, &name).await?;
    may(&asker, &before.rule.owners)?;
    may(&asker, &new.owners)?;
    if new.name != name {
        return Err(ApiError::Bad("name: a rule keeps its name; make another".to_owned()));
    }
    checked(&hub, &mut new).await?;
    if before.rule.paused {
        hub.notice(true).await?;
    }
    hub.state.change_notify_rule(&new, &asked(&hub, &headers, &uri)).await?;
    hub.notifier.changed();
    hub.audit(&asker, "notification-rule.change", &name, &detail(&new)).await?;
    Ok(Json(known(&hub, &asker, &name).await?))
}

/// Remove a notification rule. What it has gathered, and what waits, is told to nobody.
#[utoipa::path(delete, path = "/api/v1/notification-rules/{name}", tag = "notifications", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_rule(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    let before = known(&hub, &asker, &name).await?;
    may(&asker, &before.rule.owners)?;
    hub.state.remove_notify_rule(&name).await?;
    hub.audit(&asker, "notification-rule.remove", &name, "").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a message of a notification rule now, which says that it is a test, and tell what the sink says.
#[utoipa::path(post, path = "/api/v1/notification-rules/{name}/test", tag = "notifications", params(("name" = String, Path)), responses((status = 200, body = SinkTest), (status = 404, body = Problem)))]
pub(crate) async fn test_rule(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Json<SinkTest>> {
    let NotificationRule { rule, .. } = known(&hub, &asker, &name).await?;
    may(&asker, &rule.owners)?;
    let base = asked(&hub, &headers, &uri);
    let tried = hub.try_rule(&name, &rule.sink, &base, &asker.caller.name).await;
    let tried = tried.map_err(|error| match error.downcast::<StateError>() {
        Ok(error) => error.into(),
        Err(error) => ApiError::Broken(error.to_string()),
    })?;
    let said = if tried.is_ok() { "taken" } else { "not taken" };
    hub.audit(&asker, "notification-rule.test", &name, said).await?;
    Ok(Json(match tried {
        Ok(()) => SinkTest { taken: true, said: format!("{} has taken the message", rule.sink) },
        Err(said) => SinkTest { taken: false, said },
    }))
}

/// Which messages a rule would have sent in the last days. Nothing is sent, and the rule need not be there.
#[utoipa::path(post, path = "/api/v1/notification-rules/preview", tag = "notifications", request_body = NewNotificationPreview, responses((status = 200, body = NotificationPreview), (status = 400, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn preview(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(NewNotificationPreview { mut rule, days }): Json<NewNotificationPreview>,
) -> Answer<Json<NotificationPreview>> {
    may(&asker, &rule.owners)?;
    if !(1..=30).contains(&days) {
        return Err(ApiError::Bad("days: it is for 1 to 30 days".to_owned()));
    }
    let checked = checked(&hub, &mut rule).await?;
    let to = hub.now();
    let from = to - Millis::from(days) * DAY;
    // What the rule is not about needs not be read.
    let scope = Scope { owners: rule.owners, namespaces: Vec::new() };
    let (happened, is_all) = hub.state.happened_between(&scope, from, to).await?;
    let follow = tokio::task::spawn_blocking(move || checked.follow(&happened, is_all, (from, to)));
    Ok(Json(follow.await.map_err(|error| ApiError::Broken(error.to_string()))?))
}

/// Messages of notification rules, and what became of them.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "notifications", params(NotificationQuery), responses((status = 200, body = Page<Notification>)))]
pub(crate) async fn notifications(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<NotificationQuery>,
) -> Answer<Response> {
    let states = words(query.state.as_deref(), "state")?;
    let paging = paging(query.sort, query.limit, query.cursor);
    let rule = query.rule.as_deref().filter(|rule| !rule.is_empty());
    let page = hub.state.notifications(rule, &states, asker.scope(), &paging).await?;
    answer(page, query.format.as_deref())
}

/// Send a message again now that waits, or that was given up.
#[utoipa::path(post, path = "/api/v1/notifications/{id}/retry", tag = "notifications", params(("id" = String, Path)), responses((status = 200, body = Notification), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn retry(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<Notification>> {
    asker.needs(Role::Admin)?;
    let before = hub.state.notification(&id, asker.scope()).await?;
    hub.state.retry_notification(&id, hub.now()).await?;
    hub.notifier.changed();
    hub.audit(&asker, "notification.retry", &id, &before.rule).await?;
    Ok(Json(hub.state.notification(&id, asker.scope()).await?))
}

/// Sinks that messages can go to: their names, and how they do.
#[utoipa::path(get, path = "/api/v1/notification-sinks", tag = "notifications", responses((status = 200, body = Page<NotificationSink>), (status = 403, body = Problem)))]
pub(crate) async fn sinks(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<Json<Page<NotificationSink>>> {
    asker.needs(Role::Admin)?;
    let paging = Paging { limit: 1000, ..Paging::default() };
    let sinks = hub.state.sinks(&paging, hub.events.end()).await?;
    let named = |sink: gabion_api::rest::Sink| NotificationSink {
        kind: sink.target.kind().to_owned(),
        name: sink.name,
        state: sink.state,
    };
    Ok(Json(Page { items: sinks.items.into_iter().map(named).collect(), total: sinks.total, next: None }))
}
