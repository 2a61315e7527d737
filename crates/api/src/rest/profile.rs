//! The profile of an image: what it declares, what it was seen to do where it runs, and in what these differ.

use super::{Baseline, Flow, Millis, RuleAlerts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What the configuration of an image declares. Values of the environment are not kept, as they may be secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeclaredProfile {
    /// The user, as it stands there; empty if there is none.
    pub user: String,
    /// That user is root, by number, by name, or by the accounts of the image.
    pub root: bool,
    /// What is always executed.
    pub entrypoint: Vec<String>,
    /// What is executed, or the arguments of that, unless somebody says otherwise.
    pub command: Vec<String>,
    /// The working directory; empty if there is none.
    pub working_dir: String,
    /// Ports: `8080/tcp`.
    pub ports: Vec<String>,
    /// Directories that outlive a container.
    pub volumes: Vec<String>,
    /// Names of environment variables.
    pub environment: Vec<String>,
    /// There is a health check.
    pub healthcheck: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A workload that runs an image, or ran it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfiledWorkload {
    /// Its id.
    pub id: String,
    /// Its containers that run the image.
    pub running: u64,
    /// When the first container with the image, of those that are still known, was started there.
    pub since: Millis,
    /// When the last one ended; absent while one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
    /// Other images that it ran in that time: connections are known of a workload, not of an image in it.
    pub others: Vec<String>,
}

/// A port on which workloads with an image were seen to listen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfiledPort {
    /// `8080/tcp`.
    pub port: String,
    /// The image declares it; absent: it is not known what the image declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<bool>,
    /// Who listens.
    pub workloads: Vec<String>,
}

/// A file that was seen to be executed, or mapped in order to execute it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfiledFile {
    /// Its path in the container, without leading slash.
    pub path: String,
    /// The packages that it is of, or that are in it: `deb/openssl`.
    pub packages: Vec<String>,
    /// How many workloads have loaded it.
    pub workloads: u64,
    /// The first of them by name.
    pub by: String,
    /// When that was seen first.
    pub since: Millis,
}

/// A package of which no file was seen to be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdlePackage {
    /// `deb`, `npm`, ...
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Findings about it, of all versions that are in the image.
    pub findings: u64,
}

/// How much of what is installed is used. A package counts once, however many versions of it there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageUse {
    /// Of so many a file was loaded.
    pub loaded: u64,
    /// Of so many none was, though they have some that could be.
    pub idle: u64,
    /// Of so many it cannot be seen: they have no file that is executed or mapped.
    pub unseen: u64,
    /// The first of the idle ones, those with most findings first.
    pub packages: Vec<IdlePackage>,
}

/// Somebody from outside of all networks here who came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfiledEntry {
    /// To which workload.
    pub workload: String,
    /// On which port.
    pub port: u16,
    /// The last address from which.
    pub address: String,
    /// When first.
    pub first: Millis,
    /// When last.
    pub last: Millis,
}

/// What workloads with an image were seen to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SeenProfile {
    /// Containers that run it.
    pub running: u64,
    /// Of these, those that were watched from their start on: only of them it is known what they did not do.
    pub watched: u64,
    /// Containers that ran it, and have ended; as long as they are known.
    pub ended: u64,
    /// Why not all that they do may be known.
    pub gaps: Vec<String>,
    /// Where it runs or ran.
    pub workloads: Vec<ProfiledWorkload>,
    /// How many more there are that whoever asks may not see. Nothing of them is told here.
    pub hidden: u64,
    /// On which ports they listen.
    pub listens: Vec<ProfiledPort>,
    /// What they have executed or mapped.
    pub files: Vec<ProfiledFile>,
    /// How many more there are.
    pub more_files: u64,
    /// How much of what is installed that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages: Option<PackageUse>,
    /// Why that is not known, where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages_unknown: Option<String>,
    /// Whom they connect to, by name.
    pub outgoing: Vec<Flow>,
    /// How many more there are.
    pub more_outgoing: u64,
    /// Who connects to them, by name.
    pub incoming: Vec<Flow>,
    /// How many more there are.
    pub more_incoming: u64,
    /// How many connect to them whom whoever asks may not see.
    pub hidden_incoming: u64,
    /// Who came in from outside in the last seven days.
    pub entries: Vec<ProfiledEntry>,
    /// Alerts of containers with the image, by rule.
    pub alerts: Vec<RuleAlerts>,
    /// What is always done in them, as the nodes that run them know it.
    pub baselines: Vec<Baseline>,
    /// Whose baselines are not known, and why.
    pub baselines_unknown: Vec<String>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileQuestion {
    /// Do they listen only where the image says so?
    Listens,
    /// Does somebody listen where the image says so?
    Declared,
    /// Do they run as the user whom the image names?
    User,
    /// Is what is installed used?
    Packages,
    /// Do they execute only what is in the image?
    Drift,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProfileVerdict {
    /// What is declared and what was seen differ.
    Differs,
    /// It is not known, and the text says why.
    Unknown,
    /// They do not differ, in what was seen.
    Agrees,
}

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileAnswer {
    /// Of which question.
    pub question: ProfileQuestion,
    /// What came out.
    pub verdict: ProfileVerdict,
    /// In words.
    pub text: String,
}

/// An image: what it declares, what it was seen to do, and in what these differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageProfile {
    /// What it declares; absent: it was not scanned, or has no configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclaredProfile>,
    /// What was seen.
    pub seen: SeenProfile,
    /// The comparison: what differs first, then what is not known, then what agrees.
    pub comparison: Vec<ProfileAnswer>,
}
