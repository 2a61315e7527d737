//! A policy held against a report.
//!
//! ```text
//!   stage, scope ──► not for this image: NotApplicable
//!   trigger, criteria, `when` ──► something meets them: Failed or Warned
//!                             ──► `when` cannot be computed: Failed or Warned
//!                             ──► nothing does, and all was looked at: Passed
//!                             ──► nothing does, but not all was looked at, or not all is known: CannotTell
//! ```
//!
//! What was not looked at is never a pass: `CannotTell` of a rule that fails is a no, unless the rule says
//! `allow_incomplete`. What an exception or VEX suppresses does not count, and is told.

use crate::{
    criteria::{Holds, ImageCriteria},
    decision::{Decision, Outcome, RuleOutcome},
    evidence::{coverage_gaps, gaps},
    exception::is_suppressed,
    expression::facts,
    owners::{Owners, has},
    pattern,
    policy::{Action, Policy, Rule, Scope, Stage, Trigger},
    subject::{Subject, day},
};
use cel::Value;
use gabion_model::ScanReport;
use jiff::{Timestamp, civil::Date};
use std::collections::BTreeMap;

/// Holds a policy against a report, at the stage build.
pub fn decide(report: &ScanReport, policy: &Policy, owners: Option<&Owners>, now: Timestamp) -> Decision {
    decide_at(Stage::Build, report, policy, owners, now)
}

/// Holds a policy against a report. Without owners, rules for images of some of them cannot tell.
pub fn decide_at(
    stage: Stage,
    report: &ScanReport,
    policy: &Policy,
    owners: Option<&Owners>,
    now: Timestamp,
) -> Decision {
    let bench = Bench::new(stage, report, owners, day(now));
    let rules: Vec<RuleOutcome> = policy.rules.iter().map(|rule| bench.outcome(rule)).collect();
    let stops = |rule: &RuleOutcome| {
        rule.action == Action::Fail && matches!(rule.outcome, Outcome::Failed | Outcome::CannotTell)
    };
    Decision { policy: policy.name.clone(), stage, passed: !rules.iter().any(stops), rules }
}

/// What rules are held against.
struct Bench<'a> {
    stage: Stage,
    report: &'a ScanReport,
    today: Date,
    subject: Subject<'a>,
    owners: Option<&'a Owners>,
    image: Value,
    coverage: Value,
}

/// What one rule has come upon.
#[derive(Default)]
struct Tally {
    findings: Vec<String>,
    packages: Vec<String>,
    image: bool,
    /// Suppressed findings that would count.
    excepted: usize,
    /// Why it could not be told, the first time, and how often.
    unknown: Option<String>,
    unknowns: usize,
    /// What is wrong with `when`, the first time.
    error: Option<String>,
}

impl Tally {
    /// Takes what was said of one thing; whether the rule is triggered by it.
    fn triggered(&mut self, answer: Result<Holds, String>) -> bool {
        match answer {
            Ok(Holds::Yes) => return true,
            Ok(Holds::No) => {}
            Ok(Holds::Unknown(why)) => {
                self.unknown.get_or_insert(why);
                self.unknowns += 1;
            }
            Err(why) => {
                self.error.get_or_insert(why);
            }
        }
        false
    }
}

impl<'a> Bench<'a> {
    fn new(stage: Stage, report: &'a ScanReport, owners: Option<&'a Owners>, today: Date) -> Self {
        let subject = Subject::of(report);
        let image = facts::image(&subject, report, today);
        let coverage = facts::coverage(&report.coverage);
        Self { stage, report, today, subject, owners, image, coverage }
    }

    fn outcome(&self, rule: &Rule) -> RuleOutcome {
        let (outcome, reason, tally) = if rule.stage == self.stage {
            match self.in_scope(&rule.scope) {
                Holds::No => {
                    (Outcome::NotApplicable, "the image is not in its scope".into(), Tally::default())
                }
                Holds::Unknown(why) => (Outcome::CannotTell, why, Tally::default()),
                Holds::Yes => {
                    let tally = self.gather(rule);
                    let (outcome, reason) = self.judge(rule, &tally);
                    (outcome, reason, tally)
                }
            }
        } else {
            let reason = format!("it is for the stage {}", rule.stage.as_str());
            (Outcome::NotApplicable, reason, Tally::default())
        };
        RuleOutcome {
            id: rule.id.clone(),
            description: rule.description.clone(),
            severity: rule.severity,
            action: rule.action,
            outcome,
            reason,
            findings: tally.findings,
            packages: tally.packages,
        }
    }

    fn in_scope(&self, scope: &Scope) -> Holds {
        let Scope { images, labels, owner } = scope;
        let names = self.subject.names();
        if !images.is_empty() && !pattern::any(images, names.iter().map(String::as_str)) {
            return Holds::No;
        }
        let config = self.report.config.as_ref().map(|config| &config.labels);
        let labelled = match config {
            _ if labels.is_empty() => Holds::Yes,
            None => Holds::Unknown("the labels of the image are not known".into()),
            Some(config) => labels.iter().all(|(label, value)| has(config, label, value)).into(),
        };
        labelled.and(|| match self.owners {
            _ if owner.is_empty() => Holds::Yes,
            None => {
                Holds::Unknown("whose the image is is not known without a file of owners (--owners)".into())
            }
            Some(owners) if owners.ask_where(names, config.unwrap_or(&BTreeMap::new())) => Holds::Unknown(
                "whose the image is depends on where it runs, which a scan does not know".into(),
            ),
            Some(owners) => match (owners.owner_of(names, config.unwrap_or(&BTreeMap::new())), config) {
                (Some(is), _) => pattern::any(owner, [is]).into(),
                (None, Some(_)) => Holds::No,
                (None, None) => Holds::Unknown("the labels of the image are not known".into()),
            },
        })
    }

