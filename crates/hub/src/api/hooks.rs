//! What others send by themselves: registries what was pushed, CI its scans.

use crate::{
    Hub,
    access::{Asker, From, secret},
    error::{Answer, ApiError},
    registries::{hook_of, parse_event},
    sent,
};
use aws_lc_rs::hmac;
use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Query, Request, State as Extract},
    http::{HeaderMap, StatusCode, header},
};
use gabion_api::rest::{Problem, RegistryHook, Role, ScanAnswer};
use gabion_store::state::StateError;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A message of a registry is not longer.
const MAX_EVENT: usize = 1 << 20;

fn bad(why: String) -> ApiError {
    ApiError::Bad(why)
}

/// Make the secret by which a registry tells of what was pushed; one that there was is good no more. It is told this once.
#[utoipa::path(post, path = "/api/v1/registries/{name}/hook", tag = "registries", params(("name" = String, Path)), responses((status = 200, body = RegistryHook), (status = 404, body = Problem)))]
pub(crate) async fn make_hook(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<Json<RegistryHook>> {
    asker.needs_all(Role::Admin)?;
    let secret = format!("gah_{}", secret());
    hub.state.set_hook(&name, hub.sealed(Some(secret.clone()), &hook_of(&name))?).await?;
    hub.audit(&asker, "registry.hook", &name, "made").await?;
    Ok(Json(RegistryHook { path: format!("/api/v1/registries/{name}/events"), secret }))
}

/// A registry may tell of nothing any more.
#[utoipa::path(delete, path = "/api/v1/registries/{name}/hook", tag = "registries", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_hook(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    hub.state.set_hook(&name, None).await?;
    hub.audit(&asker, "registry.hook", &name, "removed").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// By what a registry proves that it is itself.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct HookQuery {
    secret: Option<String>,
}

/// A registry tells of what was pushed, in the form of Distribution, Docker Hub, Harbor or GitHub Packages. What it names is looked at; nothing else
/// of it is believed.
#[utoipa::path(post, path = "/api/v1/registries/{name}/events", tag = "registries", security(()), params(("name" = String, Path), ("secret" = Option<String>, Query, description = "Where no header can be set.")), request_body = serde_json::Value, responses((status = 202), (status = 401, body = Problem)))]
pub(crate) async fn registry_events(
    Extract(hub): Extract<Hub>,
    From(from): From,
    Path(name): Path<String>,
    Query(query): Query<HookQuery>,
    headers: HeaderMap,
    body: Body,
) -> Answer<StatusCode> {
    hub.may_tell(from)?;
    let body =
        to_bytes(body, MAX_EVENT).await.map_err(|_| bad(format!("it is longer than {MAX_EVENT} bytes")))?;
    let hook = match hub.state.registry_access(&name).await {
        Ok(access) => access.hook.and_then(|sealed| hub.seal.unseal(&sealed, &hook_of(&name)).ok()),
        Err(StateError::Absent { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    // Whether there is such a registry is told to nobody who does not know its secret.
    if !hook.is_some_and(|hook| proves(&hook, &headers, query.secret.as_deref(), &body)) {
        return Err(ApiError::Denied);
    }
    let pushed = parse_event(&body).map_err(bad)?;
    for one in &pushed {
        hub.state.ask_look(&name, &one.repository, &one.tag, hub.now()).await?;
    }
    hub.registries.wake();
    Ok(StatusCode::ACCEPTED)
}

/// Whether a message comes from who knows the secret.
fn proves(hook: &str, headers: &HeaderMap, query: Option<&str>, body: &Bytes) -> bool {
    // Comparing hashes leaves nothing to time.
    let same = |a: &str, b: &str| Sha256::digest(a) == Sha256::digest(b);
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(signature) = text("x-hub-signature-256") {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, hook.as_bytes()), body);
        return same(signature, &format!("sha256={}", crate::hex(tag.as_ref())));
    }
    let sent = text(header::AUTHORIZATION.as_str()).or(query);
    sent.is_some_and(|sent| same(sent.strip_prefix("Bearer ").unwrap_or(sent), hook))
}

/// Send a scan that was made elsewhere: what the hub's database, owners and exceptions make of it comes back. The body may be compressed
/// with zstd or gzip.
#[utoipa::path(post, path = "/api/v1/scans", tag = "images", request_body = gabion_api::rest::NewScan, responses((status = 200, body = ScanAnswer), (status = 400, body = Problem), (status = 403, body = Problem)))]
pub(crate) async fn send_scan(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    request: Request,
) -> Answer<Json<ScanAnswer>> {
    asker.needs_sending()?;
    let _place = hub.sending.acquire().await.map_err(|error| ApiError::Broken(error.to_string()))?;
    let encoding = request.headers().get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let encoding = encoding.map(str::to_owned);
    let body = to_bytes(request.into_body(), sent::MAX_BODY).await.map_err(|_| {
        bad(format!("the body did not come whole, or is longer than {} MiB", sent::MAX_BODY >> 20))
    })?;
    Ok(Json(hub.take_scan(&asker, body, encoding).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_proved_by_header_query_or_signature() {
        let body = Bytes::from_static(b"{\"zen\": \"x\"}");
        let with = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("a header"));
            headers
        };
        assert!(proves("gah_x", &with("authorization", "Bearer gah_x"), None, &body));
        assert!(proves("gah_x", &with("authorization", "gah_x"), None, &body));
        assert!(proves("gah_x", &HeaderMap::new(), Some("gah_x"), &body));
        assert!(!proves("gah_x", &HeaderMap::new(), Some("gah_y"), &body));
        assert!(!proves("gah_x", &HeaderMap::new(), None, &body));
        // By openssl dgst -sha256 -hmac gah_x.
        let signature = "sha256=6ca1cd1fa1a829fb64735de6861f8e6ee573849012fb4204c200b016aa24a984";
        assert!(proves("gah_x", &with("x-hub-signature-256", signature), None, &body));
        let other = Bytes::from_static(b"{\"zen\": \"y\"}");
        assert!(!proves("gah_x", &with("x-hub-signature-256", signature), Some("gah_x"), &other));
    }
}
