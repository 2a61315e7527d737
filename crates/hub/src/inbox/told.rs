//! What agents write, as the state takes it: lines of a journal, stories, containers. Only forms; nothing is asked or kept here.

use gabion_api::{agent, rest::Millis};
use gabion_detect::incident::{self, Connection, Way};
use gabion_model::Digest;
use gabion_store::state::{NewAlert, NewContainer, NewEnd, NewIncident, severity_of_priority};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Nanoseconds as milliseconds.
pub(super) const fn millis(nanos: u64) -> Millis {
    (nanos / 1_000_000).cast_signed()
}

/// A name is not longer, in bytes: a database has names in indexes, and PostgreSQL takes no more than 2704 bytes of a row there.
const LONGEST: usize = 512;

/// A name that can be kept. One that is too long is its beginning and, so that others that begin so are others, a hash of it.
pub(super) fn name(text: String) -> String {
    if text.len() <= LONGEST {
        return text;
    }
    let hash = crate::hex(&Sha256::digest(&text)[..8]);
    format!("{}~{hash}", &text[..text.floor_char_boundary(LONGEST - 17)])
}

pub(super) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// A line of an agent's journal.
#[derive(Debug, Deserialize)]
pub(super) struct Kept {
    pub(super) id: u64,
    time: u64,
    rule: String,
    priority: String,
    incident: Option<u64>,
    container: Option<String>,
    message: String,
    falco: serde_json::Value,
}

impl From<Kept> for NewAlert {
    fn from(kept: Kept) -> Self {
        let fields: BTreeMap<String, String> = kept.falco["output_fields"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            })
            .collect();
        let tags = kept.falco["tags"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let is_technique = |tag: &&str| {
            tag.len() >= 5 && tag.starts_with('T') && tag[1..].starts_with(|c: char| c.is_ascii_digit())
        };
        let container =
            fields.get("container.id").filter(|id| *id != "host" && !id.is_empty() && *id != "<NA>");
        Self {
            number: kept.id,
            time: millis(kept.time),
            techniques: tags.filter(is_technique).map(str::to_owned).collect(),
            program: fields
                .get("proc.exepath")
                .or_else(|| fields.get("proc.name"))
                .cloned()
                .unwrap_or_default(),
            // A container that is known by name only is looked up by it.
            container: container.cloned().or_else(|| kept.container.clone()).unwrap_or_default(),
            container_name: kept.container.unwrap_or_default(),
            rule: name(kept.rule),
            priority: kept.priority,
            incident: kept.incident,
            workload: None,
            message: kept.message,
            fields,
        }
    }
}

/// The part of an incident's story that stands in columns.
#[derive(Debug, Deserialize)]
pub(super) struct Story {
    id: u64,
    title: String,
    priority: String,
    began: u64,
    updated: u64,
    tactics: Vec<String>,
    techniques: Vec<String>,
    steps: Vec<Step>,
    /// Agents of earlier versions do not tell them.
    connections: Option<Vec<Connection>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Step {
    container: String,
}

/// An incident as it is kept; `text` is the whole story.
pub(super) fn incident(story: Story, text: String, picture: &[u8], skew: Option<Millis>) -> NewIncident {
    let places: BTreeSet<String> =
        story.steps.into_iter().map(|step| step.container).filter(|name| !name.is_empty()).collect();
    // The node itself is told as a place like the others, and is no container.
    let on_host = places.contains(incident::HOST);
    let containers = places.into_iter().filter(|name| name != incident::HOST).collect();
    let end = |one: Connection| NewEnd {
        begun: one.way == Way::Out,
        client: one.client,
        server: one.server,
        time: millis(one.time),
        program: one.program,
        container: if one.container == incident::HOST { String::new() } else { one.container },
    };
    NewIncident {
        number: story.id,
        title: story.title,
        severity: severity_of_priority(&story.priority),
        began: millis(story.began),
        updated: millis(story.updated),
        containers,
        on_host,
        skew,
        ends: story.connections.map(|all| all.into_iter().map(end).collect()),
        tactics: story.tactics,
        techniques: story.techniques,
        story: text,
        picture: String::from_utf8_lossy(picture).into_owned(),
    }
}

/// A container as an agent tells it, on a node of that name.
pub(super) fn container(node: &str, name: &str, told: agent::Container) -> NewContainer {
    let agent::Container {
        id,
        name: own,
        runtime,
        image_name,
        image_digest,
        image_id,
        labels,
        pod,
        namespace,
        pod_labels,
        workload,
        privileged,
        addresses,
        created,
        unknown,
        target,
        listens,
    } = told;
    let [own, image_name, pod, namespace, workload] =
        [own, image_name, pod, namespace, workload].map(self::name);
    // The configuration's digest names an image wherever it is; else its manifest's; a container of which neither is known stands for
    // itself, by its workload, so that the next one of the same name is the same image. What is no digest names nothing: a node
    // could call an image what another node is called.
    let digest = |text: String| if text.parse::<Digest>().is_ok() { text } else { String::new() };
    let (image_id, image_digest) = (digest(image_id), digest(image_digest));
    let image = if !image_id.is_empty() {
        image_id
    } else if !image_digest.is_empty() {
        image_digest.clone()
    } else if target.is_empty() {
        String::new()
    } else {
        format!("container:{node}/{workload}")
    };
    NewContainer {
        name: if own.is_empty() { id.chars().take(12).collect() } else { own },
        id,
        workload: if workload.is_empty() { name.to_owned() } else { workload },
        image,
        manifest: image_digest,
        image_name,
        runtime,
        namespace: some(namespace),
        pod: some(pod),
        privileged,
        addresses,
        labels: pod_labels.into_iter().chain(labels).collect(),
        listens,
        target,
        started: millis(created),
        unknown,
    }
}
