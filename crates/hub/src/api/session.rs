//! Coming in and going.

use crate::{
    Hub,
    access::{Asker, From, new_password},
    error::{Answer, ApiError},
};
use axum::{
    Json,
    extract::State as Extract,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use gabion_api::rest::{Login, Me, PasswordChange, Problem, UserChange};
use gabion_store::state::Caller;

fn me(caller: Caller) -> Me {
    Me {
        name: caller.name,
        role: caller.role,
        owners: caller.scope.owners,
        namespaces: caller.scope.namespaces,
        csrf: caller.csrf,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// Log in: by name and password, or with an empty name by a token.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", security(()), request_body = Login,
    responses((status = 200, body = Me), (status = 401, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn log_in(
    Extract(hub): Extract<Hub>,
    From(from): From,
    Json(login): Json<Login>,
) -> Answer<impl IntoResponse> {
    match hub.let_in(&login.name, login.secret, from).await {
        Ok((cookie, caller)) => {
            hub.audit_by(&caller.name, &from.to_string(), "session.begin", "", "").await?;
            Ok(([(header::SET_COOKIE, cookie)], Json(me(caller))))
        }
        Err(error @ (ApiError::Unknown | ApiError::Often)) => {
            // A name that is none is not kept: people type passwords there.
            let name = if hub.state.user(&login.name).await?.is_some() { login.name.as_str() } else { "" };
            hub.audit_by(name, &from.to_string(), "session.denied", "", "").await?;
            Err(match error {
                ApiError::Unknown => ApiError::Denied,
                other => other,
            })
        }
        Err(error) => Err(error),
    }
}

/// Who is logged in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub(crate) async fn who(asker: Asker) -> Json<Me> {
    Json(me(asker.caller))
}

/// Log out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", responses((status = 204)))]
pub(crate) async fn log_out(Extract(hub): Extract<Hub>, headers: HeaderMap) -> Answer<impl IntoResponse> {
    let cookie = hub.let_out(&headers).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]))
}

/// Change one's own password. All sessions end.
#[utoipa::path(post, path = "/api/v1/session/password", tag = "session", request_body = PasswordChange, responses((status = 204), (status = 400, body = Problem)))]
pub(crate) async fn password(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(change): Json<PasswordChange>,
) -> Answer<StatusCode> {
    let name = asker.caller.name.clone();
    if !hub.is_password(&name, change.old).await? {
        return Err(ApiError::Bad("the old password is another".to_owned()));
    }
    let password = new_password(change.new).await?;
    hub.state.change_user(&name, &UserChange::default(), Some(password)).await?;
    hub.audit(&asker, "user.password", &name, "").await?;
    Ok(StatusCode::NO_CONTENT)
}
