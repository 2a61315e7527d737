//! What is there: images, packages, containers, workloads, nodes.

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
    Container, Image, ImageDetail, ImagePackage, JoinToken, Millis, NewJoinToken, Node, NodeDetail, Package,
    Page, Problem, Role, Topic, Workload, WorkloadDetail,
};
use gabion_store::state::{ImageFilter, WorkloadFilter};
use serde::Deserialize;
use utoipa::IntoParams;

/// A join token is good for so long at most.
const LONGEST: u32 = 7 * 24 * 60;
/// And for so many nodes.
const MOST: u32 = 10_000;

/// Which images.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImagesQuery {
    /// In the name, the id or the owner.
    q: Option<String>,
    /// Something runs them.
    running: Option<bool>,
    /// `full`, `partial`, `not-evaluated`, `unsupported`, `failed`.
    coverage: Option<String>,
    /// In the registry of this name.
    registry: Option<String>,
    /// `urgency`, `name`, `running`, `packages`, `size`, `first_seen`; `-` in front for the greatest first.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List images.
#[utoipa::path(get, path = "/api/v1/images", tag = "images", params(ImagesQuery), responses((status = 200, body = Page<Image>)))]
pub(crate) async fn images(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<ImagesQuery>,
) -> Answer<Response> {
    let coverage = words(query.coverage.as_deref(), "coverage")?.first().copied();
    let wanted = ImageFilter {
        text: query.q.unwrap_or_default(),
        running: query.running,
        coverage,
        registry: query.registry,
    };
    answer(
        hub.state.images(&wanted, asker.scope(), &paging(query.sort, query.limit, query.cursor)).await?,
        query.format.as_deref(),
    )
}

