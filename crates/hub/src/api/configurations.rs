//! What nodes judge by: versions of rules, policies, responses and baselines, rolled out, and taken back.

use super::{
    detection::{problems, with_own},
    list::{TextQuery, answer, paging},
};
use crate::{
    Hub,
    access::Asker,
    configure::question,
    error::{Answer, ApiError},
    hex,
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::Response,
};
use gabion_api::rest::{
    Configuration, ConfigurationChange, ConfigurationCheck, ConfigurationDetail, NewConfiguration, Page,
    Problem, Role,
};
use gabion_detect::baseline::{Settings, read_exports};
use gabion_policy::Pattern;
use gabion_store::state::Texts;
use sha2::{Digest, Sha256};

/// No part of a version is longer, in bytes.
pub(super) const MAX_PART: usize = 1 << 20;
/// Nor is all of it, as agents are told it: they take messages of 4 MiB.
const MAX_QUESTION: usize = (4 << 20) - (64 << 10);

/// List versions, with how far each has come.
#[utoipa::path(get, path = "/api/v1/configurations", tag = "configurations", params(TextQuery), responses((status = 200, body = Page<Configuration>)))]
pub(crate) async fn configurations(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Viewer)?;
    let page = hub.state.configurations(&paging(query.sort, query.limit, query.cursor)).await?;
    answer(page, query.format.as_deref())
}

/// One version, with what each node has said to it.
#[utoipa::path(get, path = "/api/v1/configurations/{version}", tag = "configurations", params(("version" = u64, Path)), responses((status = 200, body = ConfigurationDetail), (status = 404, body = Problem)))]
pub(crate) async fn configuration(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(version): Path<u64>,
) -> Answer<Json<ConfigurationDetail>> {
    asker.needs_all(Role::Viewer)?;
    Ok(Json(hub.state.configuration(version).await?))
}

/// Whether something could be rolled out: the hub reads its rules, and up to three connected nodes read all of it. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/configurations/check", tag = "configurations", request_body = NewConfiguration, responses((status = 200, body = ConfigurationCheck), (status = 400, body = Problem)))]
pub(crate) async fn check(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewConfiguration>,
) -> Answer<Json<ConfigurationCheck>> {
    asker.needs_all(Role::Operator)?;
    Ok(Json(checked(&hub, &new).await?))
}

/// Roll a version out. Nodes that cannot use it go on with what they have, and say why.
#[utoipa::path(post, path = "/api/v1/configurations", tag = "configurations", request_body = NewConfiguration, responses((status = 200, body = ConfigurationDetail), (status = 400, body = Problem)))]
pub(crate) async fn add_configuration(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewConfiguration>,
) -> Answer<Json<ConfigurationDetail>> {
    asker.needs_all(Role::Operator)?;
    let check = checked(&hub, &new).await?;
    if !check.problems.is_empty() {
        return Err(ApiError::Bad(check.problems.join("; ")));
    }
    let mark = mark(&new);
    let version = hub.state.add_configuration(&new, &mark, &asker.caller.name, hub.now()).await?;
    hub.audit(&asker, "configuration.create", &format!("v{version}"), &new.reason).await?;
    hub.configurations_changed().await?;
    Ok(Json(hub.state.configuration(version).await?))
}

/// Say for which nodes a version is: first for some, then for all.
#[utoipa::path(patch, path = "/api/v1/configurations/{version}", tag = "configurations", params(("version" = u64, Path)), request_body = ConfigurationChange, responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn change_configuration(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(version): Path<u64>,
    Json(change): Json<ConfigurationChange>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Operator)?;
    hub.state.change_configuration(version, &change.nodes).await?;
    let nodes = if change.nodes.is_empty() { "all nodes".to_owned() } else { change.nodes.join(" ") };
    hub.audit(&asker, "configuration.change", &format!("v{version}"), &nodes).await?;
    hub.configurations_changed().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a version back: its nodes have the one before again.
#[utoipa::path(delete, path = "/api/v1/configurations/{version}", tag = "configurations", params(("version" = u64, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn withdraw_configuration(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(version): Path<u64>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Operator)?;
    hub.state.withdraw_configuration(version, &asker.caller.name, hub.now()).await?;
    hub.audit(&asker, "configuration.withdraw", &format!("v{version}"), "").await?;
    hub.configurations_changed().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells the content of a version from that of others, also of another hub.
fn mark(new: &NewConfiguration) -> String {
    let mut hash = Sha256::new();
    for part in [&new.rules, &new.policy, &new.responses, &new.baselines] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize()[..4])
}

async fn checked(hub: &Hub, new: &NewConfiguration) -> Answer<ConfigurationCheck> {
    let NewConfiguration { rules, policy, responses, baselines, .. } = new.clone();
    for (part, text) in
        [("rules", &rules), ("policy", &policy), ("responses", &responses), ("baselines", &baselines)]
    {
        if text.len() > MAX_PART {
            return Err(ApiError::Bad(format!("{part}: it is longer than {MAX_PART} bytes")));
        }
    }
    let texts = Texts { rules, policy, responses, baselines };
    if question("", &texts, false).to_string().len() > MAX_QUESTION {
        return Err(ApiError::Bad(format!("all of it together is longer than {MAX_QUESTION} bytes")));
    }
    let pattern = |text: &String| {
        text.parse::<Pattern>().map_err(|error| ApiError::Bad(format!("nodes: {text:?}: {error}")))
    };
    let nodes: Vec<Pattern> = new.nodes.iter().map(pattern).collect::<Answer<_>>()?;
    let (rules, baselines) = (texts.rules.clone(), texts.baselines.clone());
    let read = move || {
        let (mut problems, rules) = read_rules(rules);
        let wrong = read_exports(&baselines, &Settings::default()).err();
        problems.extend(wrong.map(|why| format!("baselines: {why}")));
        (problems, rules)
    };
    let (problems, of_hub) =
        tokio::task::spawn_blocking(read).await.map_err(|error| ApiError::Broken(error.to_string()))?;
    if !problems.is_empty() {
        // Agents would say the same.
        return Ok(ConfigurationCheck { problems, rules: of_hub, ..ConfigurationCheck::default() });
    }
    let is_for = |name: &str| nodes.is_empty() || nodes.iter().any(|pattern| pattern.matches(name));
    let check = hub.try_configuration(&texts, is_for).await?;
    let rules = if check.read_by.is_empty() { of_hub } else { check.rules };
    Ok(ConfigurationCheck { rules, ..check })
}

/// What is wrong with rules, and how many there would be.
fn read_rules(rules: String) -> (Vec<String>, u64) {
    let more = (!rules.trim().is_empty()).then(|| ("rules".to_owned(), rules));
    let loaded = with_own(more);
    let rules = loaded.rules.rules.iter().filter(|rule| rule.enabled).count();
    (problems(&loaded), rules as u64)
}
