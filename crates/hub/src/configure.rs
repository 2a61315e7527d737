//! What nodes are to judge by, and bringing them there.
//!
//! ```text
//!   status of a node: "I have v3-…" ──► is it what it is to have? ──no──► asked to take that ──► taken, or refused with a reason
//!                                                  └──yes──► kept as applied
//! ```
//! A node that was away is brought there when it is heard again; one that has refused a version is asked again when its agent has started anew.

use crate::Hub;
use futures_util::future::join_all;
use gabion_api::rest::{ConfigurationCheck, ConfiguredState, Topic};
use gabion_store::state::{InForce, StateError, Texts};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long an agent may take to read and apply it.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nodes that read a version before it is rolled out.
const READERS: usize = 3;
/// No reason is kept longer, in bytes.
const MAX_WHY: usize = 4000;

/// What is known of it beside the state, so that a status costs no question to the database.
#[derive(Debug, Default)]
pub(crate) struct Configurations(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The newest first.
    in_force: Vec<InForce>,
    /// By node: what it has said to have.
    has: HashMap<String, String>,
    /// By node: what it has answered to which version.
    answered: HashMap<String, (String, ConfiguredState)>,
    /// Nodes that are being asked.
    asked: HashSet<String>,
}

/// The part of an agent's status that matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    configuration: String,
}

impl Configurations {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent has started anew: what it refused it may take now.
    pub(crate) fn began(&self, node: &str) {
        let mut known = self.known();
        known.has.remove(node);
        if known.answered.get(node).is_some_and(|(_, state)| *state == ConfiguredState::Refused) {
            known.answered.remove(node);
        }
    }
}

impl Hub {
    /// Reads which versions are in force.
    pub(crate) async fn read_configurations(&self) -> Result<(), StateError> {
        let in_force = self.state.configurations_in_force().await?;
        self.configurations.known().in_force = in_force;
        Ok(())
    }

    /// Something about versions has changed: whoever is connected is brought there.
    pub(crate) async fn configurations_changed(&self) -> Result<(), StateError> {
        self.live.tell(Topic::Configurations);
        self.bring_all().await
    }

    /// Reads which versions are in force, and brings whoever is connected here to have them.
    pub(crate) async fn bring_all(&self) -> Result<(), StateError> {
        self.read_configurations().await?;
        for node in self.desk.connected() {
            let has = self.configurations.known().has.get(&node).cloned();
            if let Some(has) = has {
                self.bring(&node, &has).await?;
            }
        }
        Ok(())
    }

    /// An agent has said how it does.
    pub(crate) async fn heard_of_configuration(&self, node: &str, status: &[u8]) -> Result<(), StateError> {
        // An agent that is just starting says nothing.
        let Ok(said) = serde_json::from_slice::<Said>(status) else { return Ok(()) };
        self.configurations.known().has.insert(node.to_owned(), said.configuration.clone());
        // One that cannot use any more what it had taken has nothing, is asked to take it, and says why not.
        self.bring(node, &said.configuration).await
    }

    async fn bring(&self, node: &str, has: &str) -> Result<(), StateError> {
        let Some(name) = self.state.node_name(node).await? else { return Ok(()) };
        let wanted = {
            let mut known = self.configurations.known();
            let wanted = known.in_force.iter().find(|version| version.is_for(&name)).cloned();
            let wanted_name = wanted.as_ref().map_or("", |wanted| wanted.name.as_str());
            let answered =
                known.answered.get(node).filter(|(to, _)| to == wanted_name).map(|(_, state)| *state);
            match answered {
                Some(ConfiguredState::Applied) if has == wanted_name => return Ok(()),
                Some(ConfiguredState::Refused) => return Ok(()),
                _ if has == wanted_name => None,
                _ if !known.asked.insert(node.to_owned()) => return Ok(()),
                _ => Some(wanted),
            }
        };
        let Some(wanted) = wanted else {
            return self.answered(node, has, ConfiguredState::Applied, "").await;
        };
        let (hub, node) = (self.clone(), node.to_owned());
        tokio::spawn(async move {
            let done = hub.lead.while_there(hub.send_configuration(&node, wanted.as_ref())).await;
            hub.configurations.known().asked.remove(&node);
            if let Some(Err(error)) = done {
                hub.note(&format!("node {node} could not be told what to judge by: {error}"));
            }
        });
        Ok(())
    }

    async fn send_configuration(&self, node: &str, wanted: Option<&InForce>) -> Result<(), StateError> {
        let name = wanted.map_or("", |wanted| wanted.name.as_str());
        let texts = match wanted {
            Some(wanted) => self.state.configuration_texts(wanted.version).await?,
            None => Texts::default(),
        };
        let question = question(name, &texts, false).to_string().into_bytes();
        // Whoever does not answer is asked again when it is heard of.
        let Ok(answer) = self.desk.ask(node, question, PATIENCE).await else { return Ok(()) };
        match refusal(&answer) {
            None => {
                self.configurations.known().has.insert(node.to_owned(), name.to_owned());
                self.answered(node, name, ConfiguredState::Applied, "").await
            }
            Some(why) => self.answered(node, name, ConfiguredState::Refused, &why).await,
        }
    }

