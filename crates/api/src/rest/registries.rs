//! Registries that are looked into by themselves, and scans that others have made: of CI.

use super::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// How it goes with a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RegistryState {
    /// It was not looked into yet.
    New,
    /// It is being looked into.
    Polling,
    /// The last look told all that was asked for.
    Well,
    /// The last look told a part: `error` says what is missing.
    Partial,
    /// The last look told nothing: `error` says why.
    Failing,
    /// Nobody looks.
    Paused,
}

/// A registry, what of it is looked at, and what was seen. Its secrets are told to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registry {
    /// What it is called here.
    pub name: String,
    /// `https://registry.example:5000`.
    pub url: String,
    /// Who looks; absent: anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// There is a password or token for it.
    pub has_secret: bool,
    /// The certificate of the authority that signed its own, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Repositories that are looked at: patterns. `*` is anything but `/`, `**` is anything.
    pub repositories: Vec<String>,
    /// Tags that are looked at; empty: all.
    pub tags: Vec<String>,
    /// `REPOSITORY` or `REPOSITORY:TAG` that are not.
    pub leave_out: Vec<String>,
    /// So many tags of a repository, the newest by their names.
    pub newest: u32,
    /// Minutes between two looks.
    pub minutes: u32,
    /// Which image of one for several platforms; absent: that of the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Nobody looks, and nothing of it is scanned.
    pub paused: bool,
    /// It may tell of what was pushed: a secret for that is set.
    pub has_hook: bool,
    /// Who made it.
    pub by: String,
    /// When.
    pub created: Millis,
    /// How it goes.
    pub state: RegistryState,
    /// When it was looked into last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polled: Option<Millis>,
    /// When it will be looked into next; absent: not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Millis>,
    /// What the last look could not tell, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was seen.
    pub seen: RegistryNumbers,
}

/// What was seen of a registry, and what became of it: `tags` = not wanted + `left_out` + looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryNumbers {
    /// Repositories that were looked at.
    pub repositories: u64,
    /// Repositories of which the last look told nothing, or not all.
    pub failing: u64,
    /// Tags that these have.
    pub tags: u64,
    /// Tags that match.
    pub matched: u64,
    /// Of these, beyond the newest.
    pub left_out: u64,
    /// Tags whose image is scanned.
    pub scanned: u64,
    /// Tags whose image waits.
    pub waiting: u64,
    /// Tags whose image could not be scanned.
    pub failed: u64,
    /// Tags that mean no image.
    pub others: u64,
}

/// A registry to be made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRegistry {
    /// What it is called here: letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// `https://HOST[:PORT]`, or `http://` for one that speaks plain HTTP.
    pub url: String,
    /// Who looks.
    #[serde(default)]
    pub user: Option<String>,
    /// The password or token.
    #[serde(default)]
    pub secret: Option<String>,
    /// The certificate of the authority that signed its own, in PEM.
    #[serde(default)]
    pub authority: Option<String>,
    /// Repositories that are looked at: patterns.
    pub repositories: Vec<String>,
    /// Tags that are looked at; empty: all.
    #[serde(default)]
    pub tags: Vec<String>,
    /// `REPOSITORY` or `REPOSITORY:TAG` that are not.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// So many tags of a repository, the newest by their names: 1 to 1000.
    #[serde(default = "usual_newest")]
    pub newest: u32,
    /// Minutes between two looks: 5 to 10080.
    #[serde(default = "usual_minutes")]
    pub minutes: u32,
    /// `linux/arm64`; absent: that of the hub.
    #[serde(default)]
    pub platform: Option<String>,
    /// Nobody looks.
    #[serde(default)]
    pub paused: bool,
}

/// Tags of a repository, where nobody says how many.
const fn usual_newest() -> u32 {
    10
}

/// Minutes between two looks, where nobody says how many.
const fn usual_minutes() -> u32 {
    60
}

