//! What is looked for, and what is usual: rules, ATT&CK, baselines.

use super::list::{answer, part, words};
use crate::{
    DAY, Hub,
    access::Asker,
    error::{Answer, ApiError},
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::Response as Reply,
};
use gabion_api::rest::{
    Attack, Baseline, BaselineDetail, BaselineState, Page, Problem, Role, Rule, Tactic, Technique,
};
use gabion_detect::{
    baseline::Baseline as Learnt,
    engine::Fields,
    incident::TACTICS,
    rules::{DEFAULT, Loaded, RuleFile, load},
};
use gabion_store::state::StateError;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use utoipa::{IntoParams, ToSchema};

/// How long an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Where rules are from that come with Gabion.
pub(super) const OWN: &str = "Gabion";

/// Gabion's own rules, and those of the newest version that is rolled out to all nodes.
pub(super) async fn known_rules(hub: &Hub) -> Answer<Vec<Rule>> {
    let newest =
        hub.state.configurations_in_force().await?.into_iter().find(gabion_store::state::InForce::is_for_all);
    let more = match newest {
        Some(newest) => {
            let rules = hub.state.configuration_texts(newest.version).await?.rules;
            (!rules.trim().is_empty()).then(|| (format!("v{}", newest.version), rules))
        }
        None => None,
    };
    tokio::task::spawn_blocking(move || read_rules(more))
        .await
        .map_err(|error| ApiError::Broken(error.to_string()))
}

/// Gabion's own rules, and more under a name.
pub(super) fn with_own(more: Option<(String, String)>) -> Loaded {
    let own = (OWN.to_owned(), DEFAULT.to_owned());
    loaded([own].into_iter().chain(more))
}

/// Rules under names, in the order in which they change each other.
pub(super) fn loaded(rules: impl IntoIterator<Item = (String, String)>) -> Loaded {
    let file = |(name, text): (String, String)| RuleFile { name, content: Ok(text.into_bytes()) };
    load(&rules.into_iter().map(file).collect::<Vec<_>>(), &Fields)
}

/// What is wrong with rules, and where.
pub(super) fn problems(loaded: &Loaded) -> Vec<String> {
    let errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    errors.map(|error| format!("{}: {}", error.position(), error.message)).collect()
}

fn read_rules(more: Option<(String, String)>) -> Vec<Rule> {
    let loaded = with_own(more);
    let rule = |rule: &gabion_detect::rules::Rule| Rule {
        name: rule.name.clone(),
        description: rule.description.clone(),
        priority: rule.priority.to_string(),
        condition: rule.written.clone(),
        output: rule.output.to_string(),
        tags: rule.tags.clone(),
        enabled: rule.enabled,
        source: rule.position.file.to_string(),
        alerts: 0,
    };
    loaded.rules.rules.iter().map(rule).collect()
}

/// Which rules.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RulesQuery {
    /// In the name, the description or a tag.
    q: Option<String>,
    /// In Falco's words: `critical`, `warning`, ...
    priority: Option<String>,
    /// Those that are judged by, or those that are not.
    enabled: Option<bool>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List the rules that come with Gabion and those that are rolled out to all nodes, with how often each was told of in the last seven days.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules", params(RulesQuery), responses((status = 200, body = Page<Rule>)))]
pub(crate) async fn rules(
    Extract(hub): Extract<Hub>,
    _: Asker,
    Query(query): Query<RulesQuery>,
) -> Answer<Reply> {
    let told = hub.state.alerts_by_rule(hub.now() - 7 * DAY).await?;
    let text = query.q.unwrap_or_default().to_lowercase();
    let mut items = known_rules(&hub).await?;
    items.retain(|rule| {
        let has = |part: &str| part.to_lowercase().contains(&text);
        (text.is_empty() || has(&rule.name) || has(&rule.description) || rule.tags.iter().any(|tag| has(tag)))
            && query.enabled.is_none_or(|enabled| enabled == rule.enabled)
            && query.priority.as_deref().is_none_or(|wanted| {
                wanted.split(',').any(|word| rule.priority.eq_ignore_ascii_case(word.trim()))
            })
    });
    for rule in &mut items {
        rule.alerts = told.get(&rule.name).copied().unwrap_or(0);
    }
    answer(part(items, |rule| &rule.name, query.limit, query.cursor.as_deref()), query.format.as_deref())
}

