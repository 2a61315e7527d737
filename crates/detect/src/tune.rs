//! What to do about an alert that is none: an exception of its rule, as narrow as it can be and still good for the next replica.
//!
//! ```text
//!   alert ──► facts: the fields that stay the same when it happens again (program, parent, image, file, ...)
//!               └──► exception of the rule on those fields ──► which earlier alerts would it have silenced?
//! ```

use crate::alert::{Alert, ContainerFacts, Object, ProcessFacts};
use gabion_model::event::InImage;
use serde_json::json;
use std::collections::BTreeMap;

/// The fields of which exceptions are made, the ones that narrow most first.
const FIELDS: [&str; 9] = [
    "container.image.repository",
    "k8s.ns.name",
    "proc.exepath",
    "proc.pname",
    "fd.name",
    "fd.rip",
    "fd.rport",
    "user.name",
    "container.name",
];
/// Those that are used unless others are wanted: what a replica in another pod has, too.
const USUAL: [&str; 5] =
    ["container.image.repository", "k8s.ns.name", "proc.exepath", "proc.pname", "fd.name"];

/// The fields of an alert of which an exception can be made, with their values as rules see them.
pub fn facts(alert: &Alert) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let mut fact = |field: &str, value: &[u8]| {
        // What is not UTF-8 cannot be written in a rule file.
        if let Ok(text) = std::str::from_utf8(value)
            && !text.is_empty()
        {
            facts.insert(field.to_owned(), text.to_owned());
        }
    };
    if let Some(process) = alert.processes.first() {
        // A program that was brought in may be anything, whatever it is called.
        if !process.memfd && process.in_image != InImage::No {
            fact("proc.exepath", &process.path);
        }
        fact("user.name", process.user.as_deref().unwrap_or_default());
    }
    if let Some(ProcessFacts { name, .. }) = alert.processes.get(1) {
        fact("proc.pname", name);
    }
    match &alert.object {
        Object::File(path) => fact("fd.name", path),
        Object::Connection { remote: Some(remote), .. } => {
            fact("fd.rip", remote.address.to_string().as_bytes());
            fact("fd.rport", remote.port.to_string().as_bytes());
        }
        Object::Connection { .. } | Object::None => {}
    }
    if let Some(ContainerFacts::Known(container)) = &alert.container {
        fact("container.image.repository", container.image.repository.as_bytes());
        fact("container.name", container.name.as_bytes());
        if let Some(pod) = &container.pod {
            fact("k8s.ns.name", pod.namespace.as_bytes());
        }
    }
    facts
}

/// An exception of a rule: the fields, with the values for which it does not match any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The rule.
    pub rule: String,
    /// Its fields, with the values.
    pub fields: Vec<(String, String)>,
}

/// Why no exception can be made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TuneError {
    /// The alert has no value for a field that is wanted.
    #[error("the alert has no {0}; it has {1}")]
    NoField(String, String),
    /// Nothing is left that would narrow it.
    #[error("the alert has no fields that tell it from others; an exception would silence the whole rule")]
    Nothing,
}

impl Proposal {
    /// The exception for an alert. `wanted` names fields; without any, those that are usual and known are taken.
    pub fn new(rule: &str, facts: &BTreeMap<String, String>, wanted: &[String]) -> Result<Self, TuneError> {
        let names: Vec<&str> = if wanted.is_empty() {
            USUAL.into_iter().filter(|name| facts.contains_key(*name)).collect()
        } else {
            wanted.iter().map(String::as_str).collect()
        };
        let mut fields = Vec::new();
        for name in names {
            let known =
                || FIELDS.into_iter().filter(|name| facts.contains_key(*name)).collect::<Vec<_>>().join(", ");
            let value = facts.get(name).ok_or_else(|| TuneError::NoField(name.to_owned(), known()))?;
            fields.push((name.to_owned(), value.clone()));
        }
        if fields.is_empty() {
            return Err(TuneError::Nothing);
        }
        Ok(Self { rule: rule.to_owned(), fields })
    }

