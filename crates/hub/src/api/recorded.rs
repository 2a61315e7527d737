//! Rules are tried on a recording that comes with the request.
//!
//! ```text
//!   role ─► turn (one at a time) ─► parts of the form, capped ─► rules ─► recorded::judge, on a thread of its own
//! ```

use super::{
    configurations::MAX_PART,
    detection::{OWN, loaded, problems},
};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
    recorded::{self, Parts},
};
use axum::{
    Json,
    extract::{
        FromRequest as _, Multipart, Query, Request, State as Extract,
        multipart::{Field, MultipartError},
    },
    http::StatusCode,
};
use gabion_api::rest::{NewRuleTest, Problem, Role, RuleTest};
use gabion_detect::rules::DEFAULT;
use serde::Deserialize;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use utoipa::IntoParams;

/// No recording is larger, in bytes.
const MAX_RECORDING: usize = 64 << 20;
/// Nor the whole form: the recording, the rules, and what is between the parts.
pub(super) const MAX_BODY: usize = MAX_RECORDING + MAX_PART + (64 << 10);
/// An upload takes no longer.
const UPLOAD: Duration = Duration::from_mins(2);
/// Judging takes no longer: what comes after that in the recording is not judged.
const PATIENCE: Duration = Duration::from_secs(20);
/// The part of the rules, and what they are called where something is wrong with them.
const RULES: &str = "rules";

/// By which rules, and how.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleTestQuery {
    /// `false`: only by the rules that are sent, not by Gabion's own before them.
    own: Option<bool>,
    /// Tell all rules that match an event, not only the first, as `gabion agent --all` does.
    all: Option<bool>,
}

/// Judge recorded events by rules. Nothing is kept, and no node is asked. One at a time.
#[utoipa::path(post, path = "/api/v1/rules/test", tag = "rules", params(RuleTestQuery), request_body(content = NewRuleTest, content_type = "multipart/form-data"), responses((status = 200, body = RuleTest), (status = 400, body = Problem), (status = 413, body = Problem), (status = 429, body = Problem)))]
pub(crate) async fn test_rules(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<RuleTestQuery>,
    request: Request,
) -> Answer<Json<RuleTest>> {
    asker.needs_all(Role::Operator)?;
    let busy = |_| ApiError::Busy("another recording is being judged, and this is done one at a time");
    let turn = Arc::clone(&hub.judging).try_acquire_owned().map_err(busy)?;
    let (rules, recording) = timeout(UPLOAD, parts(request))
        .await
        .map_err(|_| ApiError::Bad(format!("the upload took longer than {} seconds", UPLOAD.as_secs())))??;
    let own = (query.own != Some(false)).then(|| (OWN.to_owned(), DEFAULT.to_owned()));
    let sent = (!rules.trim().is_empty()).then(|| (RULES.to_owned(), rules));
    if own.is_none() && sent.is_none() {
        return Err(ApiError::Bad("rules: there are none to judge by".to_owned()));
    }
    let judged = tokio::task::spawn_blocking(move || {
        // Whoever asked may be gone; the work is not.
        let _turn = turn;
        let loaded = loaded(own.into_iter().chain(sent));
        let problems = problems(&loaded);
        if !problems.is_empty() {
            return Ok(RuleTest { problems, ..RuleTest::default() });
        }
        let start = Instant::now();
        let is_over = || start.elapsed() > PATIENCE;
        recorded::judge(&loaded.rules, query.all == Some(true), RULES, recording, &is_over)
    });
    let judged = judged.await.map_err(|error| ApiError::Broken(error.to_string()))?;
    judged.map(Json).map_err(|error| ApiError::Bad(format!("recording: {error}")))
}

/// The rules and the recording, in whichever order they come.
async fn parts(request: Request) -> Answer<(String, Parts)> {
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| {
        ApiError::Bad("the body is no multipart/form-data with the parts recording and rules".to_owned())
    })?;
    let (mut rules, mut recording) = (None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let known = match field.name().unwrap_or_default() {
            RULES if rules.is_none() => &mut rules,
            "recording" if recording.is_none() => &mut recording,
            other => {
                let other: String = other.chars().take(100).collect();
                let why =
                    format!("{other:?} is no part of the form, or is there twice: send recording and rules");
                return Err(ApiError::Bad(why));
            }
        };
        let is_rules = field.name() == Some(RULES);
        let (what, limit) =
            if is_rules { ("the text of the rules", MAX_PART) } else { ("the recording", MAX_RECORDING) };
        *known = Some(part(field, what, limit).await?);
    }
    let recording = recording.ok_or_else(|| ApiError::Bad("recording: it is missing".to_owned()))?;
    let rules = String::from_utf8(rules.unwrap_or_default().concat());
    Ok((rules.map_err(|_| ApiError::Bad("rules: they are not UTF-8".to_owned()))?, recording))
}

/// A part as it came, without putting it together: it is large.
async fn part(mut field: Field<'_>, what: &'static str, limit: usize) -> Answer<Parts> {
    let (mut parts, mut left) = (Parts::default(), limit);
    while let Some(bytes) = field.chunk().await.map_err(broken)? {
        left = left.checked_sub(bytes.len()).ok_or(ApiError::TooLarge(what, limit))?;
        parts.add(bytes);
    }
    Ok(parts)
}

#[expect(clippy::needless_pass_by_value, reason = "it is called so")]
fn broken(error: MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::TooLarge("the recording", MAX_RECORDING);
    }
    ApiError::Bad(format!("the form cannot be read: {}", error.body_text()))
}
