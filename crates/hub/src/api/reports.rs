//! The weekly report.

use super::signin::asked;
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
    weekly,
};
use axum::{
    Json,
    extract::{Query, State as Extract},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use gabion_api::rest::{Problem, Weekly};
use gabion_store::state::Scope;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which report, in which form.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportQuery {
    /// Whose; absent: of all that whoever asks may see.
    owner: Option<String>,
    /// `json` or `html`.
    format: Option<String>,
}

/// What of an owner somebody may be told.
fn scope(asker: &Asker, owner: Option<&str>) -> Answer<Scope> {
    let of = asker.scope();
    let Some(owner) = owner else { return Ok(of.clone()) };
    // Who is limited to namespaces sees no images, so that an owner does not widen it.
    if !of.is_all() && !of.owners.iter().any(|one| one == owner) {
        return Err(ApiError::Forbidden("only who may see what this owner has may do that"));
    }
    Ok(Scope { owners: vec![owner.to_owned()], namespaces: of.namespaces.clone() })
}

/// The last seven days: what changed, what is open and how old, what to mend first, what could not be looked at.
#[utoipa::path(get, path = "/api/v1/reports/weekly", tag = "overview", params(ReportQuery), responses((status = 200, body = Weekly), (status = 403, body = Problem)))]
pub(crate) async fn report(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<ReportQuery>,
    headers: HeaderMap,
    uri: Uri,
) -> Answer<Response> {
    let owner = query.owner.filter(|owner| !owner.is_empty());
    let week = hub.weekly(&scope(&asker, owner.as_deref())?, owner).await?;
    match query.format.as_deref() {
        None | Some("json") => Ok(Json(week).into_response()),
        Some("html") => {
            let base = match hub.provider().await? {
                Some(kept) => kept.provider.public_url,
                None => None,
            };
            let base = base.unwrap_or_else(|| asked(&hub, &headers, &uri));
            let mut response = weekly::page(&week, &base).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            let policy = HeaderValue::from_str(&weekly::policy())
                .map_err(|error| ApiError::Broken(error.to_string()))?;
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            Ok(response)
        }
        Some(other) => Err(ApiError::Bad(format!("format: {other:?} is not known, but json and html"))),
    }
}

impl Hub {
    /// The last seven days within a scope.
    async fn weekly(&self, scope: &Scope, owner: Option<String>) -> Answer<Weekly> {
        let now = self.now();
        let week = self.state.week(scope, now).await?;
        let numbers = self.state.numbers(scope, now).await?;
        let database = self.matcher.current();
        Ok(Weekly {
            owner,
            from: now - 7 * crate::DAY,
            to: now,
            changes: week.changes,
            trend: week.trend,
            ageing: week.ageing,
            suppressed: numbers.progress.suppressed,
            exceptions: week.exceptions,
            first: week.first,
            incidents: week.incidents,
            incident_count: week.incident_count,
            alerts: week.alerts,
            alert_rules: week.alert_rules,
            images: numbers.images,
            containers: numbers.containers,
            unseen: week.unseen,
            nodes: scope.is_all().then_some(numbers.nodes),
            database: database.as_of,
            starter_database: database.starter,
        })
    }
}
