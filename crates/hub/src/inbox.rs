//! What agents send, into the state and the event store.

mod told;

use crate::{
    Hub,
    agents::{Inbox, JoinRefused, Unavailable},
    hex,
};
use gabion_api::{agent, rest::Topic};
use gabion_store::{
    events::StoredEvent,
    state::{NewAlert, NewContainer, NewEntry, NewFlow, NewNode, Seen, StateError},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};
use told::{Kept, Story, millis, some};

/// The runtime of a node itself, which is shown as one container more: what is wrong with the host is told in the same way.
const HOST: &str = "host";

/// No path is longer, in bytes, and no container has more of them.
const MAX_PATH: usize = 1024;
const MAX_LOADED: usize = 5000;
/// Programs of containers that are remembered, so that each is told to the database once.
const MAX_EXECUTED: usize = 100_000;

/// Which programs containers were seen to execute since the hub has started.
#[derive(Debug, Default)]
pub(crate) struct Executed(Mutex<HashSet<(String, String, String)>>);

impl Executed {
    fn is_new(&self, node: &str, container: &str, program: &str) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        !seen.contains(&(node.to_owned(), container.to_owned(), program.to_owned()))
    }

    /// The database has them.
    fn kept(&self, node: &str, container: &str, programs: BTreeSet<String>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_EXECUTED {
            // Then the database says what is known.
            seen.clear();
        }
        seen.extend(programs.into_iter().map(|program| (node.to_owned(), container.to_owned(), program)));
    }

    /// Then the database says what is known.
    pub(crate) fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn unavailable(error: impl std::fmt::Display) -> Unavailable {
    Unavailable(error.to_string())
}

/// What a node itself is called as a workload.
fn host_workload(name: &str) -> String {
    format!("host/{name}")
}

impl Hub {
    /// What a node itself is called as a workload.
    async fn host(&self, node: &str) -> Result<String, StateError> {
        Ok(host_workload(&self.state.node_name(node).await?.unwrap_or_else(|| node.to_owned())))
    }

    /// Asks for the scans that nobody has made yet.
    pub(crate) fn ask_scans(&self, node: &str, seen: &Seen) {
        for (image, target) in &seen.scan {
            // It is asked for again if it does not come.
            if let Err(error) = self.desk.scan(node, image, target) {
                self.note(&format!("the scan of {image} on {node} could not be asked for: {error}"));
            }
        }
    }

    /// Flows of events: who connected to whom, by name.
    async fn flows(&self, node: &str, events: &[StoredEvent]) -> Result<(), StateError> {
        let (mut flows, mut entries) = (Vec::new(), Vec::new());
        for event in events {
            let field =
                |name: &str| event.fields.get(name).map(String::as_str).filter(|value| *value != "<NA>");
            if event.kind == "dns"
                && let (Some(name), Some(addresses)) = (field("dns.name"), field("dns.addresses"))
            {
                for address in addresses.split(',').filter_map(|address| address.trim().parse().ok()) {
                    self.names.told(address, name, event.time);
                }
            }
            if matches!(event.kind.as_str(), "accept" | "accept4")
                && let Some(workload) = &event.workload
                && let Some(address) = field("fd.cip").and_then(|ip| ip.parse::<IpAddr>().ok())
                && let Some(port) = field("fd.sport").and_then(|port| port.parse::<u16>().ok())
                && self.names.is_outside(address)
            {
                let address = address.to_canonical().to_string();
                entries.push(NewEntry { workload: workload.clone(), port, address, time: event.time });
            }
            if event.kind != "connect" {
                continue;
            }
            let (Some(address), Some(port)) = (
                field("fd.sip").and_then(|ip| ip.parse::<IpAddr>().ok()),
                field("fd.sport").and_then(|port| port.parse::<u16>().ok()),
            ) else {
                continue;
            };
            if address.is_loopback() || address.is_unspecified() {
                continue;
            }
            let to = self.names.of(node, address);
            flows.push(NewFlow {
                source: event.workload.clone().unwrap_or_else(|| {
                    // It has spoken before it was told of.
                    format!("container {}", event.container.as_deref().unwrap_or("unknown"))
                }),
                target: told::name(to.name),
                kind: to.kind,
                port,
                protocol: field("fd.l4proto").unwrap_or("tcp").to_owned(),
                time: event.time,
                denied: field("evt.verdict") == Some("denied"),
            });
        }
        if !flows.is_empty() {
            self.state.keep_flows(&flows).await?;
        }
        // Whoever is found to be open to the world is told of at once; what lies behind is looked at every ten minutes.
        if !entries.is_empty() && self.state.keep_entries(&entries).await? {
            self.state.refresh_reach(self.now()).await?;
            self.live.tell(Topic::Workloads);
        }
        Ok(())
    }
}

