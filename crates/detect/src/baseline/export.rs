//! Baselines that go from the node on which they were learnt to others: what is written, and what becomes of the ones that are there.
//!
//! ```text
//!   export ──► a line of JSON each ──► Baselines::roll_out ──┬─ learnt here already: locked to it, and what was learnt is set aside
//!                                                            ├─ not seen here yet: waits, and judges the first container from its start
//!                                                            └─ not among them any more: what was set aside is in force again
//! ```

use super::{
    Baseline, Baselines, Item, Seen, Settings, State, Subject,
    item::{Aside, RolledOut, pairs},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A baseline as it goes to other nodes: what belongs to it, without what waits.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Export {
    workload: String,
    image: String,
    #[serde(with = "pairs")]
    items: BTreeMap<Item, Seen>,
}

impl Baseline {
    /// As a line of JSON, as [`read_exports`] takes it.
    pub fn export(&self) -> Result<String, serde_json::Error> {
        let Subject { image, workload } = self.subject.clone();
        serde_json::to_string(&Export { workload, image, items: self.items.clone() })
    }
}

/// Reads exported baselines, each a JSON object; they are locked. No more, and of no more items, than a node keeps. Says what is wrong, and
/// with which.
pub fn read_exports(text: &str, settings: &Settings) -> Result<Vec<Baseline>, String> {
    let Settings { baselines, items, .. } = *settings;
    let mut read: BTreeMap<Subject, Baseline> = BTreeMap::new();
    for (export, number) in serde_json::Deserializer::from_str(text).into_iter::<Export>().zip(1..) {
        let Export { workload, image, items: told } = export.map_err(|error| error.to_string())?;
        if workload.is_empty() || image.is_empty() {
            return Err(format!("baseline {number} names no workload or no image"));
        }
        let subject = Subject { image, workload };
        let name = format!("{} {}", subject.workload, subject.image);
        if told.is_empty() {
            // Locked to nothing, whatever it does would be told.
            return Err(format!("the baseline of {name} has nothing in it"));
        }
        if told.len() > items {
            return Err(format!("the baseline of {name} has {} items, more than {items}", told.len()));
        }
        let since = told.values().map(|seen| seen.first).min().unwrap_or(0);
        let baseline =
            Baseline { items: told, state: State::Locked, ..Baseline::new(subject.clone(), since) };
        if read.insert(subject, baseline).is_some() {
            return Err(format!("there are two baselines of {name}"));
        }
        if read.len() > baselines {
            return Err(format!("there are more than {baselines} baselines"));
        }
    }
    Ok(read.into_values().collect())
}

impl Baselines {
    /// Judges by these from now on, which somebody has rolled out as a version; those of another version that are not among them are what was
    /// learnt here again. Tells whose are other than before: of some there is none any more.
    pub fn roll_out(&mut self, version: &str, given: Vec<Baseline>, time: u64) -> Vec<Subject> {
        self.given = given
            .into_iter()
            .map(|baseline| {
                let by = RolledOut { version: version.to_owned(), aside: None };
                (baseline.subject.clone(), Baseline { rolled_out: Some(by), ..baseline })
            })
            .collect();
        let mut changed = Vec::new();
        self.of.retain(|subject, baseline| {
            let kept = match self.given.get(subject) {
                Some(_) if baseline.rolled_out.as_ref().is_some_and(|by| by.version == version) => {
                    return true;
                }
                Some(given) => {
                    baseline.lock_to(given);
                    true
                }
                None if baseline.rolled_out.is_none() => return true,
                None => baseline.take_back(),
            };
            baseline.changed = time;
            changed.push(subject.clone());
            kept
        });
        changed
    }
}

impl Baseline {
    /// Is locked to one that was rolled out; what was learnt here is set aside.
    fn lock_to(&mut self, given: &Self) {
        let items = std::mem::replace(&mut self.items, given.items.clone());
        let aside = match self.rolled_out.take() {
            Some(by) => by.aside,
            None => Some(Aside { state: self.state, items }),
        };
        self.rolled_out = given.rolled_out.clone().map(|by| RolledOut { aside, ..by });
        self.state = State::Locked;
        self.pending.retain(|item, _| !self.items.contains_key(item));
    }

    /// What was learnt here is in force again. False if that is nothing.
    fn take_back(&mut self) -> bool {
        let Some(Aside { state, items }) = self.rolled_out.take().and_then(|by| by.aside) else {
            return false;
        };
        self.state = state;
        self.items = items;
        if state == State::Learning {
            self.items.append(&mut self.pending);
        } else {
            self.pending.retain(|item, _| !self.items.contains_key(item));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Grade, Observation};
    use gabion_model::event::{InImage, Transport};

    fn subject(workload: &str) -> Subject {
        Subject { image: "sha256:aa".to_owned(), workload: workload.to_owned() }
    }

    fn listen(port: u16) -> Observation<'static> {
        Observation::Listen { transport: Transport::Tcp, port }
    }

    /// As one node exports what its containers of a workload listen on.
    fn exported(workload: &str, ports: &[u16]) -> String {
        let mut baselines = Baselines::new(Settings::default());
        for port in ports {
            baselines.observe(&subject(workload), "a", 1, &listen(*port));
        }
        baselines.get(&subject(workload)).expect("learnt").export().expect("JSON")
    }

    fn read(text: &str) -> Result<Vec<Baseline>, String> {
        read_exports(text, &Settings { baselines: 10, items: 10, ..Settings::default() })
    }

    fn ports(baselines: &Baselines, workload: &str) -> Vec<String> {
        let baseline = baselines.get(&subject(workload)).expect("is there");
        baseline.items.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn another_node_judges_by_it_from_the_first_event_on() {
        let mut there = Baselines::new(Settings::default());
        assert_eq!(there.roll_out("v1", read(&exported("web", &[80])).expect("reads"), 5), []);
        assert_eq!(there.iter().len(), 0, "nothing of it runs there yet");
        assert_eq!(there.observe(&subject("web"), "b", 6, &listen(80)), []);
        let told = there.observe(&subject("web"), "b", 7, &listen(4444));
        assert_eq!(told.len(), 1, "what is not in it is told, though nothing was learnt there");
        assert!(told[0].grade >= Grade::Noted);
        let web = there.get(&subject("web")).expect("is there");
        assert_eq!(web.rolled_out.as_ref().map(|by| by.version.as_str()), Some("v1"));
    }

    #[test]
    fn what_was_learnt_is_set_aside_and_comes_back() {
        let mut there = Baselines::new(Settings::default());
        there.observe(&subject("web"), "b", 1, &listen(8080));
        there.roll_out("v1", read(&exported("web", &[80])).expect("reads"), 2);
        assert_eq!(ports(&there, "web"), ["listens on tcp port 80"]);
        assert_eq!(there.observe(&subject("web"), "b", 3, &listen(8080)).len(), 1);
        // Another version of it: what was set aside is still what was learnt.
        there.roll_out("v2", read(&exported("web", &[80, 81])).expect("reads"), 4);
        assert_eq!(ports(&there, "web").len(), 2);
        assert_eq!(there.roll_out("", Vec::new(), 5), [subject("web")]);
        assert_eq!(ports(&there, "web"), ["listens on tcp port 8080"]);
        let web = there.get(&subject("web")).expect("is there");
        assert_eq!((web.state, web.rolled_out.is_none()), (State::Learning, true));
        assert_eq!(there.observe(&subject("web"), "b", 6, &listen(9)), [], "it is learnt on");
    }

    #[test]
    fn one_that_was_only_rolled_out_is_gone_with_its_version() {
        let mut there = Baselines::new(Settings::default());
        there.roll_out("v1", read(&exported("web", &[80])).expect("reads"), 1);
        there.observe(&subject("web"), "b", 2, &listen(80));
        assert_eq!(there.roll_out("", Vec::new(), 3), [subject("web")]);
        assert!(there.get(&subject("web")).is_none(), "it is learnt from the beginning");
    }

    #[test]
    fn the_same_version_again_as_after_a_restart_takes_back_nothing_that_was_approved() {
        let text = exported("web", &[80]);
        let mut there = Baselines::new(Settings::default());
        there.roll_out("v1", read(&text).expect("reads"), 1);
        there.observe(&subject("web"), "b", 2, &listen(81));
        there.get_mut(&subject("web")).expect("is there").approve(|_| true);
        let kept: Vec<u8> = serde_json::to_vec(there.get(&subject("web")).expect("is there")).expect("JSON");
        let mut again = Baselines::with(Settings::default(), [serde_json::from_slice(&kept).expect("reads")]);
        assert_eq!(again.roll_out("v1", read(&text).expect("reads"), 3), []);
        assert_eq!(ports(&again, "web").len(), 2);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_reason() {
        let web = exported("web", &[80]);
        let many: Vec<u16> = (1..=11).collect();
        let all: Vec<String> = (0..11).map(|number| exported(&format!("w{number}"), &[80])).collect();
        for (text, why) in [
            (format!("{web}\n{web}"), "two baselines of web"),
            (exported("web", &many), "11 items, more than 10"),
            (all.join("\n"), "more than 10 baselines"),
            (web.replace("\"web\"", "\"\""), "baseline 1 names no workload"),
            (r#"{"workload":"w","image":"i","items":[]}"#.to_owned(), "has nothing in it"),
            (
                r#"{"workload":"w","image":"i","items":[{"kind":"flies","first":1,"last":1,"count":1}]}"#
                    .to_owned(),
                "flies",
            ),
            ("nonsense".to_owned(), "line 1"),
        ] {
            let error = read(&text).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
        assert_eq!(read(" \n"), Ok(Vec::new()));
        let seen = Observation::Run { program: b"/a", parent: b"", args: &[], in_image: InImage::Yes };
        let mut baselines = Baselines::new(Settings::default());
        baselines.observe(&subject("web"), "a", 1, &seen);
        let before = baselines.get(&subject("web")).expect("learnt");
        let after = read(&before.export().expect("JSON")).expect("reads");
        assert_eq!(after[0].items, before.items);
    }
}
