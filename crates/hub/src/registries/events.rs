//! What registries say that something was pushed. Only which repository and tag is taken from it, and then asked for: what it says of
//! digests is believed by nobody.
//!
//! ```text
//!   Distribution   {"events": [{"action": "push", "target": {"repository": "shop/web", "tag": "1"}}]}
//!   Docker Hub     {"push_data": {"tag": "1"}, "repository": {"repo_name": "shop/web"}}
//!   Harbor         {"type": "PUSH_ARTIFACT", "event_data": {"repository": {"repo_full_name": "shop/web"}, "resources": [{"tag": "1"}]}}
//!   GitHub         {"registry_package": {"namespace": "shop", "name": "web", "package_version": {"container_metadata": {"tag": {"name": "1"}}}}}
//! ```

use serde::Deserialize;

/// Things that one message may tell of.
const MAX_EVENTS: usize = 100;

/// A repository and a tag that were pushed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pushed {
    pub(crate) repository: String,
    pub(crate) tag: String,
}

/// All forms at once: which it is, is told by what is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    events: Option<Vec<Event>>,
    push_data: Option<PushData>,
    repository: Option<HubRepository>,
    #[serde(rename = "type")]
    kind: Option<String>,
    event_data: Option<EventData>,
    registry_package: Option<GithubPackage>,
    /// The name that GitHub gave it before.
    package: Option<GithubPackage>,
    /// GitHub, to see whether it reaches us.
    zen: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    action: String,
    target: Target,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Target {
    repository: String,
    tag: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PushData {
    tag: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HubRepository {
    repo_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EventData {
    repository: HarborRepository,
    resources: Vec<Target>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HarborRepository {
    repo_full_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GithubPackage {
    namespace: String,
    name: String,
    package_version: Option<GithubVersion>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GithubVersion {
    container_metadata: Option<GithubContainer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GithubContainer {
    tag: Option<GithubTag>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GithubTag {
    name: String,
}

/// What a message tells of; nothing, if it is about something else.
pub(crate) fn parse(body: &[u8]) -> Result<Vec<Pushed>, String> {
    let message: Message =
        serde_json::from_slice(body).map_err(|error| format!("it is no message of a registry: {error}"))?;
    let mut pushed = Vec::new();
    let mut add = |repository: &str, tag: &str| {
        // A push by digest alone names no tag, and is none of ours.
        if !repository.is_empty() && !tag.is_empty() {
            pushed.push(Pushed { repository: repository.to_owned(), tag: tag.to_owned() });
        }
    };
    if let Some(events) = &message.events {
        for event in events.iter().filter(|event| event.action == "push") {
            add(&event.target.repository, &event.target.tag);
        }
    } else if let Some(data) = &message.event_data {
        if message
            .kind
            .as_deref()
            .is_some_and(|kind| matches!(kind, "PUSH_ARTIFACT" | "pushImage" | "REPLICATION"))
        {
            for resource in &data.resources {
                add(&data.repository.repo_full_name, &resource.tag);
            }
        }
    } else if let (Some(data), Some(repository)) = (&message.push_data, &message.repository) {
        add(&repository.repo_name, &data.tag);
    } else if let Some(package) = message.registry_package.or(message.package) {
        let tag = package.package_version.and_then(|version| version.container_metadata?.tag);
        let name = package.name.to_lowercase();
        let repository = match package.namespace.to_lowercase() {
            namespace if namespace.is_empty() || name.starts_with(&format!("{namespace}/")) => name,
            namespace => format!("{namespace}/{name}"),
        };
        add(&repository, &tag.unwrap_or_default().name);
    } else if message.zen.is_none() {
        return Err("it is no message of a registry that is known".to_owned());
    }
    pushed.sort();
    pushed.dedup();
    if pushed.len() > MAX_EVENTS {
        return Err(format!("it tells of more than {MAX_EVENTS} things"));
    }
    Ok(pushed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> Vec<String> {
        let pushed = parse(text.as_bytes()).expect("a message");
        pushed.into_iter().map(|one| format!("{}:{}", one.repository, one.tag)).collect()
    }

    #[test]
    fn every_registry_is_understood() {
        let distribution = r#"{"events": [
            {"id": "1", "action": "push", "target": {"mediaType": "m", "digest": "sha256:aa", "repository": "shop/web", "tag": "2", "url": "u"}},
            {"id": "2", "action": "push", "target": {"digest": "sha256:aa", "repository": "shop/web"}},
            {"id": "3", "action": "pull", "target": {"repository": "shop/api", "tag": "1"}},
            {"id": "4", "action": "push", "target": {"repository": "shop/web", "tag": "2"}}]}"#;
        assert_eq!(told(distribution), ["shop/web:2"]);
        let hub = r#"{"callback_url": "https://x", "push_data": {"pushed_at": 1, "tag": "latest", "pusher": "p"},
            "repository": {"repo_name": "shop/web", "name": "web", "namespace": "shop"}}"#;
        assert_eq!(told(hub), ["shop/web:latest"]);
        let harbor = r#"{"type": "PUSH_ARTIFACT", "occur_at": 1, "operator": "admin", "event_data": {
            "resources": [{"digest": "sha256:aa", "tag": "1.0", "resource_url": "harbor.example/shop/web:1.0"}],
            "repository": {"name": "web", "namespace": "shop", "repo_full_name": "shop/web", "repo_type": "private"}}}"#;
        assert_eq!(told(harbor), ["shop/web:1.0"]);
        assert!(told(&harbor.replace("PUSH_ARTIFACT", "PULL_ARTIFACT")).is_empty());
        let github = r#"{"action": "published", "registry_package": {"name": "web", "namespace": "Shop", "package_type": "CONTAINER",
            "package_version": {"version": "sha256:aa", "container_metadata": {"tag": {"name": "v1", "digest": "sha256:aa"}}}}}"#;
        assert_eq!(told(github), ["shop/web:v1"]);
        assert!(told(r#"{"zen": "Keep it simple", "hook_id": 1}"#).is_empty());
    }

    #[test]
    fn what_is_something_else_is_told() {
        for text in ["", "[]", "{}", r#"{"events": 3}"#, r#"{"push_data": {"tag": "1"}}"#] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        let many: Vec<String> = (0..101)
            .map(|tag| format!(r#"{{"action": "push", "target": {{"repository": "a", "tag": "{tag}"}}}}"#))
            .collect();
        assert!(parse(format!(r#"{{"events": [{}]}}"#, many.join(",")).as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
