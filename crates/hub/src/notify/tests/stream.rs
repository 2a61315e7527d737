//! Any stream of happenings, beside a model that is simple enough to be right.

use super::*;
use proptest::{prelude::*, test_runner::TestCaseError};
use std::collections::BTreeMap;

/// What a test does: something happens, or is over, a lot happens, time passes, messages are made, and sent or not, the hub is started again.
#[derive(Clone, Debug)]
enum Act {
    Happen { key: u8, owner: u8, severity: Severity },
    Over { key: u8 },
    Many { many: u16, owner: u8, severity: Severity },
    Pass(Millis),
    Make,
    Send,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let severity = || prop_oneof![Just(Severity::Medium), Just(Severity::High), Just(Severity::Critical)];
    prop_oneof![
        8 => (0..12_u8, 0..3_u8, severity()).prop_map(|(key, owner, severity)| Act::Happen { key, owner, severity }),
        3 => (0..12_u8).prop_map(|key| Act::Over { key }),
        1 => (150..400_u16, 0..3_u8, severity()).prop_map(|(many, owner, severity)| Act::Many { many, owner, severity }),
        5 => (1..8 * HOUR).prop_map(Act::Pass),
        6 => Just(Act::Make),
        4 => Just(Act::Send),
        2 => Just(Act::Restart),
    ]
}

/// What is to be told, and what was, beside the engine.
struct Model {
    rule: Rule,
    engine: Engine,
    /// Incidents, and not findings.
    goes_on: bool,
    /// There is one message for all owners.
    together: bool,
    /// By key: what waits to be told, and when and how bad it was told last.
    waiting: BTreeMap<String, Severity>,
    told: BTreeMap<String, (Millis, Severity)>,
    /// What was told and is over: that waits to be told, too.
    overs: BTreeSet<String>,
    /// What needs not wait until it may be told again.
    urgent: BTreeSet<String>,
}

impl Model {
    fn happen(&mut self, key: String, owner: u8, severity: Severity, now: Millis) {
        let owner = owner.to_string();
        let is_for = self.rule.is_for(Some(&owner));
        if self.goes_on && !is_for {
            // It was theirs, perhaps.
            return self.over(&key, now);
        }
        let news = if self.goes_on {
            incident(&key, Some(&owner), severity, false)
        } else {
            found(&key, Some(&owner), severity)
        };
        self.engine.happened(&self.rule, &news, now);
        if !is_for {
            return;
        }
        let is_back = self.overs.remove(&key);
        let is_worse = self.told.get(&key).is_none_or(|(_, before)| severity > *before);
        if is_back || is_worse {
            self.urgent.insert(key.clone());
        }
        let is_news = is_back || is_worse || self.rule.again.is_some() || self.waiting.contains_key(&key);
        if !self.goes_on || is_news {
            self.waiting.insert(key, severity);
        }
    }

    fn over(&mut self, key: &str, now: Millis) {
        if !self.goes_on {
            return;
        }
        self.engine.happened(&self.rule, &incident(key, None, Severity::Unknown, true), now);
        self.waiting.remove(key);
        self.urgent.remove(key);
        if self.told.contains_key(key) {
            self.overs.insert(key.to_owned());
        }
    }

