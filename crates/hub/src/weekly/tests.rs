//! What the page says, and what it cannot be made to say.

use super::{html::Writer, page, policy};
use gabion_api::rest::{
    Ageing, Changes, Counts, Exception, ExceptionKind, Finding, FindingKind, Happened, Incident,
    IncidentState, Millis, Rollout, RuleAlerts, Severity, State, TrendWeek, Unseen, Weekly,
};
use proptest::prelude::*;

const NOW: Millis = 1_764_000_000_000;
const DAY: Millis = crate::DAY;

fn finding(name: &str) -> Finding {
    Finding {
        id: "f-1".to_owned(),
        kind: FindingKind::Vulnerability,
        rule: name.to_owned(),
        title: name.to_owned(),
        severity: Severity::Critical,
        priority: 97,
        repository: name.to_owned(),
        image: "sha256:1".to_owned(),
        place: name.to_owned(),
        fixed_version: Some(name.to_owned()),
        exploited: true,
        loaded: false,
        epss: None,
        state: State::Open,
        rollout: Rollout { fixed: 0, running: 2 },
        first_seen: NOW - 40 * DAY,
        since: NOW,
        due: Some(NOW - DAY),
        owner: Some(name.to_owned()),
        exception: None,
    }
}

/// A week in which everything is called `name`.
fn week(name: &str) -> Weekly {
    let happened = Happened { count: 9, findings: vec![finding(name)] };
    let trend = (0..8_u32).map(|week| TrendWeek {
        end: NOW - Millis::from(7 - week) * 7 * DAY,
        open: (week > 1).then_some(Counts { critical: 2, high: 10 + u64::from(week), medium: 0, low: 1 }),
    });
    Weekly {
        owner: Some(name.to_owned()),
        from: NOW - 7 * DAY,
        to: NOW,
        changes: Changes {
            new: happened.clone(),
            fixed: happened.clone(),
            verified: happened,
            reopened: Happened::default(),
        },
        trend: trend.collect(),
        ageing: vec![Ageing {
            severity: Severity::Critical,
            overdue: 3,
            soon: 1,
            later: 0,
            undated: 0,
            oldest: NOW - 40 * DAY,
        }],
        suppressed: 4,
        exceptions: vec![Exception {
            id: "e-1".to_owned(),
            kind: ExceptionKind::Deferral,
            rule: name.to_owned(),
            repository: None,
            owner: name.to_owned(),
            reason: name.to_owned(),
            expires: NOW + 3 * DAY,
            by: name.to_owned(),
            created: NOW,
            in_force: true,
            findings: 4,
        }],
        first: vec![finding(name)],
        incidents: vec![Incident {
            id: name.to_owned(),
            title: name.to_owned(),
            severity: Severity::High,
            began: NOW,
            updated: NOW,
            nodes: vec![name.to_owned()],
            containers: vec![name.to_owned()],
            on_host: false,
            tactics: Vec::new(),
            techniques: Vec::new(),
            alerts: 5,
            state: IncidentState::Open,
        }],
        incident_count: 1,
        alerts: 7,
        alert_rules: vec![RuleAlerts { rule: name.to_owned(), alerts: 7 }],
        images: [3, 2, 1],
        containers: [5, 4],
        unseen: vec![Unseen {
            id: name.to_owned(),
            name: name.to_owned(),
            failed: Some(name.to_owned()),
            scanned: false,
            running: 2,
        }],
        nodes: None,
        database: Some(NOW - DAY),
        starter_database: false,
    }
}

#[test]
fn what_could_not_be_looked_at_is_said_first() {
    let partly = page(&week("shop"), "https://hub.example");
    let gap = partly.find("What we could not look at").expect("it says so");
    assert!(gap < partly.find("What changed").expect("it goes on"));
    for said in [
        "1 image that runs was never scanned",
        "1 image that runs was looked at in part only",
        "1 container runs an image that nobody has scanned",
    ] {
        assert!(partly.contains(said), "{said}");
    }
    assert!(!partly.contains("Everything that runs was looked at"));
    let whole = Weekly { images: [3, 3, 3], containers: [5, 5], unseen: Vec::new(), ..week("shop") };
    let told = page(&whole, "");
    assert!(told.contains("Everything that runs was looked at") && !told.contains("could not look at"));
    // Nothing there is not the same as nothing wrong; nor is an old database the same as a new one.
    let none = Weekly { images: [0, 0, 0], containers: [0, 0], ..whole.clone() };
    assert!(page(&none, "").contains("nothing runs here"));
    for (database, starter, said) in [
        (None, false, "there is no database of vulnerabilities"),
        (Some(NOW - 8 * DAY), false, "the database of vulnerabilities is of 2025-11-16"),
        (Some(NOW), true, "only the one that came with the program"),
    ] {
        let old = Weekly { database, starter_database: starter, ..whole.clone() };
        assert!(page(&old, "").contains(said), "{said}");
    }
    let silent = Weekly { nodes: Some([2, 1]), ..whole };
    assert!(page(&silent, "").contains("1 node is not heard"));
}

#[test]
fn numbers_stand_where_they_belong() {
    let place = Finding { place: "org.example.log4j:log4j-core 2.14.1".to_owned(), ..finding("shop") };
    let told = page(&Weekly { first: vec![place], ..week("shop") }, "https://hub.example");
    for said in [
        "<dd>20<small>1 more than a week ago",
        "<td class=\"n late\">3</td>",
        "2025-10-15 (40 d)",
        "and 8 more, less urgent",
        "4 findings do not count",
        "text-anchor=\"middle\">–</text>",
        "–: nothing was known yet",
        "href=\"https://hub.example/findings/f-1\"",
        "<td class=\"n late\">2025-11-23</td>",
        "org.<wbr>example.<wbr>log4j:<wbr>log4j-core 2.14.1<",
    ] {
        assert!(told.contains(said), "{said} is not in {told}");
    }
    let again = page(&week("shop"), "https://hub.example");
    assert_eq!(again, page(&week("shop"), "https://hub.example"), "the same week is the same bytes");
}

#[test]
fn nothing_in_it_runs_or_is_loaded_from_elsewhere() {
    let told = page(&week("shop"), "https://hub.example");
    for never in ["<script", " style=", "<img", "<link", "@import", "url(", "onload", "http-equiv=\"refresh"]
    {
        assert!(!told.contains(never), "{never}");
    }
    assert!(policy().starts_with("default-src 'none'; style-src 'sha256-") && !policy().contains("unsafe"));
    assert!(told.contains(&policy()[..70].replace('\'', "&#39;")));
}

proptest! {
    /// Whatever names are: no markup of theirs, no attribute that ends early.
    #[test]
    fn a_name_stays_a_text(name in "[<>\"'&/a-z =\u{0}\u{202e}]{1,40}") {
        // Where a line may end is of ours; a name that says so itself is escaped.
        let of = |name: &str| page(&week(name), "https://hub.example").replace("<wbr>", "");
        let (plain, told) = (of("x"), of(&name));
        let count = |text: &str, c: char| text.chars().filter(|one| *one == c).count();
        prop_assert_eq!(count(&told, '<'), count(&plain, '<'));
        prop_assert_eq!(count(&told, '>'), count(&plain, '>'));
        prop_assert_eq!(count(&told, '"'), count(&plain, '"'));
        let deceives = told.contains(['\u{202e}', '\0']);
        prop_assert!(!deceives);
        let mut writer = Writer::default();
        writer.text(&name);
        let text = writer.finish();
        let marks = text.contains(['<', '>', '"', '\'']);
        prop_assert!(!marks);
    }
}
