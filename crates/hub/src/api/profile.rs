//! The profile of an image: what the state knows, what agents say of its baselines, and what events say of its user.

use super::detection::baselines_of;
use crate::{
    DAY, Hub,
    access::Asker,
    error::{Answer, ApiError},
    profile::{RanAs, compare},
};
use axum::{
    Json,
    extract::{Path, State as Extract},
};
use gabion_api::rest::{EventPage, ImageProfile, Problem};
use gabion_store::{events::Query, state::Profiled};
use std::{collections::BTreeSet, time::Duration};

/// How long an agent may take to tell its baselines; the page waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What an image declares, what it was seen to do where it runs, and in what these differ.
#[utoipa::path(get, path = "/api/v1/images/{id}/profile", tag = "images", params(("id" = String, Path)), responses((status = 200, body = ImageProfile), (status = 404, body = Problem)))]
pub(crate) async fn image_profile(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(id): Path<String>,
) -> Answer<Json<ImageProfile>> {
    let mut profiled = hub.state.profile(&id, asker.scope(), hub.now()).await?;
    let names_a_user = profiled.declared.as_ref().is_some_and(|declared| !declared.root);
    let ran_as = if asker.scope().is_all() {
        baselines(&hub, &mut profiled).await;
        if names_a_user { Some(ran_as(&hub, &profiled).await?) } else { None }
    } else {
        // Baselines and events have no owner: who sees only a part sees none.
        if !profiled.nodes.is_empty() {
            profiled.seen.baselines_unknown.push("only who sees everything is told of baselines".to_owned());
        }
        names_a_user.then(|| RanAs::Unknown("only who sees everything is told of events".to_owned()))
    };
    let comparison = compare(profiled.declared.as_ref(), &profiled.seen, ran_as.as_ref());
    Ok(Json(ImageProfile { declared: profiled.declared, seen: profiled.seen, comparison }))
}

/// Asks the nodes that run it for its baselines.
async fn baselines(hub: &Hub, profiled: &mut Profiled) {
    let nodes = profiled.nodes.keys().cloned().collect();
    let workloads: BTreeSet<&String> = profiled.seen.workloads.iter().map(|one| &one.id).collect();
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for (node, listed) in baselines_of(hub, nodes, PATIENCE).await {
        match listed {
            Ok(listed) => found.extend(
                listed
                    .into_iter()
                    .filter(|one| workloads.contains(&one.workload) && profiled.called.contains(&one.image)),
            ),
            Err(error) => {
                let name = profiled.nodes.get(&node).unwrap_or(&node);
                let why = match error {
                    ApiError::Unreachable(why) => why,
                    _ => "it could not be asked".to_owned(),
                };
                unknown.push(format!("{name}: {why}"));
            }
        }
    }
    found.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.id.cmp(&b.id)));
    profiled.seen.baselines = found;
    profiled.seen.baselines_unknown = unknown;
}

/// As whom programs of its containers ran within the last day.
async fn ran_as(hub: &Hub, profiled: &Profiled) -> Answer<RanAs> {
    if profiled.containers.is_empty() {
        return Ok(RanAs::Unknown("no container has run it within the last 24 hours".to_owned()));
    }
    let found = async |text: &str| {
        let filter = |name: &str, value: &String| (name.to_owned(), value.clone());
        let kinds = ["execve", "execveat"].map(|kind| ("kind".to_owned(), kind.to_owned()));
        let workloads = profiled.seen.workloads.iter().map(|one| filter("workload", &one.id));
        let containers = profiled.containers.iter().map(|name| filter("container", name));
        let query = Query {
            text: text.to_owned(),
            filters: kinds.into_iter().chain(workloads).chain(containers).collect(),
            from: Some(hub.now() - DAY),
            limit: 1,
            ..Query::default()
        };
        hub.search_all(query).await
    };
    let as_root: EventPage = found("user.uid=0").await?;
    if let Some(event) = as_root.items.first() {
        return Ok(RanAs::Root {
            program: event.program.clone().unwrap_or_default(),
            container: event.container.clone().unwrap_or_default(),
            many: as_root.total,
        });
    }
    let all = found("user.uid:*").await?;
    if let Some(missing) = as_root.unsearched.iter().chain(&all.unsearched).next() {
        return Ok(RanAs::Unknown(format!("{} could not be searched: {}", missing.what, missing.why)));
    }
    Ok(match all.total {
        0 => RanAs::Unknown("no program was seen to be started in it within the last 24 hours".to_owned()),
        many => RanAs::Others(many),
    })
}