impl Inbox for Hub {
    async fn until_away(&self) {
        self.lead.until_away().await;
    }

    fn has_room(&self) -> bool {
        Hub::has_room(self)
    }

    async fn join(&self, secret_hash: [u8; 32], name: &str, now: Timestamp) -> Result<String, JoinRefused> {
        self.is_there()?;
        let id = crate::random_id("n");
        let name: String = name.chars().filter(|c| !c.is_control()).take(253).collect();
        match self.state.join(&hex(&secret_hash), &id, &name, now.as_millisecond()).await {
            Ok(()) => {
                self.audit_by(&name, "", "node.join", &id, "")
                    .await
                    .map_err(|_| Unavailable("the audit log".to_owned()))?;
                self.live.tell(Topic::Nodes);
                Ok(id)
            }
            Err(StateError::Refused(_)) => Err(JoinRefused::Token),
            Err(error) => Err(unavailable(error).into()),
        }
    }

    async fn is_allowed(&self, node: &str) -> Result<bool, Unavailable> {
        self.is_there()?;
        self.state.is_allowed(node).await.map_err(unavailable)
    }

    async fn hello(&self, node: &str, hello: agent::Hello) -> Result<(), Unavailable> {
        let _turn = self.turn().await?;
        let agent::Hello { version, name, kernel, os, arch, features: _, time } = hello;
        self.skews.began(node);
        self.skews.told(node, time, self.now());
        let new = NewNode { name: told::name(name), version, kernel, os, arch };
        self.state.node_connected(node, &new, self.now()).await.map_err(unavailable)?;
        self.state.node_at(node, &self.together.id).await.map_err(unavailable)?;
        self.configurations.began(node);
        self.live.tell(Topic::Nodes);
        Ok(())
    }

    async fn left(&self, node: &str) {
        if let Some(Err(error)) = self.lead.while_there(self.state.node_left(node, &self.together.id)).await {
            self.note(&format!("that node {node} has left could not be kept: {error}"));
        }
        self.live.tell(Topic::Nodes);
    }

    async fn status(&self, node: &str, status: agent::Status) -> Result<(), Unavailable> {
        self.skews.told(node, status.time, self.now());
        let _turn = self.turn().await?;
        let json = String::from_utf8_lossy(&status.json).into_owned();
        self.state.node_status(node, &json, status.waiting, self.now()).await.map_err(unavailable)?;
        self.heard_of_configuration(node, &status.json).await.map_err(unavailable)
    }

