//! What a policy says of an image.

use crate::policy::{Action, Stage};
use gabion_model::Severity;
use serde::Serialize;

/// What a policy says of an image, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The name of the policy.
    pub policy: String,
    /// At which stage it was asked.
    pub stage: Stage,
    /// Whether no rule that fails was broken, and none could not be told.
    pub passed: bool,
    /// What each rule says, in the order of the policy.
    pub rules: Vec<RuleOutcome>,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleOutcome {
    /// The rule.
    pub id: String,
    /// Its description.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its severity.
    pub severity: Severity,
    /// Its action.
    pub action: Action,
    /// What it says.
    pub outcome: Outcome,
    /// Why, in one lower-case sentence.
    pub reason: String,
    /// Ids of the findings that break it, in the order of the report.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// Package URLs of the packages that break it, in the order of the report.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
}

impl RuleOutcome {
    /// Whether the rule makes the answer a no.
    pub fn breaks(&self) -> bool {
        match self.outcome {
            Outcome::Failed => true,
            Outcome::CannotTell => self.action == Action::Fail,
            Outcome::Passed | Outcome::Warned | Outcome::NotApplicable => false,
        }
    }

    /// Whether it passes, and what is to be said of it; none if it is for others.
    pub fn verdict(&self) -> Option<(bool, String)> {
        let detail = match self.outcome {
            Outcome::NotApplicable => return None,
            Outcome::Passed => String::new(),
            outcome => format!("{}: {}", outcome.as_str(), self.reason),
        };
        Some((!self.breaks(), detail))
    }
}

/// What a rule can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All that it speaks of was looked at, and nothing breaks it.
    Passed,
    /// It is broken, and that stops.
    Failed,
    /// It is broken, and that is told.
    Warned,
    /// It is for another stage or other images.
    NotApplicable,
    /// Nothing that is known breaks it, but not all is known.
    CannotTell,
}

impl Outcome {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Warned => "warned",
            Self::NotApplicable => "not applicable",
            Self::CannotTell => "cannot tell",
        }
    }
}
