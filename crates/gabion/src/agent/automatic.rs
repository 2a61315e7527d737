//! Responses that alerts cause, from a file:
//!
//! ```yaml
//! - rules: [Program executed from memory]   # or priority: CRITICAL, or both
//!   containers: ["web-*"]                   # by name; any, if not given
//!   action: freeze                          # kill, kill-tree, kill-container, freeze, isolate, evidence
//!   evidence: true
//!   for: 30m                                # freeze and isolate end by themselves
//!   dry-run: false                          # true, if not given: it is only recorded what would have been done
//! ```

use super::respond::Wanted;
use crate::{clock, response::Action};
use anyhow::{Context, bail};
use gabion_detect::{
    alert::{Alert, ContainerFacts, RULING},
    engine::glob,
    rules::{Priority, RuleSet},
};
use jiff::SignedDuration;
use serde::Deserialize;
use std::{fs, net::IpAddr, path::Path};

/// No file of responses is larger, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// What lasts ends after this, unless the file says otherwise.
const LASTING: SignedDuration = SignedDuration::from_hours(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Kill,
    KillTree,
    KillContainer,
    Freeze,
    Isolate,
    Evidence,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    rules: Vec<String>,
    priority: Option<String>,
    #[serde(default)]
    containers: Vec<String>,
    action: Kind,
    #[serde(default)]
    peers: Vec<IpAddr>,
    #[serde(default)]
    evidence: bool,
    #[serde(rename = "for")]
    lasting: Option<String>,
    dry_run: Option<bool>,
}

/// When a response is caused, and which.
#[derive(Debug)]
pub(super) struct Cause {
    entry: Entry,
    priority: Option<Priority>,
    lasting: u64,
}

/// Reads a file. A rule that is not there would never cause anything, so it is refused.
pub(super) fn read(path: &Path, rules: &RuleSet) -> anyhow::Result<Vec<Cause>> {
    let told = || format!("cannot use {}", path.display());
    if fs::metadata(path).with_context(told)?.len() > MAX_FILE {
        bail!("{}: it is larger than {MAX_FILE} bytes", told());
    }
    parse(&path.display().to_string(), &fs::read_to_string(path).with_context(told)?, rules)
}

/// Reads what somebody else has read, and calls so.
pub(super) fn parse(what: &str, text: &str, rules: &RuleSet) -> anyhow::Result<Vec<Cause>> {
    // What enforcement tells is no rule, but an alert all the same.
    let known = |name: &str| name == RULING || rules.rules.iter().any(|rule| rule.name == name);
    causes(text, known).with_context(|| format!("cannot use {what}"))
}

fn causes(text: &str, known: impl Fn(&str) -> bool) -> anyhow::Result<Vec<Cause>> {
    let entries: Vec<Entry> = serde_saphyr::from_str(text)?;
    let mut causes = Vec::new();
    for (number, entry) in entries.into_iter().enumerate() {
        let number = number + 1;
        if entry.rules.is_empty() && entry.priority.is_none() {
            bail!("response {number} names neither rules nor a priority: it would answer every alert");
        }
        if let Some(rule) = entry.rules.iter().find(|rule| !known(rule)) {
            bail!("response {number}: there is no rule {rule:?}");
        }
        let priority = entry.priority.as_ref().map(|word| word.parse::<Priority>());
        let Ok(priority) = priority.transpose() else {
            bail!("response {number}: {:?} is no priority", entry.priority.unwrap_or_default());
        };
        let lasting = match &entry.lasting {
            Some(text) => clock::span(text).map_err(|error| anyhow::anyhow!("response {number}: {error}"))?,
            None => LASTING,
        };
        let lasting = u64::try_from(lasting.as_nanos()).unwrap_or(u64::MAX);
        causes.push(Cause { entry, priority, lasting });
    }
    Ok(causes)
}

impl Cause {
    /// The response to an alert, if it causes one. The host is never answered by itself.
    pub(super) fn wants(&self, alert: &Alert) -> Option<Wanted> {
        let Entry { rules, containers, action, peers, evidence, dry_run, .. } = &self.entry;
        let Some(ContainerFacts::Known(container)) = &alert.container else { return None };
        let named = rules.is_empty() || rules.contains(&alert.rule);
        let grave = self.priority.is_none_or(|least| alert.priority <= least);
        let is_name = |pattern: &String| glob::matches(pattern.as_bytes(), container.name.as_bytes(), false);
        if !named || !grave || !(containers.is_empty() || containers.iter().any(is_name)) {
            return None;
        }
        let (pid, start) = (alert.task.pid, alert.task.start);
        let container = container.id.clone();
        let action = match action {
            Kind::Kill => Action::Kill { pid, start },
            Kind::KillTree => Action::KillTree { pid, start },
            Kind::KillContainer => Action::KillContainer { container },
            Kind::Freeze => Action::Freeze { container },
            Kind::Isolate => Action::Isolate { container, peers: peers.clone() },
            Kind::Evidence => Action::Evidence { container },
        };
        Some(Wanted {
            action,
            by: format!("rule {}", alert.rule),
            reason: String::from_utf8_lossy(&alert.message).into_owned(),
            automatic: true,
            dry_run: dry_run.unwrap_or(true),
            evidence: *evidence || matches!(self.entry.action, Kind::Evidence),
            lasting: self.lasting,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_do_too_much_or_never_anything_is_refused() {
        for (text, reason) in [
            ("- action: kill\n", "every alert"),
            ("- rules: [Nowhere]\n  action: kill\n", "no rule \"Nowhere\""),
            ("- rules: [Here]\n  action: explode\n", "explode"),
            ("- priority: bad\n  action: kill\n", "no priority"),
            ("- rules: [Here]\n  action: freeze\n  for: soon\n", "length of time"),
            ("- rules: [Here]\n  action: freeze\n  forever: true\n", "forever"),
        ] {
            let error = causes(text, |name| name == "Here").expect_err(text);
            assert!(format!("{error:#}").contains(reason), "{text}: {error:#}");
        }
        let causes =
            causes("- rules: [Here]\n  action: isolate\n  peers: [10.0.0.1]\n", |_| true).expect("parses");
        assert_eq!(causes[0].lasting, 3600 * 1_000_000_000);
    }
}
