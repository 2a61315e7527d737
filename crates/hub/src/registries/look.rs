//! A look into a registry: which tags match, and what they mean now. It costs no pull, as documents are not asked for.

use super::{
    Wanted,
    place::{Place, options, words},
};
use crate::Hub;
use futures_util::{StreamExt, stream};
use gabion_api::rest::{Millis, RegistryCheck, Topic};
use gabion_image::source::{Lister, Quiet, SourceError, registry::RegistryOptions};
use gabion_store::state::{Looked, NewTag, Polled, RegistryAccess};
use std::path::PathBuf;

/// Requests to one registry at a time.
const AT_ONCE: usize = 2;
/// Repositories of a registry that are looked at, and tags of a repository.
const MAX_REPOSITORIES: usize = 5_000;
const MAX_TAGS: usize = 50_000;
/// What was told of is looked at in parts.
const PART: u64 = 100;
/// After something was told of that could not be looked at, all is looked at this much later.
const SOON: Millis = 60_000;
/// Failures that are told one by one.
const TOLD: usize = 5;
const MINUTE: Millis = 60_000;

/// What a look came to.
#[derive(Debug, Default)]
struct Outcome {
    /// What could not be told.
    problems: Vec<String>,
    /// Repositories that were looked at.
    looked: usize,
    /// All that there are, if that is known.
    repositories: Option<Vec<String>>,
    /// The registry wants to be left alone for so long.
    wait: Millis,
}

impl Outcome {
    /// What could not be told, in one text.
    fn problem(&self) -> Option<String> {
        let more = self.problems.len().saturating_sub(TOLD);
        let mut told = self.problems.iter().take(TOLD).cloned().collect::<Vec<_>>();
        if more > 0 {
            told.push(format!("and {more} more repositories"));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }
}

/// Where certificates of registries are.
pub(super) fn directory(hub: &Hub) -> PathBuf {
    hub.settings.directory.join("registries")
}

/// One registry, while it is looked into.
struct Look<'a> {
    hub: &'a Hub,
    access: &'a RegistryAccess,
    host: String,
    wanted: Wanted,
    lister: Lister<'a>,
}

impl<'a> Look<'a> {
    fn new(hub: &'a Hub, access: &'a RegistryAccess, options: &'a RegistryOptions) -> Result<Self, String> {
        let registry = &access.registry;
        let Place { host, .. } = Place::parse(&registry.url)?;
        let wanted =
            Wanted::parse(&registry.repositories, &registry.tags, &registry.leave_out, registry.newest)?;
        let lister = Lister::new(&host, options, &Quiet).map_err(|error| error.to_string())?;
        Ok(Self { hub, access, host, wanted, lister })
    }

    fn words(&self, error: &SourceError) -> String {
        words(error, self.access.secret.is_some())
    }

    /// The repositories that are wanted; and whether those are all that there are.
    async fn repositories(&self, problems: &mut Vec<String>) -> Result<(Vec<String>, bool), SourceError> {
        let mut all = self.wanted.named();
        if !self.wanted.needs_list() {
            return Ok((all, true));
        }
        match self.lister.repositories(MAX_REPOSITORIES).await {
            Ok(listed) => {
                if listed.is_cut {
                    problems.push(format!(
                        "it has more than {MAX_REPOSITORIES} repositories: the rest was not looked at"
                    ));
                }
                all.extend(listed.good.into_iter().filter(|name| self.wanted.is_wanted(name)));
                all.sort_unstable();
                all.dedup();
                Ok((all, !listed.is_cut))
            }
            Err(error) if ends(&error) => Err(error),
            // It has let us in before.
            Err(error) => {
                problems.push(format!(
                    "{} does not list its repositories ({}): name them without wildcards",
                    self.host,
                    reason(&error)
                ));
                Ok((all, false))
            }
        }
    }

