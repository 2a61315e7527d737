//! A new database of vulnerabilities: images are matched again, those that it says something new about first.
//!
//! ```text
//!   current.json is another, looked at four times a second
//!        │ what it says differently: packages, vulnerabilities
//!        ├─► images that have one of them, those that run first
//!        └─► all others, some at a time                              also after a start: which version an image was matched against is kept
//! ```

use crate::{Hub, matcher::Current};
use anyhow::Context as _;
use gabion_advisory::database::Changes;
use gabion_api::rest::Topic;
use gabion_model::{Finding, ScanReport};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often it is looked whether there is another database.
const EVERY: Duration = Duration::from_millis(250);
/// How often it is looked whether a report came in late, of a database that was another already.
const LATE: Duration = Duration::from_secs(20);
/// Images that are matched between two looks.
const SOME: usize = 8;

/// What is still to be done.
struct Work {
    rest: Rest,
    /// Images that cannot be matched, which is told once for each database.
    refused: HashSet<String>,
}

/// How far the images that nothing urgent is about are.
enum Rest {
    /// The next are after this one.
    After(String),
    /// There are no more; looked at then.
    None(Instant),
}

/// Goes on until the hub ends.
pub(crate) async fn run(hub: Hub) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut work = Work { rest: Rest::After(String::new()), refused: HashSet::new() };
    let mut failing = String::new();
    loop {
        // While there is something to do, nobody waits for the next tick.
        if matches!(&work.rest, Rest::None(_)) {
            ticks.tick().await;
        }
        let why = match hub.lead.while_there(hub.look_at_database(&mut work)).await {
            Some(Ok(())) => {
                failing.clear();
                continue;
            }
            Some(Err(error)) => format!("{error:#}"),
            None => {
                ticks.tick().await;
                continue;
            }
        };
        // It is tried again at once, and told once.
        if why != failing && !hub.lead.is_away() {
            hub.note(&format!("images could not be matched again: {why}"));
        }
        failing = why;
        ticks.tick().await;
    }
}

impl Hub {
    async fn look_at_database(&self, work: &mut Work) -> anyhow::Result<()> {
        let hub = self.clone();
        let before = tokio::task::spawn_blocking(move || hub.matcher.refresh()).await??;
        if !self.lead.leads() {
            // Who leads does it. If that is this one later, what is behind is seen then.
            work.rest = Rest::None(Instant::now());
            return Ok(());
        }
        if let Some(before) = before {
            *work = Work { rest: Rest::After(String::new()), refused: HashSet::new() };
            self.first(before, &mut work.refused).await?;
        }
        let after = match &mut work.rest {
            Rest::After(id) => std::mem::take(id),
            Rest::None(looked) if looked.elapsed() < LATE => return Ok(()),
            Rest::None(_) => String::new(),
        };
        let version = self.matcher.current().version.clone();
        let next = self.state.behind(&version, &after, SOME as u64).await?;
        let Some(last) = next.last().cloned() else {
            work.rest = Rest::None(Instant::now());
            return Ok(());
        };
        // Also if one of them cannot be matched: the others can.
        work.rest = Rest::After(last);
        self.match_again(&next, &mut work.refused).await;
        Ok(())
    }

    /// What a new database says something new about.
    async fn first(&self, before: Arc<Current>, refused: &mut HashSet<String>) -> anyhow::Result<()> {
        let after = self.matcher.current();
        let compare = move || Changes::between(&before.database, &after.database);
        let changes = match tokio::task::spawn_blocking(compare).await? {
            Ok(Some(changes)) => changes,
            Ok(None) => {
                self.note("the database of vulnerabilities is wholly another: all images are matched again");
                return Ok(());
            }
            Err(error) => {
                self.note(&format!("what is new in the database of vulnerabilities cannot be told: {error}"));
                return Ok(());
            }
        };
        let names = changes.packages.iter().map(|(of, name)| (of.number(), name.clone())).collect();
        let images = self.state.concerned(&names, &changes.rules).await?;
        self.note(&format!(
            "the database of vulnerabilities says something new about {} packages and {} vulnerabilities: {} images are matched first",
            changes.packages.len(),
            changes.rules.len(),
            images.len()
        ));
        for some in images.chunks(SOME) {
            self.match_again(some, refused).await;
        }
        Ok(())
    }

    /// Matches the reports of some images against the database as it is now.
    pub(crate) async fn match_again(&self, images: &[String], refused: &mut HashSet<String>) {
        let mut changed = false;
        for image in images {
            let done =
                self.match_one(image).await.with_context(|| format!("{image} cannot be matched again"));
            match done {
                Ok(another) => changed |= another,
                Err(error) if refused.insert(image.clone()) => self.note(&format!("{error:#}")),
                Err(_) => {}
            }
        }
        if changed {
            self.trees.stale();
            self.live.tell(Topic::Findings);
        }
    }

    /// Whether anything is another.
    async fn match_one(&self, image: &str) -> anyhow::Result<bool> {
        let Some(packed) = self.state.packed_report(image).await? else { return Ok(false) };
        let (hub, now, revision) = (self.clone(), self.now(), packed.revision);
        let evaluate = move || -> anyhow::Result<(Vec<Finding>, ScanReport)> {
            let mut report = packed.unpack()?;
            let before = report.findings.clone();
            hub.matcher.evaluate(&mut report, now)?;
            Ok((before, report))
        };
        let (before, report) = tokio::task::spawn_blocking(evaluate).await??;
        let (_, owner) = self.owned(image, &report).await?;
        self.keep_names(image, &report).await?;
        Ok(self.state.keep_match(image, revision, &before, &report, owner.as_deref(), self.now()).await?)
    }
}
