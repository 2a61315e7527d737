//! The REST API: which path is which function, what it needs, and the OpenAPI document of all of them.
//!
//! ```text
//!   request ─► headers, size, time ─► known: who asks ─► handler: what they may ─► store, within their scope ─► JSON or CSV
//! ```

mod admin;
mod configurations;
mod detection;
mod events;
mod export;
mod findings;
mod hooks;
mod hubs;
mod incidents;
mod inventory;
mod list;
mod notifications;
mod overview;
mod policies;
mod profile;
mod recorded;
mod registries;
mod reports;
mod responses;
mod retention;
mod session;
mod signin;
mod sinks;

use crate::{
    Hub,
    access::known,
    console,
    error::{ApiError, Cause, away, told},
};
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State as Extract},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{delete, get, patch, post},
};
use std::time::Duration;
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer,
};
use utoipa::OpenApi;

/// No body of a request is larger, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Nor one that holds rules and policies.
const LARGE_BODY: usize = 4 << 20;
/// Why a request could not be read is not longer, in bytes.
const MAX_REASON: usize = 16 << 10;
/// No answer takes longer, but that of a live view.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a page may do: nothing but what the hub itself serves.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(title = "Gabion", description = "The API of a hub. Changes from a browser carry `X-CSRF-Token`; programs send `Authorization: Bearer TOKEN`.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        session::log_in, session::who, session::log_out, session::password,
        signin::ways, signin::begin, signin::end, signin::sign_in, signin::set_sign_in, signin::end_sign_in, signin::test_sign_in,
        overview::overview, overview::search, overview::live, reports::report,
        findings::findings, findings::finding, findings::plan, findings::unplan, findings::vulnerabilities, findings::vulnerability,
        findings::exceptions, findings::add_exception, findings::end_exception, findings::owners, findings::tree,
        inventory::images, inventory::image, inventory::image_packages, inventory::image_report, profile::image_profile, inventory::scan_image, inventory::packages,
        inventory::package, inventory::containers, inventory::workloads, inventory::workload, inventory::nodes, inventory::node,
        inventory::remove_node, inventory::join_token,
        incidents::alerts, incidents::change_alerts, incidents::incidents, incidents::incident, incidents::incident_picture, incidents::change_incident, incidents::part_incidents,
        responses::responses, responses::respond, responses::undo, events::events, events::histogram, export::export, events::service_map, detection::attack,
        detection::rules, recorded::test_rules, detection::baselines, detection::baseline, detection::approve,
        configurations::configurations, configurations::configuration, configurations::check, configurations::add_configuration,
        configurations::change_configuration, configurations::withdraw_configuration,
        policies::policies, policies::policy, policies::keep_policy, policies::remove_policy, policies::try_policy,
        admin::users, admin::add_user, admin::change_user, admin::remove_user, admin::tokens, admin::add_token, admin::remove_token, admin::audit,
        sinks::sinks, sinks::sink, sinks::add_sink, sinks::change_sink, sinks::remove_sink, sinks::test_sink,
        notifications::rules, notifications::rule, notifications::add_rule, notifications::change_rule, notifications::remove_rule,
        notifications::test_rule, notifications::preview, notifications::notifications, notifications::retry, notifications::sinks,
        registries::registries, registries::registry, registries::add_registry, registries::change_registry, registries::remove_registry,
        registries::check_registry, registries::poll_registry, hooks::make_hook, hooks::remove_hook, registries::registry_tags,
        registries::registry_repositories, hooks::registry_events, hooks::send_scan,
        hubs::hubs, hubs::remove_hub, retention::retention, retention::change_retention, admin::healthy, admin::ready, admin::metrics,
    ),
    modifiers(&Security, &Problems)
)]
struct Document;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{
            ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
        };
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme(
            "token",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()),
        );
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("gabion_session"))),
        );
        document.security = Some(
            ["token", "session"].map(|name| SecurityRequirement::new(name, Vec::<String>::new())).into(),
        );
    }
}

/// Whatever else is answered is a problem: too many requests, a body that is no JSON, a hub that cannot reach its database.
struct Problems;

impl utoipa::Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
        let problem =
            ResponseBuilder::new().description("why not").content("application/json", content).build();
        for path in document.paths.paths.values_mut() {
            let methods = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete, &mut path.patch];
            for operation in methods.into_iter().flatten() {
                let answers = &mut operation.responses.responses;
                answers.entry("default".to_owned()).or_insert_with(|| problem.clone().into());
            }
        }
    }
}

