//! What is wrong: findings, vulnerabilities, exceptions, the tree and what to change in it.

use super::list::{TextQuery, answer, paging, words};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use gabion_api::rest::{
    Advisory, AdvisoryDetail, Counts, Exception, Finding, FindingDetail, ImageTree, NewException, NewPlan,
    Page, Problem, Role, Topic,
};
use gabion_store::state::FindingFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which findings. Several values of one field are separated by commas.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindingsQuery {
    /// In rule, title, place or name of the image.
    q: Option<String>,
    /// `vulnerability`, `secret`, `misconfiguration`, `behaviour`.
    kind: Option<String>,
    /// `critical`, `high`, `medium`, `low`, `info`, `unknown`.
    severity: Option<String>,
    /// `open`, `planned`, `fixed`, `rolling-out`, `verified`, `reopened`, `not-running`.
    state: Option<String>,
    /// Of images by this name.
    repository: Option<String>,
    /// Of this owner; `-` for nobody's.
    owner: Option<String>,
    /// By this rule.
    rule: Option<String>,
    /// In this image.
    image: Option<String>,
    /// In an image that this workload runs.
    workload: Option<String>,
    /// Known to be exploited.
    exploited: Option<bool>,
    /// What it is in was seen to be executed or mapped by what runs.
    loaded: Option<bool>,
    /// There is a version that mends it.
    fixable: Option<bool>,
    /// It does not count, by an exception.
    suppressed: Option<bool>,
    /// Its day is past.
    overdue: Option<bool>,
    /// `priority`, `severity`, `rule`, `repository`, `first_seen`, `since`, `due`, `running`; `-` in front for the greatest first.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List findings.
#[utoipa::path(get, path = "/api/v1/findings", tag = "findings", params(FindingsQuery), responses((status = 200, body = Page<Finding>), (status = 400, body = Problem)))]
pub(crate) async fn findings(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<FindingsQuery>,
) -> Answer<Response> {
    let wanted = FindingFilter {
        text: query.q.unwrap_or_default(),
        kinds: words(query.kind.as_deref(), "kind")?,
        severities: words(query.severity.as_deref(), "severity")?,
        states: words(query.state.as_deref(), "state")?,
        repository: query.repository,
        owner: query.owner,
        rule: query.rule,
        image: query.image,
        workload: query.workload,
        exploited: query.exploited,
        loaded: query.loaded,
        fixable: query.fixable,
        suppressed: query.suppressed,
        overdue: query.overdue,
    };
    let page = hub
        .state
        .findings(&wanted, asker.scope(), &paging(query.sort, query.limit, query.cursor), hub.now())
        .await?;
    answer(page, query.format.as_deref())
}

/// One finding, with what it rests on and its life.
#[utoipa::path(get, path = "/api/v1/findings/{id}", tag = "findings", params(("id" = String, Path)), responses((status = 200, body = FindingDetail), (status = 404, body = Problem)))]
pub(crate) async fn finding(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<FindingDetail>> {
    Ok(Json(hub.state.finding(&id, asker.scope(), hub.now()).await?))
}

/// Plan to mend findings.
#[utoipa::path(post, path = "/api/v1/findings/plan", tag = "findings", request_body = NewPlan, responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn plan(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(plan): Json<NewPlan>,
) -> Answer<StatusCode> {
    asker.needs(Role::Triager)?;
    hub.state.plan(&plan, &asker.caller.name, asker.scope(), hub.now()).await?;
    hub.audit(&asker, "finding.plan", &plan.findings.join(" "), &plan.note).await?;
    hub.live.tell(Topic::Findings);
    Ok(StatusCode::NO_CONTENT)
}

/// Plan no more to mend a finding.
#[utoipa::path(delete, path = "/api/v1/findings/{id}/plan", tag = "findings", params(("id" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn unplan(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    asker.needs(Role::Triager)?;
    hub.state.unplan(&id, asker.scope(), hub.now()).await?;
    hub.audit(&asker, "finding.unplan", &id, "").await?;
    hub.live.tell(Topic::Findings);
    Ok(StatusCode::NO_CONTENT)
}

/// List vulnerabilities, each once, by what is open and runs.
#[utoipa::path(get, path = "/api/v1/vulnerabilities", tag = "findings", params(TextQuery), responses((status = 200, body = Page<Advisory>)))]
pub(crate) async fn vulnerabilities(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    let text = query.q.unwrap_or_default();
    let page =
        hub.state.advisories(&text, asker.scope(), &paging(query.sort, query.limit, query.cursor)).await?;
    answer(page, query.format.as_deref())
}

