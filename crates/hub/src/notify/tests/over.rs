//! What goes on is told to be over to whoever was told of it, and to nobody more of it than is theirs.

use super::*;
use gabion_api::rest::{Incident, IncidentState};

fn told(title: &str, severity: Severity, containers: &[&str], alerts: u64) -> Incident {
    Incident {
        id: "n-7".to_owned(),
        title: title.to_owned(),
        severity,
        began: 0,
        updated: 0,
        nodes: vec!["n".to_owned()],
        containers: containers.iter().map(|name| (*name).to_owned()).collect(),
        on_host: false,
        tactics: Vec::new(),
        techniques: Vec::new(),
        alerts,
        state: IncidentState::Open,
    }
}

/// An incident over two owners, of which each has this.
fn happens(views: &[(&str, Incident)]) -> Happened {
    Happened::Incident {
        incident: Box::new(told("Miner, over 2 nodes", Severity::Critical, &["db", "web"], 3)),
        owner: Some("pay".to_owned()),
        joined: None,
        views: views.iter().map(|(owner, view)| ((*owner).to_owned(), view.clone())).collect(),
    }
}

fn shop() -> (&'static str, Incident) {
    ("shop", told("Shell", Severity::High, &["web"], 1))
}

fn pay() -> (&'static str, Incident) {
    ("pay", told("Miner", Severity::Critical, &["db"], 2))
}

/// Rules about all owners, about one, about the other, about both, and what they remember.
struct Rules(Vec<StoredRule>);

impl Rules {
    fn new() -> Self {
        let rule = |owners: &[&str]| NewNotificationRule {
            name: if owners.is_empty() { "all".to_owned() } else { owners.join("-") },
            owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
            wait: 0,
            ..new()
        };
        let stored = |rule| StoredRule { rule, engine: String::new(), due: None, busy: BTreeSet::new() };
        Self([&[][..], &["shop"], &["pay"], &["shop", "pay"]].map(|owners| stored(rule(owners))).into())
    }

    /// What each tells: all of it in one message.
    fn tell(&mut self, happened: &Happened) -> Vec<String> {
        let decided = decide(&self.0, std::slice::from_ref(happened), 0, &mut Vec::new());
        for after in decided.rules {
            for stored in self.0.iter_mut().filter(|stored| stored.rule.name == after.name) {
                stored.engine.clone_from(&after.engine);
            }
        }
        let word = |over| if over { "over" } else { "open" };
        let short = |message: &NewNotification| {
            let [item] = message.items.as_slice() else { panic!("{message:?}") };
            format!("{}: {} {:?} {}", message.rule, word(item.over), item.severity, item.title)
        };
        decided.messages.iter().map(short).collect()
    }
}

#[test]
fn each_owner_is_told_of_an_incident_what_is_theirs_until_it_is_over() {
    let mut rules = Rules::new();
    assert_eq!(
        rules.tell(&happens(&[pay(), shop()])),
        [
            "all: open Critical Miner, over 2 nodes in db, web, 3 alerts",
            "shop: open High Shell in web, 1 alert",
            "pay: open Critical Miner in db, 2 alerts",
            "shop-pay: open Critical Miner in db, web, 3 alerts",
        ]
    );
    // The workload is of another team now: for who had it that is the end, and the others hear nothing new.
    let title = "The incident n-7 is not any more about what this rule is about";
    assert_eq!(rules.tell(&happens(&[pay()])), [format!("shop: over High {title}")]);
    let mut closed = happens(&[pay()]);
    if let Happened::Incident { incident, views, .. } = &mut closed {
        (incident.state, views[0].1.state) = (IncidentState::Closed, IncidentState::Closed);
    }
    assert_eq!(
        rules.tell(&closed),
        [
            "all: over Critical Closed: Miner, over 2 nodes in db, web, 3 alerts",
            "pay: over Critical Closed: Miner in db, 2 alerts",
            "shop-pay: over Critical Closed: Miner in db, 2 alerts",
        ]
    );
    assert_eq!(rules.tell(&closed), Vec::<String>::new());
}

