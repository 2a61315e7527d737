//! Registries that are looked into: how, and what was seen of them.

use super::list::{TextQuery, answer, paging, words};
use crate::{
    Hub,
    access::Asker,
    error::{Answer, ApiError},
    registries::{Place, Wanted, check, secret_of},
};
use axum::{
    Json,
    extract::{Path, Query, State as Extract},
    http::StatusCode,
    response::Response,
};
use gabion_api::rest::{
    NewRegistry, Page, Problem, Registry, RegistryChange, RegistryCheck, RegistryRepository, RegistryState,
    RegistryTag, Role, Topic,
};
use gabion_image::source::Platform;
use gabion_store::state::{RegistryAccess, StateError, TagFilter};
use serde::Deserialize;
use utoipa::IntoParams;

/// Texts are not longer: names and tokens, and a certificate.
const MAX_TEXT: usize = 8 << 10;
const MAX_PEM: usize = 256 << 10;
/// What a registry may be asked for.
const NEWEST: std::ops::RangeInclusive<u32> = 1..=1000;
const MINUTES: std::ops::RangeInclusive<u32> = 5..=10_080;

fn bad(why: String) -> ApiError {
    ApiError::Bad(why)
}

/// A registry that can be asked.
fn checked(new: &NewRegistry) -> Answer<()> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if new.name.is_empty()
        || new.name.len() > 64
        || !new.name.chars().all(is_good)
        || new.name.starts_with('.')
        || new.name == "check"
    {
        return Err(bad("name: 1 to 64 letters, digits and `.`, `_`, `-` are expected".to_owned()));
    }
    Place::parse(&new.url).map_err(bad)?;
    Wanted::parse(&new.repositories, &new.tags, &new.leave_out, new.newest).map_err(bad)?;
    if !NEWEST.contains(&new.newest) {
        return Err(bad("newest: 1 to 1000 tags of a repository can be looked at".to_owned()));
    }
    if !MINUTES.contains(&new.minutes) {
        return Err(bad("minutes: 5 to 10080 minutes may lie between two looks".to_owned()));
    }
    for (what, text) in [("user", &new.user), ("secret", &new.secret)] {
        if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT || text.chars().any(char::is_control)) {
            return Err(bad(format!(
                "{what}: it is longer than {MAX_TEXT} bytes, or has more than one line"
            )));
        }
    }
    let is_set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if is_set(&new.user) && !is_set(&new.secret) {
        return Err(bad("secret: a user without a password is let in nowhere".to_owned()));
    }
    if let Some(pem) = new.authority.as_ref().filter(|pem| !pem.is_empty())
        && (pem.len() > MAX_PEM
            || !pem.contains("-----BEGIN CERTIFICATE-----")
            || pem.contains("PRIVATE KEY"))
    {
        return Err(bad("authority: a certificate in PEM is expected, and nothing else".to_owned()));
    }
    if let Some(platform) = new.platform.as_ref().filter(|text| !text.is_empty()) {
        platform.parse::<Platform>().map_err(|error| bad(format!("platform: {error}")))?;
    }
    Ok(())
}

/// As it would be after a change. A secret that is kept is known by being there.
fn changed(access: &RegistryAccess, change: &RegistryChange) -> NewRegistry {
    let old = access.registry.clone();
    let change = change.clone();
    NewRegistry {
        name: old.name,
        url: change.url.unwrap_or(old.url),
        user: change.user.or(old.user),
        secret: change.secret.or_else(|| access.secret.as_ref().map(|_| "kept".to_owned())),
        authority: change.authority.or(old.authority),
        repositories: change.repositories.unwrap_or(old.repositories),
        tags: change.tags.unwrap_or(old.tags),
        leave_out: change.leave_out.unwrap_or(old.leave_out),
        newest: change.newest.unwrap_or(old.newest),
        minutes: change.minutes.unwrap_or(old.minutes),
        platform: change.platform.or(old.platform),
        paused: change.paused.unwrap_or(old.paused),
    }
}