    /// Tries all that could trigger the rule.
    fn gather(&self, rule: &Rule) -> Tally {
        let mut tally = Tally::default();
        let image = Holds::from(rule.coverage.is_empty() || !coverage_gaps(rule, self.report).is_empty())
            .and(|| rule.image.hold(&self.subject, self.report, self.today));
        if image == Holds::No {
            return tally;
        }
        match &rule.trigger {
            Trigger::Image => tally.image = tally.triggered(self.ask(rule, image, None)),
            Trigger::Package(criteria) => {
                for package in &self.report.packages {
                    let holds = image.clone().and(|| criteria.hold(package));
                    let value = || ("pkg", facts::package(package));
                    if tally.triggered(self.ask(rule, holds, Some(&value))) {
                        tally.packages.push(package.purl(self.report.os.as_ref()));
                    }
                }
            }
            Trigger::Finding(criteria, package) => {
                for finding in &self.report.findings {
                    let of = || finding.vulnerability.as_ref().map_or(&[][..], |v| &v.packages);
                    let holds = image.clone().and(|| criteria.hold(finding, self.today)).and(|| {
                        package.as_ref().map_or(Holds::Yes, |p| p.hold_of_any(of(), &self.report.packages))
                    });
                    let value = || ("finding", facts::finding(finding, self.today));
                    let answer = self.ask(rule, holds, Some(&value));
                    if is_suppressed(finding, self.today) {
                        tally.excepted += usize::from(answer == Ok(Holds::Yes));
                    } else if tally.triggered(answer) {
                        tally.findings.push(finding.id.clone());
                    }
                }
            }
        }
        tally
    }

    /// What criteria and `when` say together; `when` is not computed if the criteria do not hold.
    fn ask(
        &self,
        rule: &Rule,
        criteria: Holds,
        value: Option<&dyn Fn() -> (&'static str, Value)>,
    ) -> Result<Holds, String> {
        let Some(when) = rule.when.as_ref().filter(|_| criteria != Holds::No) else { return Ok(criteria) };
        let mut variables = vec![("image", self.image.clone()), ("coverage", self.coverage.clone())];
        variables.extend(value.map(|value| value()));
        let holds = when.run(&variables).map_err(|why| format!("`when` cannot be computed: {why}"))?;
        Ok(Holds::from(holds).and(|| criteria))
    }

    /// What the image is, of all that a rule asks of it.
    fn image_words(&self, rule: &Rule) -> String {
        // Every field is named, so that none is forgotten.
        let ImageCriteria {
            root,
            users,
            registries,
            registries_except,
            bases,
            bases_except,
            age_days,
            size_mib,
            end_of_life,
        } = &rule.image;
        let subject = &self.subject;
        let user = self.report.config.as_ref().map_or("", |config| &config.user);
        let age = subject.age_days(self.today).unwrap_or_default();
        let facts = [
            root.map(|root| format!("the image {} as root", if root { "runs" } else { "does not run" })),
            (!users.is_empty()).then(|| format!("its user is {user:?}")),
            (!registries.is_empty() || !registries_except.is_empty())
                .then(|| format!("it is named at {}", subject.registries().join(", "))),
            (!bases.is_empty() || !bases_except.is_empty())
                .then(|| format!("its base image is {}", subject.base().unwrap_or_default())),
            age_days.map(|_| format!("it was made {age} days ago")),
            size_mib.map(|_| format!("it has {} MiB", subject.bytes() >> 20)),
            end_of_life.map(|ended| {
                let verb =
                    if ended { "gets no free security updates any more" } else { "still gets updates" };
                format!("its distribution {verb}")
            }),
            rule.when.as_ref().map(|_| "`when` is true of it".to_owned()),
        ];
        let facts: Vec<String> = facts.into_iter().flatten().collect();
        if facts.is_empty() { "the image is in its scope".to_owned() } else { facts.join(", ") }
    }

    fn judge(&self, rule: &Rule, tally: &Tally) -> (Outcome, String) {
        let broken = match rule.action {
            Action::Fail => Outcome::Failed,
            Action::Warn => Outcome::Warned,
        };
        let excepted = match tally.excepted {
            0 => String::new(),
            n => format!("; {n} more {} excepted", if n == 1 { "is" } else { "are" }),
        };
        let hits = [(tally.findings.len(), "finding"), (tally.packages.len(), "package")];
        if let Some((n, what)) = hits.into_iter().find(|(n, _)| *n > 0) {
            let s = if n == 1 { "" } else { "s" };
            return (broken, format!("{n} {what}{s}{excepted}"));
        }
        if tally.image {
            let gaps = coverage_gaps(rule, self.report);
            let reason = if gaps.is_empty() { self.image_words(rule) } else { gaps.join("; ") };
            return (broken, reason);
        }
        if let Some(error) = &tally.error {
            return (broken, error.clone());
        }
        let mut missing = gaps(rule, self.report);
        missing.extend(tally.unknown.as_ref().map(|why| match tally.unknowns {
            1 => why.clone(),
            n => format!("{why}, and {} more like it", n - 1),
        }));
        match (missing.is_empty(), rule.allow_incomplete) {
            (true, _) => (Outcome::Passed, format!("nothing found{excepted}")),
            (false, true) => {
                let missing = missing.join("; ");
                (Outcome::Passed, format!("nothing found in what could be looked at ({missing}){excepted}"))
            }
            (false, false) => (Outcome::CannotTell, format!("{}{excepted}", missing.join("; "))),
        }
    }
}