    async fn answered(
        &self,
        node: &str,
        name: &str,
        state: ConfiguredState,
        why: &str,
    ) -> Result<(), StateError> {
        self.state.configured(node, name, state, why, self.now()).await?;
        self.configurations.known().answered.insert(node.to_owned(), (name.to_owned(), state));
        if state == ConfiguredState::Refused {
            self.note(&format!("node {node} refuses {name}: {why}"));
        }
        self.live.tell(Topic::Configurations);
        Ok(())
    }

    /// Lets nodes that it would be for read it, a few of them; nothing is kept.
    pub(crate) async fn try_configuration(
        &self,
        texts: &Texts,
        is_for: impl Fn(&str) -> bool,
    ) -> Result<ConfigurationCheck, StateError> {
        let mut readers = Vec::new();
        let mut nodes = self.desk.connected();
        if !self.lead.is_alone() {
            nodes.extend(
                self.state.nodes_elsewhere(&self.together.id).await?.into_iter().map(|(node, _)| node),
            );
        }
        for node in nodes {
            let name = self.state.node_name(&node).await?;
            readers.extend(name.filter(|name| is_for(name)).map(|name| (node, name)));
            if readers.len() == READERS {
                break;
            }
        }
        let question = question("check", texts, true).to_string().into_bytes();
        let asked = readers.into_iter().map(|(node, name)| {
            let question = question.clone();
            async move { (name, self.ask_node(&node, question, PATIENCE).await) }
        });
        // Who does not answer has not read it.
        let answers =
            join_all(asked).await.into_iter().filter_map(|(name, answer)| Some((name, answer.ok()?)));
        Ok(judged(answers))
    }
}

/// What nodes that have read a version say of it.
fn judged(answers: impl Iterator<Item = (String, Vec<u8>)>) -> ConfigurationCheck {
    let mut check = ConfigurationCheck::default();
    for (name, answer) in answers {
        match refusal(&answer) {
            Some(why) => check.refused_by.push(format!("{name}: {why}")),
            None => check.rules = number_of_rules(&answer),
        }
        check.read_by.push(name);
    }
    // What one node cannot use may suit the others; what nobody can use is wrong.
    if check.refused_by.len() == check.read_by.len() {
        check.problems = std::mem::take(&mut check.refused_by);
    }
    check
}

/// What a node is asked to judge by, or to read only.
pub(crate) fn question(name: &str, texts: &Texts, dry_run: bool) -> Value {
    let Texts { rules, policy, responses, baselines } = texts;
    let mut configuration = json!({"name": name, "rules": rules, "policy": policy, "responses": responses});
    // Older agents know of none here, and can do with all else.
    if !baselines.is_empty() {
        configuration["baselines"] = json!(baselines);
    }
    json!({"ask": "configure", "configuration": configuration, "dry-run": dry_run})
}

/// Why an agent has refused; none if it has not.
fn refusal(answer: &[u8]) -> Option<String> {
    let answer: Value = match serde_json::from_slice(answer) {
        Ok(answer) => answer,
        Err(error) => return Some(format!("its answer is not understood: {error}")),
    };
    let why = answer.get("error")?.as_str().unwrap_or("it gives no reason");
    for (unknown, of) in [
        ("unknown variant `configure`", "roll-outs"),
        ("unknown field `baselines`", "roll-outs of baselines"),
    ] {
        if why.contains(unknown) {
            return Some(format!("its agent is older than {of}: upgrade it"));
        }
    }
    Some(why.char_indices().take_while(|(at, _)| *at < MAX_WHY).map(|(_, c)| c).collect())
}

fn number_of_rules(answer: &[u8]) -> u64 {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    answer["done"]["rules"].as_u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answers: &[(&str, &str)]) -> ConfigurationCheck {
        judged(answers.iter().map(|(name, answer)| ((*name).to_owned(), answer.as_bytes().to_vec())))
    }

    #[test]
    fn what_one_node_cannot_use_is_told_and_what_nobody_can_use_is_wrong() {
        let (well, own) = (r#"{"done":{"rules":52}}"#, r#"{"error":"this node has policies of its own"}"#);
        let some = said(&[("a", well), ("b", own)]);
        assert_eq!((some.rules, some.problems.len(), some.read_by.len()), (52, 0, 2));
        assert_eq!(some.refused_by, ["b: this node has policies of its own"]);
        let all = said(&[("b", own), ("c", "nonsense")]);
        assert_eq!((all.problems.len(), all.refused_by.len()), (2, 0));
        assert_eq!(said(&[]), ConfigurationCheck::default(), "nobody has read it");
    }

    #[test]
    fn an_agent_of_an_older_version_says_so() {
        let answer = br#"{"error":"unknown variant `configure`, expected one of `status`"}"#;
        assert!(refusal(answer).is_some_and(|why| why.contains("older")));
        let answer =
            br#"{"error":"the question is not understood: unknown field `baselines`, expected one of"}"#;
        assert!(refusal(answer).is_some_and(|why| why.contains("older than roll-outs of baselines")));
        assert_eq!(refusal(br#"{"error":7}"#).as_deref(), Some("it gives no reason"));
    }
}