/// A secret that is kept goes nowhere but where it was given for.
fn keeps_secret(access: &RegistryAccess, change: &RegistryChange) -> Answer<()> {
    let moves = change.url.as_ref().is_some_and(|url| *url != access.registry.url);
    if moves && access.secret.is_some() && change.secret.is_none() {
        return Err(bad("secret: another address needs it anew, or an empty one".to_owned()));
    }
    Ok(())
}

/// How it goes now: whether it is being looked into is not in the state.
fn live(hub: &Hub, mut registry: Registry) -> Registry {
    if hub.registries.is_busy(&registry.name) {
        registry.state = RegistryState::Polling;
    }
    registry
}

/// List registries.
#[utoipa::path(get, path = "/api/v1/registries", tag = "registries", params(TextQuery), responses((status = 200, body = Page<Registry>), (status = 403, body = Problem)))]
pub(crate) async fn registries(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Viewer)?;
    let text = query.q.unwrap_or_default();
    let mut page = hub.state.registries(&text, &paging(query.sort, query.limit, query.cursor)).await?;
    page.items = page.items.into_iter().map(|registry| live(&hub, registry)).collect();
    answer(page, query.format.as_deref())
}

/// One registry.
#[utoipa::path(get, path = "/api/v1/registries/{name}", tag = "registries", params(("name" = String, Path)), responses((status = 200, body = Registry), (status = 404, body = Problem)))]
pub(crate) async fn registry(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<Json<Registry>> {
    asker.needs_all(Role::Viewer)?;
    Ok(Json(live(&hub, hub.state.registry(&name).await?)))
}

/// Make a registry. It is looked into at once.
#[utoipa::path(post, path = "/api/v1/registries", tag = "registries", request_body = NewRegistry, responses((status = 200, body = Registry), (status = 400, body = Problem)))]
pub(crate) async fn add_registry(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(mut new): Json<NewRegistry>,
) -> Answer<Json<Registry>> {
    asker.needs_all(Role::Admin)?;
    checked(&new)?;
    let of = secret_of(&new.name, &new.url);
    new.secret = hub.sealed(new.secret, &of)?;
    let registry = hub.state.add_registry(&new, &asker.caller.name, hub.now()).await?;
    hub.audit(&asker, "registry.create", &registry.name, &registry.url).await?;
    hub.live.tell(Topic::Registries);
    hub.registries.wake();
    Ok(Json(registry))
}

/// Change a registry. It is looked into at once.
#[utoipa::path(patch, path = "/api/v1/registries/{name}", tag = "registries", params(("name" = String, Path)), request_body = RegistryChange, responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn change_registry(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
    Json(mut change): Json<RegistryChange>,
) -> Answer<StatusCode> {
    // Whether it is looked into is a matter of running it, all else is a matter of trust.
    let only_pause = change == RegistryChange { paused: change.paused, ..RegistryChange::default() };
    asker.needs_all(if only_pause { Role::Operator } else { Role::Admin })?;
    let access = hub.state.registry_access(&name).await?;
    keeps_secret(&access, &change)?;
    checked(&changed(&access, &change))?;
    let of = secret_of(&name, change.url.as_ref().unwrap_or(&access.registry.url));
    change.secret = hub.sealed(change.secret, &of)?;
    hub.state.change_registry(&name, &change, hub.now()).await?;
    let what = match change.paused {
        Some(paused) if only_pause => if paused { "paused" } else { "goes on" }.to_owned(),
        _ => format!("{change:?}"),
    };
    hub.audit(&asker, "registry.change", &name, &what).await?;
    hub.live.tell(Topic::Registries);
    hub.registries.wake();
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a registry. Images that were found there stay.
#[utoipa::path(delete, path = "/api/v1/registries/{name}", tag = "registries", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn remove_registry(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Admin)?;
    hub.state.remove_registry(&name).await?;
    hub.audit(&asker, "registry.remove", &name, "").await?;
    hub.live.tell(Topic::Registries);
    Ok(StatusCode::NO_CONTENT)
}