/// What was seen of ATT&CK in the last seven days.
#[utoipa::path(get, path = "/api/v1/attack", tag = "alerts", responses((status = 200, body = Attack)))]
pub(crate) async fn attack(Extract(hub): Extract<Hub>, asker: Asker) -> Answer<Json<Attack>> {
    let told = hub.state.alerts_by_technique(hub.now() - 7 * DAY, asker.scope()).await?;
    let mut tactics: BTreeMap<&str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for rule in known_rules(&hub).await? {
        let techniques = rule
            .tags
            .iter()
            .filter(|tag| tag.starts_with('T') && tag[1..].starts_with(|c: char| c.is_ascii_digit()));
        for technique in techniques {
            for tactic in rule.tags.iter().filter_map(|tag| tag.strip_prefix("mitre_")) {
                if let Some(tactic) = TACTICS.iter().find(|known| **known == tactic) {
                    tactics
                        .entry(tactic)
                        .or_default()
                        .entry(technique.clone())
                        .or_default()
                        .push(rule.name.clone());
                }
            }
        }
    }
    let technique = |(id, rules): (String, Vec<String>)| Technique {
        alerts: told.get(&id).copied().unwrap_or(0),
        id,
        rules,
    };
    let mut told_tactics = Vec::new();
    for name in TACTICS {
        if let Some(techniques) = tactics.remove(name) {
            told_tactics.push(Tactic {
                name: name.replace('_', "-"),
                techniques: techniques.into_iter().map(technique).collect(),
            });
        }
    }
    Ok(Json(Attack { tactics: told_tactics, others: told.get("").copied().unwrap_or(0) }))
}

/// A baseline as an agent lists it.
#[derive(Debug, Deserialize)]
struct Listed {
    workload: String,
    image: String,
    state: BaselineState,
    items: u64,
    pending: u64,
    since: u64,
    #[serde(default)]
    rolled_out: Option<String>,
}

/// An id of a baseline: node, workload and image, which are needed to find it again.
fn baseline_id(node: &str, workload: &str, image: &str) -> String {
    format!("{node}|{workload} {image}")
}

/// The baselines that these nodes know, or why they do not tell them.
pub(super) async fn baselines_of(
    hub: &Hub,
    nodes: Vec<String>,
    patience: Duration,
) -> Vec<(String, Answer<Vec<Baseline>>)> {
    let ask = |node: String| async move {
        let answered = hub.ask(&node, &json!({"ask": "baselines"}), patience).await.and_then(|told| {
            serde_json::from_value::<Vec<Listed>>(told).map_err(|error| {
                ApiError::Unreachable(format!("the answer of the node is not understood: {error}"))
            })
        });
        let baseline = |listed: Listed| Baseline {
            id: baseline_id(&node, &listed.workload, &listed.image),
            node: node.clone(),
            workload: listed.workload,
            image: listed.image,
            state: listed.state,
            items: listed.items,
            waiting: listed.pending,
            since: (listed.since / 1_000_000).cast_signed(),
            rolled_out: listed.rolled_out,
        };
        let listed = answered.map(|all| all.into_iter().map(baseline).collect());
        (node, listed)
    };
    futures_util::future::join_all(nodes.into_iter().map(ask)).await
}

/// Which baselines.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct BaselinesQuery {
    /// In the name of the workload or the image.
    q: Option<String>,
    /// Of this workload.
    workload: Option<String>,
    /// `learning`, `proposed`, `locked`.
    state: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List baselines, as the agents that are connected know them.
