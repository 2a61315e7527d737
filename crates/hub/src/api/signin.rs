//! Log-in by a provider: the way there and back, and how an admin sets it up.

use crate::{
    Hub,
    access::{Asker, From, attempt, no_attempt_cookie},
    error::Answer,
    oidc::{
        Back, Kept, Refusal, SETTING, probe,
        settings::{is_host, redirect},
    },
};
use axum::{
    Json,
    extract::{Query, State as Extract, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use gabion_api::rest::{Grant, NewProvider, Outcome, Problem, Role, SignIn, SignInTest, Ways};
use gabion_store::state::CameIn;
use serde::Deserialize;
use std::{fmt::Write, net::IpAddr};
use utoipa::IntoParams;

/// The address by which the hub is asked.
pub(super) fn asked(hub: &Hub, headers: &HeaderMap, uri: &Uri) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    // HTTP/2 has it in the address.
    let host = uri.authority().map(axum::http::uri::Authority::as_str).or(host);
    let scheme = if hub.settings.encrypted() { "https" } else { "http" };
    match host.filter(|host| is_host(host)) {
        Some(host) => format!("{scheme}://{host}"),
        None => format!("{scheme}://{}", hub.settings.listen),
    }
}

/// Sends a browser somewhere; nobody in between keeps that.
fn sent(to: &str, cookie: Option<String>) -> Response {
    let headers = [(header::LOCATION, to), (header::CACHE_CONTROL, "no-store")];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    if let Some(value) = cookie.and_then(|cookie| cookie.parse().ok()) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// How one may come in.
#[utoipa::path(get, path = "/api/v1/session/ways", tag = "session", security(()), responses((status = 200, body = Ways)))]
pub(crate) async fn ways(Extract(hub): Extract<Hub>) -> Answer<impl IntoResponse> {
    let provider = hub.provider().await?.map(|kept| kept.provider.label);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Ways { provider })))
}

/// Where somebody wants to go.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wish {
    /// The page to go to afterwards, such as `/findings`.
    #[serde(default)]
    to: String,
}