impl fmt::Debug for NewRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRegistry")
            .field("name", &self.name)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What is to change of a registry; what is absent stays. An empty text takes away.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryChange {
    /// Another address. A secret that is kept goes nowhere else: it must be given anew with this.
    pub url: Option<String>,
    /// Who looks.
    pub user: Option<String>,
    /// The password or token.
    pub secret: Option<String>,
    /// The certificate of the authority that signed its own, in PEM.
    pub authority: Option<String>,
    /// Repositories that are looked at.
    pub repositories: Option<Vec<String>>,
    /// Tags that are looked at.
    pub tags: Option<Vec<String>>,
    /// What is not.
    pub leave_out: Option<Vec<String>>,
    /// So many tags of a repository.
    pub newest: Option<u32>,
    /// Minutes between two looks.
    pub minutes: Option<u32>,
    /// Which image of one for several platforms.
    pub platform: Option<String>,
    /// Whether nobody looks.
    pub paused: Option<bool>,
}

impl fmt::Debug for RegistryChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = [
            ("url", self.url.is_some()),
            ("user", self.user.is_some()),
            ("secret", self.secret.is_some()),
            ("authority", self.authority.is_some()),
            ("repositories", self.repositories.is_some()),
            ("tags", self.tags.is_some()),
            ("leave_out", self.leave_out.is_some()),
            ("newest", self.newest.is_some()),
            ("minutes", self.minutes.is_some()),
            ("platform", self.platform.is_some()),
            ("paused", self.paused.is_some()),
        ];
        f.debug_list().entries(changed.iter().filter(|(_, is)| *is).map(|(name, _)| name)).finish()
    }
}

/// What a registry says when it is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryCheck {
    /// All that is asked for can be looked at.
    pub works: bool,
    /// What was tried and what came of it, in sentences.
    pub said: Vec<String>,
}

/// The secret by which a registry tells of what was pushed. It is told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryHook {
    /// Where to send it: `/api/v1/registries/NAME/events`.
    pub path: String,
    /// As `Authorization: Bearer SECRET`, as the secret of a webhook of GitHub, or as `?secret=` where nothing else can be set.
    pub secret: String,
}

/// How far a tag has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagState {
    /// It will be scanned.
    Waiting,
    /// Its image is known, and what is in it.
    Scanned,
    /// It could not be scanned; it is tried again.
    Failed,
    /// It means no image, but a chart or a signature, say.
    NoImage,
}

impl TagState {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Scanned => "scanned",
            Self::Failed => "failed",
            Self::NoImage => "no-image",
        }
    }
}

/// A tag of a registry that is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryTag {
    /// `HOST/REPOSITORY:TAG`.
    pub name: String,
    /// Its repository.
    pub repository: String,
    /// Its own name.
    pub tag: String,
    /// What it means: the digest of a manifest or an index.
    pub digest: String,
    /// The image, once it is scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Since when it means that.
    pub since: Millis,
    /// How far it has got.
    pub state: TagState,
    /// Why it is not scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When it was scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned: Option<Millis>,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Millis>,
}

/// A repository of a registry, and what of it is not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegistryRepository {
    /// Its name.
    pub name: String,
    /// When it was looked at last.
    pub looked: Millis,
    /// Tags that it has.
    pub tags: u64,
    /// Tags that match.
    pub matched: u64,
    /// Of these, beyond the newest.
    pub left_out: u64,
    /// What could not be told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where an image was found, beside what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImagePlace {
    /// The name of the registry.
    pub registry: String,
    /// `HOST/REPOSITORY:TAG`.
    pub name: String,
}

/// Where a scan comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CiFacts {
    /// `github`, `gitlab`, `jenkins`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Where the source is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Its commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Its branch or tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Where the job is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// A scan that was made elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NewScan {
    /// As `gabion scan --format json` prints it.
    pub report: serde_json::Value,
    /// Where it comes from.
    #[serde(default)]
    pub ci: CiFacts,
}

/// What the hub makes of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScanAnswer {
    /// The image that it is kept as.
    pub image: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether the hub shows this report for the image. If it knows the image better, by what runs or from a registry, it keeps that one.
    pub kept: bool,
    /// What the hub's policies say; empty where it has none.
    #[serde(default)]
    pub gates: Vec<ScanGate>,
    /// The report by the hub's database and exceptions.
    pub report: serde_json::Value,
}

/// What one rule says of a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScanGate {
    /// Its name.
    pub gate: String,
    /// Whether it passes.
    pub passed: bool,
    /// Why it does not.
    pub detail: String,
}

/// A scan that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SentScan {
    /// When.
    pub time: Millis,
    /// By whose token.
    pub by: String,
    /// What was scanned, as it was called there.
    pub reference: String,
    /// Where it comes from.
    pub ci: CiFacts,
}