#[test]
fn an_incident_that_has_become_a_part_of_another_is_over() {
    let mut rules = Rules::new();
    assert_eq!(rules.tell(&happens(&[shop()])).len(), 3);
    let mut joined = happens(&[]);
    if let Happened::Incident { incident, joined, .. } = &mut joined {
        incident.state = IncidentState::Closed;
        incident.title = "Miner (now part of m-1)".to_owned();
        incident.alerts = 0;
        *joined = Some("m-1".to_owned());
    }
    assert_eq!(
        rules.tell(&joined),
        [
            "all: over Critical Closed: Miner (now part of m-1) in db, web",
            "shop: over High The incident n-7 goes on as a part of m-1",
            "shop-pay: over High The incident n-7 goes on as a part of m-1",
        ]
    );
}

#[test]
fn the_preview_shows_an_owner_no_more_than_a_message_would() {
    let rule = rule(|new| new.owners = vec!["shop".to_owned()]);
    let told = rule.follow(&[(HOUR, happens(&[pay(), shop()]))], true, (0, 2 * HOUR));
    let titles: Vec<&str> = told.messages.iter().map(|message| message.title.as_str()).collect();
    assert_eq!((titles, told.happenings), (vec!["Shell in web, 1 alert"], 1));
}

#[test]
fn what_is_over_is_named_however_full_a_message_is() {
    let rule = rule(|new| new.group_by.clear());
    for over_first in [true, false] {
        let mut engine = Engine::default();
        engine.happened(&rule, &incident("i", None, Severity::Low, false), 0);
        assert_eq!(all_due(&mut engine, &rule, HOUR).len(), 1);
        let over = |engine: &mut Engine| {
            engine.happened(&rule, &incident("i", None, Severity::Unknown, true), HOUR);
        };
        if over_first {
            over(&mut engine);
        }
        for number in 0..300 {
            engine.happened(&rule, &found(&format!("f-{number}"), None, Severity::Critical), HOUR);
        }
        if !over_first {
            over(&mut engine);
        }
        let messages = all_due(&mut engine, &rule, 2 * HOUR);
        let [message] = messages.as_slice() else { panic!("{} messages", messages.len()) };
        let last = message.happenings.last().expect("a happening");
        assert_eq!((last.key.as_str(), last.over, last.severity), ("i", true, Severity::Low));
        assert_eq!((message.happenings.len(), message.more), (engine::NAMED + 1, 100));
        assert_eq!(engine, Engine::default());
    }
}

#[test]
fn what_is_not_named_is_counted_once_and_told_when_what_is_named_is_over() {
    let rule = rule(|new| new.group_by.clear());
    let mut engine = Engine::default();
    let key = |number: usize| format!("i-{number}");
    for number in 0..engine::NAMED {
        engine.happened(&rule, &incident(&key(number), None, Severity::Critical, false), 0);
    }
    for _ in 0..3 {
        engine.happened(&rule, &incident("y", None, Severity::Low, false), 0);
        engine.happened(&rule, &incident("z", None, Severity::Low, false), 0);
    }
    assert_eq!(engine.gathered(), engine::NAMED as u64 + 2);
    engine.happened(&rule, &incident("z", None, Severity::Low, true), 0);
    assert_eq!(engine.gathered(), engine::NAMED as u64 + 1, "over before it was told");
    for number in 0..engine::NAMED {
        engine.happened(&rule, &incident(&key(number), None, Severity::Critical, true), 0);
    }
    let messages = all_due(&mut engine, &rule, HOUR);
    let [message] = messages.as_slice() else { panic!("{} messages", messages.len()) };
    assert_eq!((message.happenings.len(), message.more), (0, 1));
    assert_eq!(
        (words::headline(message), words::page(message, &rule)),
        ("one thing that is not named".to_owned(), "/".to_owned())
    );
    assert_eq!(engine, Engine::default());
}
