//! Log-in by a provider of identities (OpenID Connect): what an admin sets, and what comes of trying it.

use super::{Millis, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How one may come in beside a name and a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ways {
    /// What the button of the provider says; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// What somebody may do, and see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// What they may do.
    pub role: Role,
    /// Only what belongs to these owners; empty: all.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Only these namespaces; empty: all.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

/// What a group of the provider may do, and see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupGrant {
    /// The group, as the provider calls it.
    pub group: String,
    /// What its members may do.
    pub role: Role,
    /// Only what belongs to these owners; empty: all.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Only these namespaces; empty: all.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

/// A provider as it is set up. Its secret is never told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Provider {
    /// Its address, exactly as it names itself.
    pub issuer: String,
    /// The name of this hub at the provider.
    pub client_id: String,
    /// Whether a secret is kept.
    pub has_secret: bool,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// The claim that names the user; `a.b` is `b` within `a`.
    pub user_claim: String,
    /// The claim that lists the groups; `a.b` is `b` within `a`.
    pub group_claim: String,
    /// What groups may; the first that somebody is in counts.
    pub groups: Vec<GroupGrant>,
    /// What those may who are in none of them; absent: they do not come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<Grant>,
    /// What the button says after "Log in with".
    pub label: String,
    /// The address of this hub as browsers know it; absent: the one by which it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// When it was set.
    pub changed: Millis,
    /// By whom.
    pub by: String,
}

/// A provider to be set up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProvider {
    /// Its address, exactly as it names itself: `https://...`.
    pub issuer: String,
    /// The name of this hub at the provider.
    pub client_id: String,
    /// The secret of this hub at the provider. Absent: the one that is kept stays, for the same issuer and client; empty: there is none.
    #[serde(default)]
    pub secret: Option<String>,
    /// What is asked for; `openid` always is.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The claim that names the user.
    #[serde(default = "user_claim")]
    pub user_claim: String,
    /// The claim that lists the groups.
    #[serde(default = "group_claim")]
    pub group_claim: String,
    /// What groups may; the first that somebody is in counts.
    #[serde(default)]
    pub groups: Vec<GroupGrant>,
    /// What those may who are in none of them; absent: they do not come in.
    #[serde(default)]
    pub others: Option<Grant>,
    /// What the button says after "Log in with".
    pub label: String,
    /// The address of this hub as browsers know it.
    #[serde(default)]
    pub public_url: Option<String>,
}

impl std::fmt::Debug for NewProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewProvider")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

fn user_claim() -> String {
    "preferred_username".to_owned()
}

fn group_claim() -> String {
    "groups".to_owned()
}

/// How log-in by a provider is set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignIn {
    /// The provider; absent: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// The address that the provider must know as redirect URI of this hub.
    pub redirect: String,
}

/// How a step of a try went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Well.
    Well,
    /// It may not work.
    Doubtful,
    /// It does not work.
    Failed,
    /// It was not tried, as an earlier step failed.
    Untried,
}

/// A step of a try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInStep {
    /// What was tried.
    pub what: String,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What came of trying a provider. That somebody can log in is shown by logging in only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInTest {
    /// Whether no step failed.
    pub works: bool,
    /// What was tried, in order.
    pub steps: Vec<SignInStep>,
    /// The address that the provider must know as redirect URI of this hub.
    pub redirect: String,
}