/// The OpenAPI document, as JSON.
pub fn openapi() -> String {
    let mut text = Document::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// All paths.
pub(crate) fn router(hub: Hub) -> Router {
    let known_only = Router::new()
        .route("/session", get(session::who).delete(session::log_out))
        .route("/session/password", post(session::password))
        .route("/overview", get(overview::overview))
        .route("/search", get(overview::search))
        .route("/reports/weekly", get(reports::report))
        .route("/findings", get(findings::findings))
        .route("/findings/plan", post(findings::plan))
        .route("/findings/{id}", get(findings::finding))
        .route("/findings/{id}/plan", delete(findings::unplan))
        .route("/vulnerabilities", get(findings::vulnerabilities))
        .route("/vulnerabilities/{rule}", get(findings::vulnerability))
        .route("/exceptions", get(findings::exceptions).post(findings::add_exception))
        .route("/exceptions/{id}", delete(findings::end_exception))
        .route("/owners", get(findings::owners))
        .route("/tree", get(findings::tree))
        .route("/images", get(inventory::images))
        .route("/images/{id}", get(inventory::image))
        .route("/images/{id}/packages", get(inventory::image_packages))
        .route("/images/{id}/report", get(inventory::image_report))
        .route("/images/{id}/profile", get(profile::image_profile))
        .route("/images/{id}/scan", post(inventory::scan_image))
        .route("/packages", get(inventory::packages))
        .route("/packages/{kind}/{name}", get(inventory::package))
        .route("/containers", get(inventory::containers))
        .route("/workloads", get(inventory::workloads))
        .route("/workloads/{id}", get(inventory::workload))
        .route("/nodes", get(inventory::nodes))
        .route("/nodes/{id}", get(inventory::node).delete(inventory::remove_node))
        .route("/join-tokens", post(inventory::join_token))
        .route("/alerts", get(incidents::alerts).patch(incidents::change_alerts))
        .route("/incidents", get(incidents::incidents))
        .route("/incidents/apart", post(incidents::part_incidents))
        .route("/incidents/{id}", get(incidents::incident).patch(incidents::change_incident))
        .route("/incidents/{id}/graph", get(incidents::incident_picture))
        .route("/responses", get(responses::responses).post(responses::respond))
        .route("/responses/{id}", delete(responses::undo))
        .route("/events", get(events::events))
        .route("/events/export", get(export::export))
        .route("/events/histogram", get(events::histogram))
        .route("/service-map", get(events::service_map))
        .route("/attack", get(detection::attack))
        .route("/rules", get(detection::rules))
        .route("/baselines", get(detection::baselines))
        .route("/baselines/{id}", get(detection::baseline))
        .route("/baselines/{id}/approve", post(detection::approve))
        .route(
            "/configurations",
            get(configurations::configurations).post(configurations::add_configuration).layer(large()),
        )
        .route("/configurations/check", post(configurations::check).layer(large()))
        .route(
            "/configurations/{version}",
            get(configurations::configuration)
                .patch(configurations::change_configuration)
                .delete(configurations::withdraw_configuration),
        )
        .route("/policies", get(policies::policies).post(policies::keep_policy))
        .route("/policies/try", post(policies::try_policy))
        .route("/policies/{name}", get(policies::policy).delete(policies::remove_policy))
        .route("/users", get(admin::users).post(admin::add_user))
        .route("/users/{name}", patch(admin::change_user).delete(admin::remove_user))
        .route("/sign-in", get(signin::sign_in).post(signin::set_sign_in).delete(signin::end_sign_in))
        .route("/sign-in/test", post(signin::test_sign_in))
        .route("/tokens", get(admin::tokens).post(admin::add_token))
        .route("/tokens/{id}", delete(admin::remove_token))
        .route("/audit", get(admin::audit))
        .route("/retention", get(retention::retention).put(retention::change_retention))
        .route("/hubs", get(hubs::hubs))
        .route("/hubs/{id}", delete(hubs::remove_hub))
        .route("/sinks", get(sinks::sinks).post(sinks::add_sink))
        .route("/sinks/{name}", get(sinks::sink).put(sinks::change_sink).delete(sinks::remove_sink))
        .route("/sinks/{name}/test", post(sinks::test_sink))
        .route("/notification-rules", get(notifications::rules).post(notifications::add_rule))
        .route("/notification-rules/preview", post(notifications::preview))
        .route(
            "/notification-rules/{name}",
            get(notifications::rule).put(notifications::change_rule).delete(notifications::remove_rule),
        )
        .route("/notification-rules/{name}/test", post(notifications::test_rule))
        .route("/notifications", get(notifications::notifications))
        .route("/notifications/{id}/retry", post(notifications::retry))
        .route("/notification-sinks", get(notifications::sinks))
        .route("/registries", get(registries::registries).post(registries::add_registry))
        .route("/registries/check", post(registries::check_registry))
        .route(
            "/registries/{name}",
            get(registries::registry).patch(registries::change_registry).delete(registries::remove_registry),
        )
        .route("/registries/{name}/poll", post(registries::poll_registry))
        .route("/registries/{name}/hook", post(hooks::make_hook).delete(hooks::remove_hook))
        .route("/registries/{name}/tags", get(registries::registry_tags))
        .route("/registries/{name}/repositories", get(registries::registry_repositories))
        .route("/scans", post(hooks::send_scan))
        .layer(from_fn(bounded))
        .route("/live", get(overview::live))
        // An upload may take longer than an answer.
        .route("/rules/test", post(recorded::test_rules).layer(DefaultBodyLimit::max(recorded::MAX_BODY)))
        .layer(from_fn_with_state(hub.clone(), known));
    let there = from_fn_with_state(hub.clone(), while_there);
    let header = |name: &'static str, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    Router::new()
        .nest(
            "/api/v1",
            known_only
                .route("/session", post(session::log_in))
                .route("/session/ways", get(signin::ways))
                .route("/session/oidc", get(signin::begin))
                .route("/session/oidc/callback", get(signin::end))
                .route("/registries/{name}/events", post(hooks::registry_events).layer(from_fn(bounded)))
                .layer(there.clone())
                .route("/openapi.json", get(document)),
        )
        .route("/healthz", get(admin::healthy))
        .route("/readyz", get(admin::ready))
        .route("/metrics", get(admin::metrics).layer(there))
        .fallback(get(console::file))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(hub.clone(), causes))
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(header("content-security-policy", POLICY))
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("x-frame-options", "DENY"))
        .layer(header("referrer-policy", "no-referrer"))
        .layer(header("cross-origin-opener-policy", "same-origin"))
        .layer(header("cross-origin-resource-policy", "same-origin"))
        .layer(header("permissions-policy", "camera=(), geolocation=(), microphone=()"))
        .with_state(hub)
}