    /// Looks at one repository and keeps what it tells. An error ends the whole look.
    async fn repository(
        &self,
        name: &str,
        problems: &mut Vec<String>,
    ) -> anyhow::Result<Result<(), SourceError>> {
        let registry = &self.access.registry.name;
        let listed = match self.lister.repository(name) {
            Ok(repository) => repository.tags(MAX_TAGS).await.map(|tags| (repository, tags)),
            Err(error) => Err(error),
        };
        let (repository, listed) = match listed {
            Ok(found) => found,
            Err(error) => {
                let why = match &error {
                    SourceError::NotFound { .. } => "there is no such repository".to_owned(),
                    other => self.words(other),
                };
                self.hub.state.repository_failed(registry, name, &why, self.hub.now()).await?;
                if ends(&error) {
                    return Ok(Err(error));
                }
                problems.push(format!("{name}: {why}"));
                return Ok(Ok(()));
            }
        };
        let mut failed = Vec::new();
        if listed.is_cut {
            failed.push(format!("it has more than {MAX_TAGS} tags: the rest was not looked at"));
        }
        let tags = listed.good.len() as u64;
        let chosen = self.wanted.choose(name, listed.good);
        let mut looked = Looked { tags, matched: chosen.matched as u64, ..Looked::default() };
        let mut ended = None;
        let asked = stream::iter(chosen.tags).map(async |tag| {
            let digest = repository.digest(&tag).await;
            (tag, digest)
        });
        let mut asked = std::pin::pin!(asked.buffer_unordered(AT_ONCE));
        let (mut unanswered, mut why) = (0, String::new());
        while let Some((tag, digest)) = asked.next().await {
            match digest {
                Ok(Some(digest)) => looked.chosen.push(NewTag {
                    name: format!("{}/{name}:{tag}", self.host),
                    tag,
                    digest: digest.to_string(),
                }),
                // It was removed a moment ago.
                Ok(None) => {}
                Err(error) => {
                    unanswered += 1;
                    why = self.words(&error);
                    looked.unknown.push(tag);
                    if ends(&error) {
                        ended = Some(error);
                        break;
                    }
                }
            }
        }
        if ended.is_some() {
            // What was not asked for is not gone: only what was learnt is kept.
            for new in &looked.chosen {
                self.hub.state.keep_tag(registry, name, new, self.hub.now()).await?;
            }
            self.hub.state.repository_failed(registry, name, &why, self.hub.now()).await?;
            return Ok(ended.map_or(Ok(()), Err));
        }
        if unanswered > 0 {
            failed.push(format!("{unanswered} tags could not be asked for: {why}"));
        }
        looked.failed = (!failed.is_empty()).then(|| failed.join("; "));
        if let Some(failed) = &looked.failed {
            problems.push(format!("{name}: {failed}"));
        }
        self.hub.state.keep_repository(registry, name, &looked, self.hub.now()).await?;
        self.hub.live.tell(Topic::Registries);
        self.hub.registries.scans.notify_one();
        Ok(Ok(()))
    }

    async fn all(&self) -> anyhow::Result<Outcome> {
        let mut outcome = Outcome::default();
        let end = |outcome: &mut Outcome, error: &SourceError| {
            if let SourceError::RateLimited { wait, .. } = error {
                outcome.wait =
                    wait.map_or(0, |wait| Millis::try_from(wait.as_millis()).unwrap_or(Millis::MAX / 2));
            }
            outcome.problems.insert(0, self.words(error));
        };
        if let Err(error) = self.lister.check().await {
            end(&mut outcome, &error);
            return Ok(outcome);
        }
        let (repositories, all) = match self.repositories(&mut outcome.problems).await {
            Ok(found) => found,
            Err(error) => {
                end(&mut outcome, &error);
                return Ok(outcome);
            }
        };
        for (index, name) in repositories.iter().enumerate() {
            if let Err(error) = self.repository(name, &mut outcome.problems).await? {
                end(&mut outcome, &error);
                let rest = repositories.len() - index;
                outcome
                    .problems
                    .insert(1, format!("{rest} of {} repositories were not looked at", repositories.len()));
                return Ok(outcome);
            }
            outcome.looked += 1;
        }
        outcome.repositories = all.then_some(repositories);
        Ok(outcome)
    }
}

/// Whether nothing more can be had of a registry now.
const fn ends(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::RateLimited { .. }
            | SourceError::Connect { .. }
            | SourceError::Tls { .. }
            | SourceError::Timeout { .. }
    )
}

/// Why a list is not given, shortly.
fn reason(error: &SourceError) -> String {
    match error {
        SourceError::NotFound { .. } => "it knows no such list".to_owned(),
        SourceError::Forbidden { .. } | SourceError::Unauthorized { .. } => {
            "it is not for this credential".to_owned()
        }
        other => other.to_string(),
    }
}