    async fn inventory(&self, node: &str, inventory: agent::Inventory) -> Result<(), Unavailable> {
        let _turn = self.room().await?;
        let now = self.now();
        let name = self.state.node_name(node).await.map_err(unavailable)?.unwrap_or_else(|| node.to_owned());
        let mut addresses = Vec::new();
        let mut containers: Vec<NewContainer> = inventory
            .containers
            .into_iter()
            .map(|container| {
                let container = told::container(node, &name, container);
                let own = container.addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok());
                addresses.extend(
                    own.filter(|address| !address.is_loopback())
                        .map(|address| (address, container.workload.clone())),
                );
                container
            })
            .collect();
        self.names.containers(node, addresses);
        containers.push(NewContainer {
            id: format!("host:{node}"),
            name: name.clone(),
            workload: host_workload(&name),
            image: format!("host:{node}"),
            image_name: host_workload(&name),
            runtime: HOST.to_owned(),
            target: "dir:/".to_owned(),
            ..NewContainer::default()
        });
        let seen = self.state.inventory(node, &containers, now).await.map_err(unavailable)?;
        if seen.changed {
            self.trees.stale();
            self.live.tell(Topic::Workloads);
            self.live.tell(Topic::Findings);
        }
        // What cannot be found out now is when the hub looks again which images are not matched.
        self.match_again(&seen.moved, &mut HashSet::new()).await;
        self.ask_scans(node, &seen);
        Ok(())
    }

    async fn loaded(&self, node: &str, loaded: agent::Loaded) -> Result<(), Unavailable> {
        let _turn = self.room().await?;
        let agent::Loaded { container, paths } = loaded;
        let is_path = |path: &String| !path.is_empty() && path.len() <= MAX_PATH;
        let files = paths.into_iter().take(MAX_LOADED).filter(is_path).collect();
        self.keep_loaded(node, &container, &files).await.map(drop).map_err(unavailable)
    }

    async fn alerts(&self, node: &str, alerts: Vec<agent::Alert>) -> Result<u64, Unavailable> {
        let mut last = 0;
        let mut parsed = Vec::new();
        for alert in alerts {
            last = alert.id;
            match serde_json::from_slice::<Kept>(&alert.json) {
                Ok(kept) if kept.id == alert.id => parsed.push(NewAlert::from(kept)),
                // It would come again for ever.
                Ok(_) | Err(_) => self
                    .note(&format!("an alert of {node} is not understood and left out: number {}", alert.id)),
            }
        }
        let turn = self.room().await?;
        let host = self.host(node).await.map_err(unavailable)?;
        for alert in parsed.iter_mut().filter(|alert| alert.container.is_empty()) {
            alert.workload = Some(host.clone());
        }
        let events: Vec<StoredEvent> = self.stored_alerts(node, &parsed).await.map_err(unavailable)?;
        let kept = self.state.keep_alerts(node, &parsed, self.now()).await.map_err(unavailable)?;
        drop(turn);
        self.append(events).await?;
        self.live.tell(Topic::Alerts);
        Ok(kept.max(last))
    }

    async fn incident(&self, node: &str, told: agent::Incident) -> Result<(), Unavailable> {
        let _turn = self.room().await?;
        let text = String::from_utf8_lossy(&told.json).into_owned();
        let Ok(story) = serde_json::from_str::<Story>(&text) else {
            self.note(&format!("an incident of {node} is not understood and left out: number {}", told.id));
            return Ok(());
        };
        let new = told::incident(story, text, &told.picture, self.skews.of(node));
        self.state.keep_incident(node, &new, self.now()).await.map_err(unavailable)?;
        self.live.tell(Topic::Incidents);
        Ok(())
    }

    async fn events(&self, node: &str, events: Vec<agent::Event>) -> Result<u64, Unavailable> {
        let Some(last) = events.last().map(|event| event.number) else { return Ok(self.events.last(node)) };
        let mut known: BTreeMap<String, Option<(String, String)>> = BTreeMap::new();
        let turn = self.room().await?;
        let host = self.host(node).await.map_err(unavailable)?;
        let mut stored = Vec::with_capacity(events.len());
        let mut executed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in events {
            let path = event.program.trim_start_matches('/');
            if matches!(event.kind.as_str(), "execve" | "execveat")
                && !event.container.is_empty()
                && (1..=MAX_PATH).contains(&path.len())
                && self.executed.is_new(node, &event.container, path)
            {
                executed.entry(event.container.clone()).or_default().insert(path.to_owned());
            }
            if !event.container.is_empty() && !known.contains_key(&event.container) {
                let found = self.state.container_names(node, &event.container).await.map_err(unavailable)?;
                known.insert(event.container.clone(), found);
            }
            let (container, workload) = known.get(&event.container).cloned().flatten().unzip();
            let workload = if event.container.is_empty() { Some(host.clone()) } else { workload };
            stored.push(StoredEvent {
                source: node.to_owned(),
                number: event.number,
                time: millis(event.time),
                kind: event.kind,
                node: node.to_owned(),
                container: container.or_else(|| some(event.container.chars().take(12).collect())),
                workload,
                program: some(event.program),
                message: event.message,
                priority: None,
                fields: event.fields.into_iter().collect(),
            });
        }
        // What comes of events is kept before they are: what fails here comes again as a whole, and counted twice is better than never.
        // Those that were sent before are in the map already.
        let kept = self.events.last(node);
        let new: Vec<StoredEvent> = stored.iter().filter(|event| event.number > kept).cloned().collect();
        self.flows(node, &new).await.map_err(unavailable)?;
        for (container, files) in executed {
            // What was executed is loaded, too, also what is gone before anybody looks.
            if self.keep_loaded(node, &container, &files).await.map_err(unavailable)? {
                self.executed.kept(node, &container, files);
            }
        }
        drop(turn);
        self.append(stored).await?;
        Ok(last)
    }

    async fn report(
        &self,
        node: &str,
        image: &str,
        report: Result<Vec<u8>, String>,
    ) -> Result<(), Unavailable> {
        let _turn = self.room().await?;
        let result = match report {
            Ok(json) => match self.evaluated(json).await {
                Ok(report) => self.keep_report(image, &report).await,
                Err(error) => Err(error),
            },
            Err(why) => self.state.scan_failed(image, &why).await.map_err(Into::into),
        };
        if let Err(error) = result {
            // What the database does not take now is no fault of the report: it comes again.
            if error.downcast_ref().is_some_and(StateError::is_away) {
                return Err(unavailable(error));
            }
            self.note(&format!("the report of {image} from {node} cannot be used: {error:#}"));
            self.state
                .scan_failed(image, &format!("the report cannot be used: {error:#}"))
                .await
                .map_err(unavailable)?;
        }
        self.trees.stale();
        self.live.tell(Topic::Findings);
        Ok(())
    }
}

