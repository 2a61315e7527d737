//! Policies of images: what must not be in them, kept by the hub.

use super::{Millis, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A policy that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policy {
    /// Its name, which its text says.
    pub name: String,
    /// Which version of it; the first is 1.
    pub version: u64,
    /// When this version was made.
    pub changed: Millis,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How many rules it has.
    pub rules: u64,
}

/// All of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyDetail {
    /// What the list tells.
    #[serde(flatten)]
    pub policy: Policy,
    /// Its text in YAML, as `gabion scan --policy` takes it.
    pub text: String,
    /// Its versions, the newest first: at most a hundred.
    pub versions: Vec<PolicyVersion>,
}

/// A version of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyVersion {
    /// Its number.
    pub version: u64,
    /// When it was made.
    pub created: Millis,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Its text; empty: the policy was removed.
    pub text: String,
}

/// A policy, or another version of one: its text says which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPolicy {
    /// In YAML, with a `name`.
    pub text: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// The version that it was made from; if there is a later one, it is refused. Absent: a policy of this name is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// A policy that is tried on what is there. Nothing is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyWish {
    /// In YAML.
    pub text: String,
    /// On all images, not only on those that run.
    #[serde(default)]
    pub all: bool,
}

/// What a policy says of the images that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTrial {
    /// What is wrong with its text; then nothing was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Images that it was held against.
    pub images: u64,
    /// Images that it was not held against: nobody has scanned them.
    pub unscanned: u64,
    /// Images that there was no time for.
    pub left: u64,
    /// Of those that it was held against, those that it says no to.
    pub stopped: u64,
    /// What each rule says, in the order of the policy.
    pub rules: Vec<PolicyRuleTrial>,
    /// Images that a rule says something to, those that run most first: at most two hundred.
    pub broken: Vec<PolicyBreach>,
}

/// What a rule says of the images that are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyRuleTrial {
    /// Its id.
    pub rule: String,
    /// When it is asked: `build`, `deploy`, `runtime`.
    pub stage: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it stops; else it only tells.
    pub stops: bool,
    /// Images that break it.
    pub broken: u64,
    /// Images of which it cannot tell, as they were not wholly looked at.
    pub unknown: u64,
    /// Images that pass.
    pub passed: u64,
    /// Images that it is not for.
    pub not_for: u64,
}

/// What rules say of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyBreach {
    /// Its id.
    pub image: String,
    /// Its name.
    pub name: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Containers that run it.
    pub running: u64,
    /// Whether it is stopped.
    pub stopped: bool,
    /// What is said of it.
    pub rules: Vec<PolicySays>,
}

/// What one rule says of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicySays {
    /// Its id.
    pub rule: String,
    /// `failed`, `warned`, `cannot tell`.
    pub outcome: String,
    /// Why.
    pub reason: String,
}