/// Try whether a registry could be looked into. Nothing is kept.
#[utoipa::path(post, path = "/api/v1/registries/check", tag = "registries", request_body = NewRegistry, responses((status = 200, body = RegistryCheck), (status = 400, body = Problem)))]
pub(crate) async fn check_registry(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Json(new): Json<NewRegistry>,
) -> Answer<Json<RegistryCheck>> {
    asker.needs_all(Role::Admin)?;
    checked(&new)?;
    // A secret that is kept for a registry of that name is taken, if it is for that address.
    let kept = match hub.state.registry_access(&new.name).await {
        Ok(access) if access.registry.url == new.url && new.secret.is_none() => {
            let open = |sealed: String| hub.seal.unseal(&sealed, &secret_of(&new.name, &new.url));
            access.secret.map(open).transpose().map_err(|error| bad(format!("secret: {error}")))?
        }
        Ok(_) | Err(StateError::Absent { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let secret = some(new.secret).or(kept);
    let access = RegistryAccess {
        registry: Registry {
            name: String::new(),
            url: new.url,
            user: some(new.user),
            has_secret: secret.is_some(),
            authority: some(new.authority),
            repositories: new.repositories,
            tags: new.tags,
            leave_out: new.leave_out,
            newest: new.newest,
            minutes: new.minutes,
            platform: some(new.platform),
            paused: new.paused,
            has_hook: false,
            by: asker.caller.name.clone(),
            created: hub.now(),
            state: RegistryState::New,
            polled: None,
            next: None,
            error: None,
            seen: gabion_api::rest::RegistryNumbers::default(),
        },
        secret,
        hook: None,
        asked: 0,
    };
    let said = check(&hub, &access).await;
    hub.audit(
        &asker,
        "registry.check",
        &access.registry.url,
        if said.works { "works" } else { "does not work" },
    )
    .await?;
    Ok(Json(said))
}

/// Look into a registry now, and try again what could not be scanned.
#[utoipa::path(post, path = "/api/v1/registries/{name}/poll", tag = "registries", params(("name" = String, Path)), responses((status = 202), (status = 404, body = Problem)))]
pub(crate) async fn poll_registry(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
) -> Answer<StatusCode> {
    asker.needs_all(Role::Operator)?;
    if hub.state.registry(&name).await?.paused {
        return Err(bad("it is paused: let it go on first".to_owned()));
    }
    hub.state.ask_registry(&name, hub.now()).await?;
    hub.audit(&asker, "registry.poll", &name, "").await?;
    hub.registries.wake();
    Ok(StatusCode::ACCEPTED)
}

/// Which tags.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagsQuery {
    /// In the name.
    q: Option<String>,
    /// `waiting`, `scanned`, `failed`, `no-image`, several with commas in between.
    state: Option<String>,
    /// `since`, `name`, `state`; `-` in front for the greatest first.
    sort: Option<String>,
    /// Rows of a page, up to 1000.
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json` or `csv`.
    format: Option<String>,
}

/// List the tags of a registry that are looked at.
#[utoipa::path(get, path = "/api/v1/registries/{name}/tags", tag = "registries", params(("name" = String, Path), TagsQuery), responses((status = 200, body = Page<RegistryTag>), (status = 404, body = Problem)))]
pub(crate) async fn registry_tags(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
    Query(query): Query<TagsQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Viewer)?;
    let wanted =
        TagFilter { text: query.q.unwrap_or_default(), states: words(query.state.as_deref(), "state")? };
    let page =
        hub.state.registry_tags(&name, &wanted, &paging(query.sort, query.limit, query.cursor)).await?;
    answer(page, query.format.as_deref())
}

/// List the repositories of a registry, with what of them is not looked at.
#[utoipa::path(get, path = "/api/v1/registries/{name}/repositories", tag = "registries", params(("name" = String, Path), TextQuery), responses((status = 200, body = Page<RegistryRepository>), (status = 404, body = Problem)))]
pub(crate) async fn registry_repositories(
    Extract(hub): Extract<Hub>,
    asker: Asker,
    Path(name): Path<String>,
    Query(query): Query<TextQuery>,
) -> Answer<Response> {
    asker.needs_all(Role::Viewer)?;
    let text = query.q.unwrap_or_default();
    let page =
        hub.state.registry_repositories(&name, &text, &paging(query.sort, query.limit, query.cursor)).await?;
    answer(page, query.format.as_deref())
}