#[utoipa::path(get, path = "/api/v1/baselines", tag = "baselines", params(BaselinesQuery), responses((status = 200, body = Page<Baseline>)))]
pub(crate) async fn baselines(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<BaselinesQuery>,
) -> Answer<Reply> {
    asker.needs_all(Role::Viewer)?;
    let states: Vec<BaselineState> = words(query.state.as_deref(), "state")?;
    let text = query.q.unwrap_or_default().to_lowercase();
    let mut items = Vec::new();
    for (_, listed) in baselines_of(&hub, hub.desk.connected(), PATIENCE).await {
        // A node that does not answer is on the page of nodes.
        items.extend(listed.into_iter().flatten());
    }
    items.retain(|baseline| {
        (states.is_empty() || states.contains(&baseline.state))
            && query.workload.as_ref().is_none_or(|workload| *workload == baseline.workload)
            && (text.is_empty()
                || baseline.workload.to_lowercase().contains(&text)
                || baseline.image.to_lowercase().contains(&text))
    });
    // What somebody is to look at comes first.
    items.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.id.cmp(&b.id)));
    answer(
        part(items, |baseline| &baseline.id, query.limit, query.cursor.as_deref()),
        query.format.as_deref(),
    )
}

/// One baseline, with what is in it and what waits.
#[utoipa::path(get, path = "/api/v1/baselines/{id}", tag = "baselines", params(("id" = String, Path)), responses((status = 200, body = BaselineDetail), (status = 404, body = Problem)))]
pub(crate) async fn baseline(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<BaselineDetail>> {
    asker.needs_all(Role::Viewer)?;
    let absent = || ApiError::State(StateError::Absent { what: "baseline", id: id.clone() });
    let (node, name) = id.split_once('|').ok_or_else(absent)?;
    let answered = hub.ask_items(node, &json!({"ask": "baseline", "of": name}), PATIENCE).await?;
    let learnt = answered.iter().filter_map(|item| serde_json::from_str::<Learnt>(item).ok());
    let learnt = learnt
        .into_iter()
        .find(|learnt| format!("{} {}", learnt.subject.workload, learnt.subject.image) == name)
        .ok_or_else(absent)?;
    let mut contents: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
    for (items, waits) in [(&learnt.pending, true), (&learnt.items, false)] {
        for item in items.keys() {
            contents.entry(item.noun().to_owned()).or_default().push((item.to_string(), waits));
        }
    }
    let state = serde_json::to_value(learnt.state)
        .and_then(serde_json::from_value)
        .map_err(|error| ApiError::Broken(error.to_string()))?;
    let exported = learnt.export().map_err(|error| ApiError::Broken(error.to_string()))?;
    Ok(Json(BaselineDetail {
        baseline: Baseline {
            id: id.clone(),
            node: node.to_owned(),
            workload: learnt.subject.workload,
            image: learnt.subject.image,
            state,
            items: learnt.items.len() as u64,
            waiting: learnt.pending.len() as u64,
            since: (learnt.since / 1_000_000).cast_signed(),
            rolled_out: learnt.rolled_out.map(|by| by.version),
        },
        contents,
        exported,
    }))
}

/// What is approved.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    /// Only what has this in it; absent: all that waits.
    #[serde(default)]
    only: Option<String>,
}

/// Approve what waits of a baseline, and lock it.
#[utoipa::path(post, path = "/api/v1/baselines/{id}/approve", tag = "baselines", params(("id" = String, Path)), request_body = Approval, responses((status = 204), (status = 502, body = Problem)))]
pub(crate) async fn approve(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
    Json(approval): Json<Approval>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Operator)?;
    let (node, name) = id
        .split_once('|')
        .ok_or_else(|| ApiError::State(StateError::Absent { what: "baseline", id: id.clone() }))?;
    hub.ask(node, &json!({"ask": "approve", "of": name, "only": approval.only}), PATIENCE).await?;
    hub.audit(&asker, "baseline.approve", &id, approval.only.as_deref().unwrap_or("")).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_store::state::DRIFT;

    #[test]
    fn rules_by_which_a_workload_drifts_are_there() {
        let known = read_rules(None);
        for drift in DRIFT {
            assert!(known.iter().any(|rule| rule.name == drift && rule.enabled), "{drift}");
        }
    }
}