/// Looks at all that is wanted of a registry.
pub(super) async fn whole(hub: &Hub, name: &str) -> anyhow::Result<()> {
    let kept = hub.state.registry_access(name).await?;
    let outcome = match looked(hub, name).await {
        Ok(outcome) => outcome,
        Err(error) => Outcome { problems: vec![format!("{error:#}")], ..Outcome::default() },
    };
    let now = hub.now();
    let due = now.saturating_add((Millis::from(kept.registry.minutes) * MINUTE).max(outcome.wait));
    let polled = Polled {
        asked: kept.asked,
        due,
        failed: outcome.problem(),
        told: outcome.looked > 0,
        repositories: outcome.repositories,
    };
    hub.state.registry_polled(name, &polled, now).await?;
    Ok(())
}

async fn looked(hub: &Hub, name: &str) -> anyhow::Result<Outcome> {
    let access = hub.registry_access(name).await?;
    let options = options(&access, &directory(hub))?;
    Look::new(hub, &access, &options).map_err(anyhow::Error::msg)?.all().await
}

/// Looks at what the registry has told of.
pub(super) async fn told(hub: &Hub, name: &str) -> anyhow::Result<()> {
    let looks = hub.state.looks(name, PART).await?;
    let opened = hub.registry_access(name).await;
    let ready = opened.and_then(|access| Ok((options(&access, &directory(hub))?, access)));
    let look = match &ready {
        Ok((options, access)) => Look::new(hub, access, options),
        Err(error) => Err(format!("{error:#}")),
    };
    let Ok(look) = look else {
        // A look at all of it says what is wrong.
        hub.state.registry_due(name, hub.now()).await?;
        for (repository, tag, since) in looks {
            hub.state.look_done(name, &repository, &tag, since).await?;
        }
        return Ok(());
    };
    for (repository, tag, since) in looks {
        if look.wanted.is_wanted(&repository) && look.wanted.is_wanted_tag(&repository, &tag) {
            let digest = match look.lister.repository(&repository) {
                Ok(found) => found.digest(&tag).await,
                Err(error) => Err(error),
            };
            match digest {
                Ok(Some(digest)) => {
                    let new = NewTag {
                        name: format!("{}/{repository}:{tag}", look.host),
                        tag: tag.clone(),
                        digest: digest.to_string(),
                    };
                    hub.state.keep_tag(name, &repository, &new, hub.now()).await?;
                }
                Ok(None) => hub.state.forget_tag(name, &repository, &tag).await?,
                // A look at all of it will see it, and says what is wrong.
                Err(_) => hub.state.registry_due(name, hub.now() + SOON).await?,
            }
        }
        hub.state.look_done(name, &repository, &tag, since).await?;
    }
    Ok(())
}

/// Tries whether a registry can be looked into as it is set up.
pub(crate) async fn check(hub: &Hub, access: &RegistryAccess) -> RegistryCheck {
    let mut said = Vec::new();
    let works = tried(hub, access, &mut said).await;
    if let Err(why) = &works {
        said.push(why.clone());
    }
    RegistryCheck { works: works.is_ok(), said }
}

async fn tried(hub: &Hub, access: &RegistryAccess, said: &mut Vec<String>) -> Result<(), String> {
    let options = options(access, &directory(hub)).map_err(|error| format!("{error:#}"))?;
    let look = Look::new(hub, access, &options)?;
    look.lister.check().await.map_err(|error| look.words(&error))?;
    said.push(if access.secret.is_some() {
        format!("{} answers, and takes the credential", look.host)
    } else {
        format!("{} answers without a credential", look.host)
    });
    let mut problems = Vec::new();
    let (repositories, _) = look.repositories(&mut problems).await.map_err(|error| look.words(&error))?;
    if !problems.is_empty() {
        return Err(problems.join("; "));
    }
    let Some(first) = repositories.first() else {
        return Err("no repository matches: nothing would be looked at".to_owned());
    };
    said.push(format!("{} repositories match", repositories.len()));
    let repository = look.lister.repository(first).map_err(|error| look.words(&error))?;
    let tags = match repository.tags(MAX_TAGS).await {
        Ok(tags) => tags.good,
        Err(SourceError::NotFound { .. }) => return Err(format!("{first}: there is no such repository")),
        Err(error) => return Err(format!("{first}: {}", look.words(&error))),
    };
    let all = tags.len();
    let chosen = look.wanted.choose(first, tags);
    said.push(format!(
        "{first} has {all} tags: {} match, and the newest {} of them would be looked at",
        chosen.matched,
        chosen.tags.len()
    ));
    Ok(())
}
