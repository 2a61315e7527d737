//! Who may do what, and who has done what.

use super::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody may do; each may also do what those before may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To send scans, and nothing else: for a token of CI.
    Scanner,
    /// To look.
    Viewer,
    /// To plan, to make exceptions, to deal with alerts.
    Triager,
    /// To act on nodes: responses, baselines, rules, scans.
    Operator,
    /// To say who may do what.
    Admin,
}

impl Role {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scanner => "scanner",
            Self::Viewer => "viewer",
            Self::Triager => "triager",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Somebody wants in: by name and password, or by a token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The name; empty with a token.
    #[serde(default)]
    pub name: String,
    /// The password, or the token.
    pub secret: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("name", &self.name).field("secret", &"[redacted]").finish()
    }
}

/// Who is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// The name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Only what belongs to these owners; empty: all.
    pub owners: Vec<String>,
    /// Only these namespaces; empty: all.
    pub namespaces: Vec<String>,
    /// To be sent as `X-CSRF-Token` with whatever changes something; absent with a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csrf: Option<String>,
    /// The version of the hub.
    pub version: String,
}

/// Somebody who may come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Only what belongs to these owners; empty: all.
    pub owners: Vec<String>,
    /// Only these namespaces; empty: all.
    pub namespaces: Vec<String>,
    /// When it was made.
    pub created: Millis,
    /// When they came in last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Millis>,
    /// They may not come in at the moment.
    pub disabled: bool,
    /// The provider that vouches for them, and says at each log-in what they may do; absent: they have a password of this hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// A user to be made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// The password: at least 12 characters.
    pub password: String,
    /// What they may do.
    pub role: Role,
    /// Only what belongs to these owners.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Only these namespaces.
    #[serde(default)]
    pub namespaces: Vec<String>,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// What is to be different of a user; what is absent stays.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// What they may do.
    #[serde(default)]
    pub role: Option<Role>,
    /// Only what belongs to these owners.
    #[serde(default)]
    pub owners: Option<Vec<String>>,
    /// Only these namespaces.
    #[serde(default)]
    pub namespaces: Option<Vec<String>>,
    /// Whether they may not come in.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// A new password.
    #[serde(default)]
    pub password: Option<String>,
}

impl std::fmt::Debug for UserChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserChange").field("role", &self.role).finish_non_exhaustive()
    }
}

/// A new password of one's own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The old one.
    pub old: String,
    /// The new one: at least 12 characters.
    pub new: String,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange([redacted])")
    }
}

/// A token of the API, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Only what belongs to these owners; empty: all.
    pub owners: Vec<String>,
    /// Only these namespaces; empty: all.
    pub namespaces: Vec<String>,
    /// Who made it.
    pub by: String,
    /// When.
    pub created: Millis,
    /// Until when it is good.
    pub expires: Millis,
    /// When it was used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Millis>,
    /// The token itself: only in the answer to whoever makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do: at most what whoever makes it may.
    pub role: Role,
    /// Only what belongs to these owners.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Only these namespaces.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// For how many days it is good.
    pub days: u32,
}

/// A token by which nodes join, to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewJoinToken {
    /// For how many minutes it is good.
    pub minutes: u32,
    /// How many nodes may join by it.
    pub uses: u32,
}

/// A token by which nodes join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinToken {
    /// The token.
    pub token: String,
    /// What to type on the node.
    pub command: String,
    /// Until when it is good.
    pub expires: Millis,
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number.
    pub id: String,
    /// When.
    pub time: Millis,
    /// Who.
    pub by: String,
    /// From where.
    pub from: String,
    /// What: `exception.create`, `session.denied`, ...
    pub action: String,
    /// To what.
    pub target: String,
    /// More of it.
    pub detail: String,
}