/// One image, with its layers.
#[utoipa::path(get, path = "/api/v1/images/{id}", tag = "images", params(("id" = String, Path)), responses((status = 200, body = ImageDetail), (status = 404, body = Problem)))]
pub(crate) async fn image(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<ImageDetail>> {
    Ok(Json(hub.state.image(&id, asker.scope()).await?))
}

/// List the packages of an image.
#[utoipa::path(get, path = "/api/v1/images/{id}/packages", tag = "images", params(("id" = String, Path), TextQuery), responses((status = 200, body = Page<ImagePackage>)))]
pub(crate) async fn image_packages(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    let text = query.q.unwrap_or_default();
    let page = hub
        .state
        .packages_of(&id, &text, asker.scope(), &paging(query.sort, query.limit, query.cursor))
        .await?;
    answer(page, query.format.as_deref())
}

/// The whole report of an image, as `gabion scan --format json` prints it.
#[utoipa::path(get, path = "/api/v1/images/{id}/report", tag = "images", params(("id" = String, Path)), responses((status = 200, body = serde_json::Value), (status = 404, body = Problem)))]
pub(crate) async fn image_report(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Response> {
    hub.state.image_in_scope(&id, asker.scope()).await?;
    let absent = || {
        ApiError::State(gabion_store::state::StateError::Absent {
            what: "report of the image",
            id: id.clone(),
        })
    };
    Ok(Json(hub.state.report(&id).await?.ok_or_else(absent)?).into_response())
}

/// Scan an image again, on a node that runs it.
#[utoipa::path(post, path = "/api/v1/images/{id}/scan", tag = "images", params(("id" = String, Path)), responses((status = 202), (status = 502, body = Problem)))]
pub(crate) async fn scan_image(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    asker.needs(Role::Operator)?;
    hub.state.image_in_scope(&id, asker.scope()).await?;
    let places = hub.state.ask_scan(&id, hub.now()).await?;
    for (node, target) in &places {
        if hub.scan_on(node, &id, target).await {
            hub.audit(&asker, "image.scan", &id, "").await?;
            return Ok(StatusCode::ACCEPTED);
        }
    }
    Err(ApiError::Unreachable("no node that is connected runs that image".to_owned()))
}

/// Find packages by name, wherever they are.
#[utoipa::path(get, path = "/api/v1/packages", tag = "packages", params(TextQuery), responses((status = 200, body = Page<Package>)))]
pub(crate) async fn packages(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1000);
    let items = hub.state.packages(query.q.as_deref().unwrap_or_default(), limit, asker.scope()).await?;
    answer(Page { total: items.len() as u64, items, next: None }, query.format.as_deref())
}

/// A package, and the images that have it.
#[utoipa::path(get, path = "/api/v1/packages/{kind}/{name}", tag = "packages", params(("kind" = String, Path), ("name" = String, Path)), responses((status = 200, body = Package), (status = 404, body = Problem)))]
pub(crate) async fn package(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path((kind, name)): Path<(String, String)>,
) -> Answer<Json<Package>> {
    Ok(Json(hub.state.package(&kind, &name, asker.scope()).await?))
}

/// Which containers or workloads.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunningQuery {
    /// In the name, or in the name of an image.
    q: Option<String>,
    /// Only what runs, or only what does not.
    running: Option<bool>,
    /// In this namespace.
    namespace: Option<String>,
    /// Of this owner; `-` for nobody's.
    owner: Option<String>,
    /// `risk`, `name`, `running`, `alerts`, `first_seen` for workloads, `name`, `started`, `workload` for containers.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List containers.
#[utoipa::path(get, path = "/api/v1/containers", tag = "workloads", params(RunningQuery), responses((status = 200, body = Page<Container>)))]
pub(crate) async fn containers(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<RunningQuery>,
) -> Answer<Response> {
    let text = query.q.unwrap_or_default();
    let page = hub
        .state
        .containers(&text, query.running, asker.scope(), &paging(query.sort, query.limit, query.cursor))
        .await?;
    answer(page, query.format.as_deref())
}

/// List workloads, the riskiest first.
#[utoipa::path(get, path = "/api/v1/workloads", tag = "workloads", params(RunningQuery), responses((status = 200, body = Page<Workload>)))]
pub(crate) async fn workloads(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<RunningQuery>,
) -> Answer<Response> {
    let wanted = WorkloadFilter {
        text: query.q.unwrap_or_default(),
        running: query.running,
        namespace: query.namespace,
        owner: query.owner,
    };
    answer(
        hub.state.workloads(&wanted, asker.scope(), &paging(query.sort, query.limit, query.cursor)).await?,
        query.format.as_deref(),
    )
}

/// One workload, with the factors of its risk.
#[utoipa::path(get, path = "/api/v1/workloads/{id}", tag = "workloads", params(("id" = String, Path)), responses((status = 200, body = WorkloadDetail), (status = 404, body = Problem)))]
pub(crate) async fn workload(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<WorkloadDetail>> {
    Ok(Json(hub.state.workload(&id, asker.scope(), hub.now()).await?))
}

/// Which nodes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodesQuery {
    /// In the name.
    q: Option<String>,
    /// Those that were removed, too.
    removed: Option<bool>,
    /// `name`, `seen`, `containers`.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List nodes.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "nodes", params(NodesQuery), responses((status = 200, body = Page<Node>)))]
pub(crate) async fn nodes(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<NodesQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Viewer)?;
    let page = hub
        .state
        .nodes(
            query.q.as_deref().unwrap_or_default(),
            query.removed == Some(true),
            &paging(query.sort, query.limit, query.cursor),
            hub.now(),
        )
        .await?;
    answer(page, query.format.as_deref())
}

/// One node: what its agent sees, and what it cannot.
#[utoipa::path(get, path = "/api/v1/nodes/{id}", tag = "nodes", params(("id" = String, Path)), responses((status = 200, body = NodeDetail), (status = 404, body = Problem)))]
pub(crate) async fn node(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<NodeDetail>> {
    asker.needs_all(Role::Viewer)?;
    Ok(Json(hub.state.node(&id, hub.now()).await?))
}

/// Remove a node: its agent may not speak to the hub any more.
#[utoipa::path(delete, path = "/api/v1/nodes/{id}", tag = "nodes", params(("id" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_node(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    hub.state.remove_node(&id, hub.now()).await?;
    hub.disconnect(&id).await;
    // What ran there has ended.
    hub.names.containers(&id, Vec::new());
    hub.trees.stale();
    hub.live.tell(Topic::Workloads);
    hub.audit(&asker, "node.remove", &id, "").await?;
    hub.live.tell(Topic::Nodes);
    Ok(StatusCode::NO_CONTENT)
}

/// Make a token by which nodes join.
#[utoipa::path(post, path = "/api/v1/join-tokens", tag = "nodes", request_body = NewJoinToken, responses((status = 200, body = JoinToken), (status = 400, body = Problem)))]
pub(crate) async fn join_token(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewJoinToken>,
) -> Answer<Json<JoinToken>> {
    asker.needs_all(Role::Admin)?;
    if new.minutes == 0 || new.minutes > LONGEST || new.uses == 0 || new.uses > MOST {
        return Err(ApiError::Bad(format!(
            "a join token is good for 1 to {LONGEST} minutes and 1 to {MOST} nodes"
        )));
    }
    let lifetime = Millis::from(new.minutes) * 60_000;
    let token = hub
        .new_join_token(&asker.caller.name, new.uses, lifetime)
        .await
        .map_err(|error| ApiError::Broken(format!("{error:#}")))?;
    hub.audit(&asker, "node.token", "", &format!("{} nodes, {} minutes", new.uses, new.minutes)).await?;
    let host = hub.settings.names.first().map_or_else(|| hub.settings.agents.ip().to_string(), String::clone);
    let command =
        format!("sudo gabion install agent --hub {host}:{} --join {token}", hub.settings.agents.port());
    Ok(Json(JoinToken { token, command, expires: hub.now() + lifetime }))
}