impl Hub {
    /// The same for what takes room: what there is none for waits with its node.
    async fn room(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Unavailable> {
        if self.has_room() { self.turn().await } else { Err(unavailable("the disk of the hub is full")) }
    }

    /// Waits until this is written for, and no more than a few beside it.
    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Unavailable> {
        self.is_there()?;
        self.taking.acquire().await.map_err(unavailable)
    }

    /// Nobody need wait for a database that is known to be away.
    fn is_there(&self) -> Result<(), Unavailable> {
        if self.lead.is_away() { Err(unavailable("the database is away")) } else { Ok(()) }
    }

    /// False if the container is not known yet: then they are to be told again.
    async fn keep_loaded(
        &self,
        node: &str,
        container: &str,
        files: &BTreeSet<String>,
    ) -> Result<bool, StateError> {
        let is_new = self.state.loaded(node, container, files, self.now()).await?;
        if is_new == Some(true) {
            self.live.tell(Topic::Findings);
        }
        Ok(is_new.is_some())
    }

    async fn append(&self, events: Vec<StoredEvent>) -> Result<(), Unavailable> {
        let (store, now) = (std::sync::Arc::clone(&self.events), self.now());
        let done =
            tokio::task::spawn_blocking(move || store.append(now, &events).map(drop).map_err(unavailable));
        done.await.map_err(unavailable)?
    }

    /// Alerts are events, too.
    async fn stored_alerts(&self, node: &str, alerts: &[NewAlert]) -> Result<Vec<StoredEvent>, StateError> {
        let mut events = Vec::with_capacity(alerts.len());
        for alert in alerts {
            let workload = match alert.container.as_str() {
                "" => alert.workload.clone(),
                id => self.state.container_names(node, id).await?.map(|(_, workload)| workload),
            };
            let mut fields = alert.fields.clone();
            fields.insert("rule".to_owned(), alert.rule.clone());
            events.push(StoredEvent {
                source: format!("alert/{node}"),
                number: alert.number,
                time: alert.time,
                kind: "alert".to_owned(),
                node: node.to_owned(),
                container: some(alert.container_name.clone()),
                workload,
                program: some(alert.program.clone()),
                message: alert.message.clone(),
                priority: Some(alert.priority.clone()),
                fields,
            });
        }
        Ok(events)
    }
}