/// A vulnerability, and where it is.
#[utoipa::path(get, path = "/api/v1/vulnerabilities/{rule}", tag = "findings", params(("rule" = String, Path)), responses((status = 200, body = AdvisoryDetail), (status = 404, body = Problem)))]
pub(crate) async fn vulnerability(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(rule): Path<String>,
) -> Answer<Json<AdvisoryDetail>> {
    Ok(Json(hub.state.advisory(&rule, asker.scope(), hub.now()).await?))
}

/// Which exceptions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionsQuery {
    /// A part of the rule, the images or the reason.
    q: Option<String>,
    /// Only those in force, or only those that are not.
    in_force: Option<bool>,
    /// `expires`, `created`, `owner`, `rule`.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List exceptions.
#[utoipa::path(get, path = "/api/v1/exceptions", tag = "exceptions", params(ExceptionsQuery), responses((status = 200, body = Page<Exception>)))]
pub(crate) async fn exceptions(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<ExceptionsQuery>,
) -> Answer<Response> {
    let page = hub
        .state
        .exceptions(
            &query.q.unwrap_or_default(),
            query.in_force,
            asker.scope(),
            &paging(query.sort, query.limit, query.cursor),
            hub.now(),
        )
        .await?;
    answer(page, query.format.as_deref())
}

/// Make an exception; with `dry_run` only tell what it would suppress.
#[utoipa::path(post, path = "/api/v1/exceptions", tag = "exceptions", request_body = NewException, responses((status = 200, body = Exception), (status = 400, body = Problem)))]
pub(crate) async fn add_exception(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewException>,
) -> Answer<Json<Exception>> {
    asker.needs(Role::Triager)?;
    // An exception is for all that its rule finds, whosever it is.
    let owners = &asker.scope().owners;
    if !asker.scope().is_all() && !owners.contains(&new.owner) {
        return Err(ApiError::Forbidden("the owner of the exception must be one of yours"));
    }
    if !asker.scope().is_all() && !hub.state.owns_covered(&new, asker.scope()).await? {
        return Err(ApiError::Forbidden(
            "it would suppress findings of others: name an image of yours as repository",
        ));
    }
    let exception =
        hub.state.add_exception(&crate::random_id("x"), &new, &asker.caller.name, hub.now()).await?;
    if !new.dry_run {
        hub.audit(
            &asker,
            "exception.create",
            &exception.id,
            &format!("{} {}: {}", new.kind.as_str(), new.rule, new.reason),
        )
        .await?;
        hub.trees.stale();
        hub.live.tell(Topic::Findings);
    }
    Ok(Json(exception))
}

/// End an exception before its time.
#[utoipa::path(delete, path = "/api/v1/exceptions/{id}", tag = "exceptions", params(("id" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn end_exception(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    asker.needs(Role::Triager)?;
    let absent =
        || ApiError::State(gabion_store::state::StateError::Absent { what: "exception", id: id.clone() });
    let exception = hub.state.exception(&id, hub.now()).await?.ok_or_else(absent)?;
    if !asker.scope().is_all() && !asker.scope().owners.contains(&exception.owner) {
        return Err(absent());
    }
    hub.state.end_exception(&id, hub.now()).await?;
    hub.audit(&asker, "exception.end", &id, "").await?;
    hub.trees.stale();
    hub.live.tell(Topic::Findings);
    Ok(StatusCode::NO_CONTENT)
}

/// What somebody has to do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnerLoad {
    /// Who; absent: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// What is open and runs.
    open: Counts,
    /// What is past its day.
    overdue: u64,
}

/// What each owner has to do.
#[utoipa::path(get, path = "/api/v1/owners", tag = "findings", responses((status = 200, body = Vec<OwnerLoad>)))]
pub(crate) async fn owners(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<Json<Vec<OwnerLoad>>> {
    let owners = hub.state.owners(asker.scope(), hub.now()).await?;
    let load = |(owner, (open, overdue)): (String, (Counts, u64))| OwnerLoad {
        owner: Some(owner).filter(|owner| !owner.is_empty()),
        open,
        overdue,
    };
    Ok(Json(owners.into_iter().map(load).collect()))
}

/// The tree of images, and what to change in it.
#[utoipa::path(get, path = "/api/v1/tree", tag = "images", responses((status = 200, body = ImageTree)))]
pub(crate) async fn tree(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<Response> {
    let tree = hub.tree(asker.scope()).await.map_err(|error| ApiError::Broken(format!("{error:#}")))?;
    Ok(Json(&*tree).into_response())
}