    fn tell(&mut self, message: &Message, now: Millis) -> Result<(), TestCaseError> {
        let mut named = 0;
        for Happening { key, severity, over, .. } in &message.happenings {
            if *over {
                prop_assert!(self.overs.remove(key), "{} is over", key);
                let before = self.told.remove(key).map(|(_, before)| before);
                prop_assert_eq!(before, Some(*severity), "{} is over as it was told", key);
                continue;
            }
            named += 1;
            prop_assert_eq!(self.waiting.remove(key), Some(*severity), "{} was told as it is", key);
            if self.goes_on {
                let before = self.told.insert(key.clone(), (now, *severity));
                let again = |at: Millis| self.rule.again.is_some_and(|again| now >= at + again);
                let may = self.urgent.remove(key) || before.is_none_or(|(at, _)| again(at));
                prop_assert!(may, "{} was told again too early", key);
            }
        }
        prop_assert!(named <= engine::NAMED);
        if !self.together {
            prop_assert_eq!(message.more, 0);
            return Ok(());
        }
        let kept = serde_json::to_value(&self.engine).expect("JSON");
        let is_later = |key: &String| kept["later"].get(key).is_some();
        let others: Vec<String> = self.waiting.keys().filter(|key| !is_later(key)).cloned().collect();
        if self.goes_on {
            prop_assert_eq!(message.more, others.len() as u64, "each is counted once");
        } else {
            prop_assert!(message.more >= others.len() as u64);
        }
        for key in others {
            self.waiting.remove(&key);
            self.urgent.remove(&key);
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.overs.is_empty()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens: nothing that a rule wants is lost, what was told is told to be over, nothing is told twice that has happened once, nothing
    /// that goes on is told again before its time unless it is worse, what is not named is counted, nothing comes before its part has waited, no second
    /// message of a part is made while one is not sent, and in quiet hours comes only what may. A restart changes nothing.
    #[test]
    fn nothing_is_lost_and_nobody_is_disturbed_in_vain(
        acts in proptest::collection::vec(act(), 1..60),
        wait in 0..180_u32,
        again in proptest::option::of(5..2880_u32),
        nightly in any::<bool>(),
        goes_on in any::<bool>(),
        together in any::<bool>(),
        of_some in any::<bool>(),
    ) {
        let hours = quiet("22:00", "07:00", Some(Severity::Critical));
        let night = Quiet::try_from(&hours).expect("makes sense");
        let rule = rule(|new| {
            (new.wait, new.again, new.quiet) = (wait, again, nightly.then_some(hours));
            if together {
                new.group_by.clear();
            }
            if of_some {
                new.owners = vec!["0".to_owned(), "1".to_owned()];
            }
        });
        let mut model = Model {
            rule: rule.clone(), engine: Engine::default(), goes_on, together,
            waiting: BTreeMap::new(), told: BTreeMap::new(), overs: BTreeSet::new(), urgent: BTreeSet::new(),
        };
        let mut now = at("2025-03-28T12:00:00Z");
        let mut busy: BTreeSet<String> = BTreeSet::new();
        for act in acts {
            match act {
                Act::Happen { key, owner, severity } => model.happen(key.to_string(), owner, severity, now),
                Act::Over { key } => model.over(&key.to_string(), now),
                // More than a message names is only counted for all owners at once.
                Act::Many { many, owner, severity } if together => {
                    for number in 0..many {
                        model.happen(format!("m{number}"), owner, severity, now);
                    }
                }
                Act::Many { .. } => {}
                Act::Pass(time) => now += time,
                Act::Restart => {
                    let kept = serde_json::to_string(&model.engine).expect("JSON");
                    let back: Engine = serde_json::from_str(&kept).expect("the same");
                    prop_assert_eq!(&back, &model.engine);
                    model.engine = back;
                }
                Act::Send => busy.clear(),
                Act::Make => {
                    for (part, message) in due(&mut model.engine, &rule, now, &busy) {
                        prop_assert!(busy.insert(part), "one message for each owner, until it is sent");
                        prop_assert!(message.since + Millis::from(wait) * MINUTE <= now);
                        let disturbs = nightly && night.over(now) > now && message.severity < Severity::Critical;
                        prop_assert!(!disturbs);
                        model.tell(&message, now)?;
                    }
                    prop_assert_eq!(next(&model.engine, &rule, now).is_none(), model.is_done());
                }
            }
        }
        // Whoever sleeps until `next` comes to an end, and nothing is left.
        for _ in 0..1000 {
            let Some(next) = next(&model.engine, &rule, now) else { break };
            now = next;
            for message in all_due(&mut model.engine, &rule, now) {
                model.tell(&message, now)?;
            }
        }
        prop_assert!(model.is_done(), "lost: {:?} {:?}", model.waiting, model.overs);
        prop_assert_eq!(model.engine.gathered(), 0);
    }
}
