//! Policies of images: kept, changed, tried.

use super::list::{TextQuery, answer, part};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
    policies::{name, read},
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::Response,
};
use gabion_api::rest::{
    NewPolicy, Page, Policy, PolicyDetail, PolicyTrial, PolicyVersion, PolicyWish, Problem, Role, Topic,
};

fn shown(name: String, kept: &PolicyVersion) -> Policy {
    let PolicyVersion { version, created, by, reason, text } = kept;
    Policy {
        name,
        version: *version,
        changed: *created,
        by: by.clone(),
        reason: reason.clone(),
        rules: read(text).map_or(0, |policy| policy.rules.len() as u64),
    }
}

/// List the policies that are in force.
#[utoipa::path(get, path = "/api/v1/policies", tag = "policies", params(TextQuery), responses((status = 200, body = Page<Policy>)))]
pub(crate) async fn policies(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs(Role::Viewer)?;
    let text = query.q.unwrap_or_default();
    let kept = hub.state.policies().await?.into_iter().filter(|(name, _)| name.contains(&text));
    let items = kept.map(|(name, version)| shown(name, &version)).collect();
    answer(
        part(items, |policy: &Policy| &policy.name, query.limit, query.cursor.as_deref()),
        query.format.as_deref(),
    )
}

/// One policy, with its versions.
#[utoipa::path(get, path = "/api/v1/policies/{name}", tag = "policies", params(("name" = String, Path)), responses((status = 200, body = PolicyDetail), (status = 404, body = Problem)))]
pub(crate) async fn policy(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<Json<PolicyDetail>> {
    asker.needs(Role::Viewer)?;
    let versions = hub.state.policy(&name).await?;
    let last = versions.first().ok_or_else(|| ApiError::Broken("a policy has no version".to_owned()))?;
    Ok(Json(PolicyDetail { policy: shown(name, last), text: last.text.clone(), versions }))
}

/// Keep a policy, or another version of one. Scans that are sent from now on are held against it.
#[utoipa::path(post, path = "/api/v1/policies", tag = "policies", request_body = NewPolicy, responses((status = 200, body = Policy), (status = 400, body = Problem)))]
pub(crate) async fn keep_policy(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewPolicy>,
) -> Answer<Json<Policy>> {
    asker.needs_all(Role::Operator)?;
    let name = read(&new.text).and_then(|policy| name(&policy)).map_err(ApiError::Bad)?;
    let (by, now) = (asker.caller.name.as_str(), hub.now());
    let version = hub.state.keep_policy(&name, &new.text, new.after, (by, &new.reason), now).await?;
    let action = if version == 1 { "policy.create" } else { "policy.change" };
    hub.audit(&asker, action, &format!("{name} v{version}"), &new.reason).await?;
    hub.live.tell(Topic::Policies);
    let kept = PolicyVersion { version, created: now, by: by.to_owned(), reason: new.reason, text: new.text };
    Ok(Json(shown(name, &kept)))
}

/// Remove a policy. Its versions stay, and it can be made again.
#[utoipa::path(delete, path = "/api/v1/policies/{name}", tag = "policies", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_policy(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Operator)?;
    let last = hub.state.policy(&name).await?.first().map(|last| last.version);
    hub.state.keep_policy(&name, "", last, (&asker.caller.name, ""), hub.now()).await?;
    hub.audit(&asker, "policy.remove", &name, "").await?;
    hub.live.tell(Topic::Policies);
    Ok(StatusCode::NO_CONTENT)
}

/// Hold a policy against the images that are there, within what the asker may see. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/policies/try", tag = "policies", request_body = PolicyWish, responses((status = 200, body = PolicyTrial), (status = 400, body = Problem)))]
pub(crate) async fn try_policy(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(wish): Json<PolicyWish>,
) -> Answer<Json<PolicyTrial>> {
    asker.needs(Role::Triager)?;
    Ok(Json(hub.try_policy(&wish.text, wish.all, asker.scope()).await?))
}
