//! Policies of images: what the hub keeps, held against scans that are sent to it, and tried on all that is there.

use crate::{
    Hub,
    error::{Answer, ApiError},
};
use gabion_api::rest::{Image, PolicyBreach, PolicyRuleTrial, PolicySays, PolicyTrial, ScanGate};
use gabion_model::ScanReport;
use gabion_policy::{Action, Owners, Policy, RuleOutcome, Stage, apply, decide_at};
use gabion_store::state::{ImageFilter, Paging, Scope, severity};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedSemaphorePermit;

/// No text is longer, in bytes.
const MAX_TEXT: usize = 256 << 10;
/// Images that are told by name.
const MAX_TOLD: usize = 200;
/// A trial takes no longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A policy as it is kept: with a name that can stand in a path.
pub(crate) fn read(text: &str) -> Result<Policy, String> {
    if text.len() > MAX_TEXT {
        return Err(format!("it is longer than {MAX_TEXT} bytes"));
    }
    Policy::parse("policy", text).map_err(|error| error.to_string())
}

/// The name of a policy that is to be kept.
pub(crate) fn name(policy: &Policy) -> Result<String, String> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let name = policy.name.as_str();
    // `try` is what one does with a policy, at the same place.
    if name.is_empty() || name.len() > 63 || name.starts_with('.') || name == "try" || !name.chars().all(good)
    {
        return Err(format!(
            "name: {name:?} is none for a policy of a hub: up to 63 of a-z, 0-9, dot, underscore and hyphen"
        ));
    }
    Ok(name.to_owned())
}

/// What all rules say of a report, each at its own stage, in the order of the policy.
fn outcomes(
    report: &ScanReport,
    policy: &Policy,
    owners: Option<&Owners>,
    now: Timestamp,
) -> Vec<RuleOutcome> {
    let stages = [Stage::Build, Stage::Deploy, Stage::Runtime];
    let decisions = stages.map(|stage| {
        let asked = policy.rules.iter().any(|rule| rule.stage == stage);
        asked.then(|| decide_at(stage, report, policy, owners, now).rules)
    });
    let of = |(index, stage): (usize, Stage)| {
        let at = stages.iter().position(|known| *known == stage)?;
        decisions[at].as_ref().map(|rules| rules[index].clone())
    };
    policy.rules.iter().map(|rule| rule.stage).enumerate().filter_map(of).collect()
}

fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

impl Hub {
    /// What the policies say of a scan that is no image anywhere yet: their rules for the stage build.
    pub(crate) async fn gates(&self, report: &ScanReport, now: Timestamp) -> Answer<Vec<ScanGate>> {
        let mut gates = Vec::new();
        for (name, kept) in self.state.policies().await? {
            // It was read before it was kept; a later program may be stricter.
            let policy = match read(&kept.text) {
                Ok(policy) => policy,
                Err(why) => {
                    let detail = format!("cannot tell: the policy cannot be read: {why}");
                    gates.push(ScanGate { gate: format!("policy {name}"), passed: false, detail });
                    continue;
                }
            };
            for rule in decide_at(Stage::Build, report, &policy, self.matcher.owners(), now).rules {
                if let Some((passed, detail)) = rule.verdict() {
                    gates.push(ScanGate { gate: format!("policy {name} rule {}", rule.id), passed, detail });
                }
            }
        }
        Ok(gates)
    }

    /// Holds a policy against the images that are there, with the exceptions that are in force.
    pub(crate) async fn try_policy(&self, text: &str, all: bool, scope: &Scope) -> Answer<PolicyTrial> {
        let policy = match read(text) {
            Ok(policy) => Arc::new(policy),
            Err(problem) => return Ok(PolicyTrial { problem: Some(problem), ..PolicyTrial::default() }),
        };
        // What is being computed goes on when nobody waits for it any more, and so does its turn.
        let turn = Arc::clone(&self.trying).acquire_owned().await;
        let turn = Arc::new(turn.map_err(|error| ApiError::Broken(error.to_string()))?);
        let mut trial =
            PolicyTrial { rules: policy.rules.iter().map(nothing_yet).collect(), ..PolicyTrial::default() };
        let wanted = ImageFilter { running: (!all).then_some(true), ..ImageFilter::default() };
        let mut paging = Paging { sort: "-running".to_owned(), limit: 500, cursor: None };
        let start = Instant::now();
        loop {
            let page = self.state.images(&wanted, scope, &paging).await?;
            for image in page.items {
                if start.elapsed() > PATIENCE {
                    trial.left += 1;
                } else if let Some(rules) = self.hold(&policy, &image, &turn).await? {
                    count(&mut trial, &policy, image, &rules);
                } else {
                    trial.unscanned += 1;
                }
            }
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                return Ok(trial);
            }
        }
    }

    /// What the rules of a policy say of an image. None if nobody has scanned it.
    async fn hold(
        &self,
        policy: &Arc<Policy>,
        image: &Image,
        turn: &Arc<OwnedSemaphorePermit>,
    ) -> Answer<Option<Vec<RuleOutcome>>> {
        let Some(packed) = self.state.packed_report(&image.id).await? else { return Ok(None) };
        let broken = |error: &dyn std::fmt::Display| ApiError::Broken(error.to_string());
        let unpack = tokio::task::spawn_blocking(move || packed.unpack());
        let mut report = unpack.await.map_err(|error| broken(&error))??;
        let now = self.now();
        let exceptions = self.exceptions_for(&report, &image.name, now).await?;
        let now = Timestamp::from_millisecond(now).map_err(|error| broken(&error))?;
        let (hub, policy, turn) = (self.clone(), Arc::clone(policy), Arc::clone(turn));
        let decide = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            apply(&mut report, &exceptions, day(now), 0);
            outcomes(&report, &policy, hub.matcher.owners(), now)
        });
        Ok(Some(decide.await.map_err(|error| broken(&error))?))
    }
}

fn nothing_yet(rule: &gabion_policy::Rule) -> PolicyRuleTrial {
    PolicyRuleTrial {
        rule: rule.id.clone(),
        stage: rule.stage.as_str().to_owned(),
        severity: severity(rule.severity),
        stops: rule.action == Action::Fail,
        broken: 0,
        unknown: 0,
        passed: 0,
        not_for: 0,
    }
}

fn count(trial: &mut PolicyTrial, policy: &Policy, image: Image, rules: &[RuleOutcome]) {
    use gabion_policy::Outcome;
    trial.images += 1;
    let (mut stopped, mut says) = (false, Vec::new());
    for (line, rule) in trial.rules.iter_mut().zip(rules) {
        match rule.outcome {
            Outcome::Failed | Outcome::Warned => line.broken += 1,
            Outcome::CannotTell => line.unknown += 1,
            Outcome::Passed => line.passed += 1,
            Outcome::NotApplicable => line.not_for += 1,
        }
        stopped |= rule.breaks();
        if rule.breaks() || rule.outcome == Outcome::Warned {
            let outcome = rule.outcome.as_str().to_owned();
            says.push(PolicySays { rule: rule.id.clone(), outcome, reason: rule.reason.clone() });
        }
    }
    debug_assert_eq!(rules.len(), policy.rules.len(), "each rule says something");
    trial.stopped += u64::from(stopped);
    if !says.is_empty() && trial.broken.len() < MAX_TOLD {
        let Image { id, name, owner, running, .. } = image;
        trial.broken.push(PolicyBreach { image: id, name, owner, running, stopped, rules: says });
    }
}