    /// Whether it would have silenced an alert.
    pub fn silences(&self, rule: &str, facts: &BTreeMap<String, String>) -> bool {
        self.rule == rule && self.fields.iter().all(|(field, value)| facts.get(field) == Some(value))
    }

    /// A rule file that says so. `name` is the exception's own.
    pub fn yaml(&self, name: &str) -> String {
        // Text in JSON is text in YAML.
        let list = |items: &mut dyn Iterator<Item = &String>| {
            items.map(|item| json!(item).to_string()).collect::<Vec<_>>().join(", ")
        };
        let values: Vec<String> = self.fields.iter().map(|(_, value)| literal(value)).collect();
        let comps = vec!["="; self.fields.len()].join(", ");
        format!(
            "- rule: {}\n  exceptions:\n    - name: {name}\n      fields: [{}]\n      comps: [{comps}]\n      values:\n        - [{}]\n  override:\n    exceptions: append\n",
            json!(self.rule),
            list(&mut self.fields.iter().map(|(field, _)| field)),
            list(&mut values.iter()),
        )
    }
}

/// A value as a condition has it: in quotes, if it is more than a plain word.
fn literal(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._:@+-".contains(&byte);
    if value.bytes().all(plain) {
        return value.to_owned();
    }
    // A quote behind a backslash never closes, so no backslash stays as it is.
    let escaped =
        value.replace('\\', "\\x5c").replace('"', "\\x22").replace('\n', "\\n").replace('\r', "\\r");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::Fields,
        rules::{RuleFile, load},
    };

    fn facts_of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_proposal_loads_beside_its_rule_whatever_the_values_are() {
        let rule = "- rule: \"Odd: name\"\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: NOTICE\n";
        let odd = "/opt/a \"b\": [c], 'd' # e\\f\n\\";
        let facts = facts_of(&[("proc.exepath", odd), ("proc.pname", "sh"), ("container.name", "web")]);
        let proposal = Proposal::new("Odd: name", &facts, &[]).expect("proposes");
        assert_eq!(proposal.fields.len(), 2, "the name of the container is not for replicas");
        let file = |name: &str, text: &str| RuleFile {
            name: name.to_owned(),
            content: Ok(text.as_bytes().to_vec()),
        };
        let loaded = load(&[file("rule", rule), file("tuned", &proposal.yaml("tuned_1"))], &Fields);
        assert_eq!(loaded.diagnostics, [], "{}", proposal.yaml("tuned_1"));
        assert_eq!(loaded.rules.rules[0].exceptions[0].values, 1);
        assert!(
            format!("{:?}", loaded.rules.rules[0].condition).contains("# e"),
            "the value is in the condition"
        );
    }

    #[test]
    fn it_silences_what_is_alike_and_nothing_else() {
        let facts =
            facts_of(&[("proc.exepath", "/bin/sh"), ("proc.pname", "nginx"), ("container.name", "web")]);
        let proposal = Proposal::new("Shell", &facts, &[]).expect("proposes");
        let replica =
            facts_of(&[("proc.exepath", "/bin/sh"), ("proc.pname", "nginx"), ("container.name", "web-2")]);
        let other = facts_of(&[("proc.exepath", "/bin/sh"), ("proc.pname", "java")]);
        assert!(proposal.silences("Shell", &replica));
        assert!(!proposal.silences("Shell", &other) && !proposal.silences("Other", &replica));
        let narrow = Proposal::new("Shell", &facts, &["container.name".to_owned()]).expect("proposes");
        assert!(!narrow.silences("Shell", &replica));
        assert!(matches!(
            Proposal::new("Shell", &facts, &["fd.name".to_owned()]),
            Err(TuneError::NoField(..))
        ));
        assert_eq!(Proposal::new("Shell", &BTreeMap::new(), &[]), Err(TuneError::Nothing));
    }
}
