//! A new database of vulnerabilities: images are matched again, those that it says something new about first.
//!
//! ```text
//!   current.json is another, looked at four times a second
//!        │ what it says differently: packages, vulnerabilities
//!        ├─► images that have one of them, those that run first
//!        └─► all others, some at a time                              also after a start: which version an image was matched against is kept
//! ```

use crate::{Hub, matcher::Current, profile::many, reports::known_as};
use gabion_advisory::database::Changes;
use gabion_api::rest::Topic;
use gabion_store::state::{Matched, ToMatch};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often it is looked whether there is another database.
const EVERY: Duration = Duration::from_millis(250);
/// How often it is looked whether a report came in late, of a database that was another already.
const LATE: Duration = Duration::from_secs(20);
/// Images that are matched between two looks, and those that are written at once.
const MANY: u64 = 64;
const SOME: usize = 16;

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
        let next = self.state.behind(&version, &after, MANY).await?;
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
        self.match_again(&images, refused).await;
        Ok(())
    }

    /// Matches the reports of images against the database as it is now: while some are written, the next are looked at.
    pub(crate) async fn match_again(&self, images: &[String], refused: &mut HashSet<String>) {
        let mut changed = false;
        let (mut chunks, mut ready) = (images.chunks(SOME), Vec::new());
        loop {
            let next = chunks.next();
            if next.is_none() && ready.is_empty() {
                break;
            }
            let written = self.keep_matches(std::mem::take(&mut ready));
            let ((another, unkept), (matched, unmatched)) =
                tokio::join!(written, self.match_some(next.unwrap_or_default()));
            changed |= another;
            for (what, why) in unmatched.into_iter().chain(unkept) {
                if refused.insert(what.clone()) {
                    self.note(&format!("{what} cannot be matched again: {why:#}"));
                }
            }
            ready = matched;
        }
        if changed {
            self.trees.stale();
            self.live.tell(Topic::Findings);
        }
    }

    /// What some images are found to have, and those of which that cannot be said.
    async fn match_some(&self, images: &[String]) -> (Vec<Matched>, Vec<Refused>) {
        let all = match self.state.to_match(images).await {
            Ok(all) => all,
            Err(error) => return (Vec::new(), vec![(many(images.len() as u64, "image"), error.into())]),
        };
        let tasks: Vec<_> = all
            .into_iter()
            .map(|one| {
                let (hub, image) = (self.clone(), one.image.clone());
                (image, tokio::task::spawn_blocking(move || hub.match_one(&one)))
            })
            .collect();
        let (mut matched, mut refused) = (Vec::new(), Vec::new());
        for (image, task) in tasks {
            match task.await.map_err(anyhow::Error::from).flatten() {
                Ok(one) => matched.push(one),
                Err(error) => refused.push((image, error)),
            }
        }
        (matched, refused)
    }

    /// What an image is found to have.
    fn match_one(&self, one: &ToMatch) -> anyhow::Result<Matched> {
        let mut report = one.report.unpack()?;
        let before = report.findings.clone();
        self.matcher.evaluate(&mut report, self.now())?;
        let owner = self.owner_of(&one.name, &report, &one.namespaces);
        let names = known_as(&report);
        Ok(Matched::new(one, before, report, owner, names)?)
    }

    /// Keeps what images were found to have; whether anything is another, and what could not be kept. One that the database does not take
    /// keeps no others from it.
    async fn keep_matches(&self, matched: Vec<Matched>) -> (bool, Vec<Refused>) {
        match self.state.keep_matches(&matched, self.now()).await {
            Ok(changed) => return (changed, Vec::new()),
            Err(error) if error.is_away() => {
                return (false, vec![(many(matched.len() as u64, "image"), error.into())]);
            }
            Err(_) => {}
        }
        let (mut changed, mut refused) = (false, Vec::new());
        for one in matched {
            match self.state.keep_matches(std::slice::from_ref(&one), self.now()).await {
                Ok(another) => changed |= another,
                Err(error) => refused.push((one.image().to_owned(), error.into())),
            }
        }
        (changed, refused)
    }
}

/// What cannot be matched, and why.
type Refused = (String, anyhow::Error);