/// Log in by the provider: sends a browser there.
#[utoipa::path(get, path = "/api/v1/session/oidc", tag = "session", security(()), params(Wish), responses((status = 303, description = "to the provider, or to the page of the log-in with why not")))]
pub(crate) async fn begin(
    Extract(hub): Extract<Hub>,
    From(from): From,
    wish: Result<Query<Wish>, QueryRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Response> {
    let Query(wish) = wish.unwrap_or_default();
    match hub.send_to_provider(&wish.to, &asked(&hub, &headers, &uri), from).await {
        Ok(way) => Ok(sent(&way.to, Some(way.cookie))),
        Err(refusal) => refused(&hub, &refusal, from).await,
    }
}

/// Come back from the provider: logs in.
#[utoipa::path(get, path = "/api/v1/session/oidc/callback", tag = "session", security(()), responses((status = 303, description = "to the page that was wanted, or to the page of the log-in with why not")))]
pub(crate) async fn end(
    Extract(hub): Extract<Hub>,
    From(from): From,
    back: Result<Query<Back>, QueryRejection>,
    headers: HeaderMap,
) -> Answer<Response> {
    let Query(back) = back.unwrap_or_default();
    let entered = match hub.let_in_from_provider(back, attempt(&headers).unwrap_or_default()).await {
        Ok(entered) => entered,
        Err(refusal) => return refused(&hub, &refusal, from).await,
    };
    let (name, address) = (&entered.name, from.to_string());
    let now = told(&entered.grant);
    match &entered.came {
        CameIn::New => {
            hub.audit_by(name, &address, "user.create", name, &format!("by the provider, {now}")).await?;
        }
        CameIn::Known(_, role, scope) => {
            let before = told(&Grant {
                role: *role,
                owners: scope.owners.clone(),
                namespaces: scope.namespaces.clone(),
            });
            if before != now {
                hub.audit_by(
                    name,
                    &address,
                    "user.change",
                    name,
                    &format!("by the provider, from {before} to {now}"),
                )
                .await?;
            }
        }
        CameIn::Disabled(_) | CameIn::Taken => {}
    }
    hub.audit_by(name, &address, "session.begin", "", "by the provider").await?;
    let mut response = sent(&entered.sent.to, Some(entered.sent.cookie));
    if let Ok(value) = no_attempt_cookie().parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// What somebody may, in words.
fn told(grant: &Grant) -> String {
    let mut text = grant.role.as_str().to_owned();
    for (what, names) in [("owners", &grant.owners), ("namespaces", &grant.namespaces)] {
        if !names.is_empty() {
            let _ = write!(text, ", {what} {}", names.join(" "));
        }
    }
    text
}

/// Back to the page of the log-in. Why stands in the log and, for what is about somebody, in the audit log.
async fn refused(hub: &Hub, refusal: &Refusal, from: IpAddr) -> Answer<Response> {
    // Anybody can come back without having gone: that is told no more often than others may try.
    let quiet = match refusal {
        Refusal::Off | Refusal::Often => true,
        Refusal::Stale => hub.access.attempted(from, hub.now()),
        _ => false,
    };
    if !quiet {
        hub.note(&format!("a log-in by the provider, from {from}: {refusal}"));
        hub.audit_by(refusal.who(), &from.to_string(), "session.denied", "", refusal.word()).await?;
    }
    Ok(sent(&format!("/login?problem={}", refusal.word()), Some(no_attempt_cookie())))
}

/// How log-in by a provider is set up.
#[utoipa::path(get, path = "/api/v1/sign-in", tag = "access", responses((status = 200, body = SignIn), (status = 403, body = Problem)))]
pub(crate) async fn sign_in(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Json<SignIn>> {
    asker.needs_all(Role::Admin)?;
    let provider = hub.provider().await?.map(|kept| kept.provider);
    let public = provider.as_ref().and_then(|provider| provider.public_url.as_deref());
    let redirect = redirect(public, &asked(&hub, &headers, &uri));
    Ok(Json(SignIn { provider, redirect }))
}

/// Set up log-in by a provider. Whoever came in by it must do so again, unless only the label is another.
#[utoipa::path(post, path = "/api/v1/sign-in", tag = "access", request_body = NewProvider, responses((status = 200, body = SignIn), (status = 400, body = Problem)))]
pub(crate) async fn set_sign_in(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    headers: HeaderMap,
    uri: Uri,
    Json(new): Json<NewProvider>,
) -> Answer<Json<SignIn>> {
    asker.needs_all(Role::Admin)?;
    let before = hub.provider().await?;
    let kept = Kept::new(new, before.as_ref(), &asker.caller.name, hub.now())?;
    hub.set_provider(&kept).await?;
    hub.oidc.forget();
    let provider = &kept.provider;
    let detail = format!("client {}, {} groups", provider.client_id, provider.groups.len());
    hub.audit(&asker, "sign-in.set", &provider.issuer, &detail).await?;
    if !before.is_some_and(|before| kept.lets_in_as(&before)) {
        hub.state.end_vouched_sessions().await?;
    }
    let redirect = kept.redirect(&asked(&hub, &headers, &uri));
    Ok(Json(SignIn { provider: Some(kept.provider), redirect }))
}

/// End log-in by a provider. Whoever came in by it is out.
#[utoipa::path(delete, path = "/api/v1/sign-in", tag = "access", responses((status = 204), (status = 403, body = Problem)))]
pub(crate) async fn end_sign_in(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    hub.state.unset(SETTING).await?;
    hub.oidc.forget();
    hub.state.end_vouched_sessions().await?;
    hub.audit(&asker, "sign-in.remove", "", "").await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try a provider, without setting it up.
#[utoipa::path(post, path = "/api/v1/sign-in/test", tag = "access", request_body = NewProvider, responses((status = 200, body = SignInTest), (status = 400, body = Problem)))]
pub(crate) async fn test_sign_in(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    headers: HeaderMap,
    uri: Uri,
    Json(new): Json<NewProvider>,
) -> Answer<Json<SignInTest>> {
    asker.needs_all(Role::Admin)?;
    let before = hub.provider().await?;
    let kept = Kept::new(new, before.as_ref(), &asker.caller.name, hub.now())?;
    let redirect = kept.redirect(&asked(&hub, &headers, &uri));
    let steps = probe::probe(&kept, &redirect).await;
    let works = !steps.iter().any(|step| matches!(step.outcome, Outcome::Failed | Outcome::Untried));
    let detail = if works { "works" } else { "does not work" };
    hub.audit(&asker, "sign-in.test", &kept.provider.issuer, detail).await?;
    Ok(Json(SignInTest { works, steps, redirect }))
}