/// For what holds texts of megabytes.
const fn large() -> DefaultBodyLimit {
    DefaultBodyLimit::max(LARGE_BODY)
}

async fn document() -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "application/json")], openapi())
}

/// No answer takes for ever, and none that tells something is kept by anybody in between.
async fn bounded(request: Request, next: Next) -> Response {
    let mut response = match tokio::time::timeout(PATIENCE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => told(
            StatusCode::GATEWAY_TIMEOUT,
            "it took too long",
            Some("ask for less: a narrower filter, a shorter time"),
        ),
    };
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A handler has panicked: whoever asked is told that the hub failed, and the operator which request did it.
#[expect(clippy::needless_pass_by_value, reason = "it is called so")]
fn panicked(why: Box<dyn std::any::Any + Send>) -> Response {
    let text = why.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| why.downcast_ref::<String>().cloned());
    ApiError::Broken(format!("panicked: {}", text.unwrap_or_default())).into_response()
}

/// Nobody waits for a database that is away, nor for one that goes away meanwhile.
async fn while_there(Extract(hub): Extract<Hub>, request: Request, next: Next) -> Response {
    hub.lead.while_there(next.run(request)).await.unwrap_or_else(away)
}

/// What broke is told to the operator.
async fn causes(Extract(hub): Extract<Hub>, request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    if let Some(Cause(why)) = response.extensions().get::<Cause>() {
        hub.note(&format!("{what}: {why}"));
    }
    as_problem(response).await
}

/// What is wrong with a request before a handler sees it is told like everything else.
async fn as_problem(response: Response) -> Response {
    let is_text = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !response.status().is_client_error() || !is_text {
        return response;
    }
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), MAX_REASON).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    // As sentences here begin.
    let mut letters = text.trim().chars();
    let first = letters.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    told(status, &format!("{first}{}", letters.as_str()), None)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_document_is_what_the_code_says() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
        let now = super::openapi();
        if std::env::var_os("GABION_WRITE_DOCS").is_some() {
            std::fs::write(&path, &now).expect("writes");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == now,
            "crates/hub/openapi.json is stale: GABION_WRITE_DOCS=1 cargo test -p gabion-hub document"
        );
    }
}
