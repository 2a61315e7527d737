//! A week: what changed, what was open before, and whose it is.

use super::{super::*, *};
use gabion_api::rest::{Counts, ExceptionKind, NewException};

const DAYS: Millis = 24 * 60 * MINUTE;

fn shop() -> Scope {
    Scope { owners: vec!["shop".to_owned()], namespaces: Vec::new() }
}

#[test]
fn a_week_tells_what_changed_and_what_was_open_before() {
    on_both(|state| async move {
        let (one, two) = ("registry.example/shop/web:1", "registry.example/shop/web:2");
        let both = vec![
            vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::Critical),
            vulnerability("CVE-2024-2", "openssl", "3.0.1", Severity::High),
        ];
        let old = report(one, 1, "3.0.1", both);
        let new =
            report(two, 2, "3.0.2", vec![vulnerability("CVE-2024-2", "openssl", "3.0.1", Severity::High)]);
        let other = report(
            "registry.example/pay/api:1",
            3,
            "3.0.1",
            vec![vulnerability("CVE-2024-3", "openssl", "3.0.1", Severity::Low)],
        );
        let c = |image: &ScanReport, name: &str| container(name, name, &image_id(image), name);
        node(&state, "n").await;
        // Three weeks ago the first image runs.
        state.inventory("n", &[c(&old, one)], T0).await.expect("kept");
        state.keep_report(&image_id(&old), one, &old, Some("shop"), T0).await.expect("kept");
        // In the last week a second one takes its place, and somebody else's comes.
        let now = T0 + 21 * DAYS;
        let lately = now - 2 * DAYS;
        state.keep_report(&image_id(&new), two, &new, Some("shop"), lately).await.expect("kept");
        let pay = "registry.example/pay/api:1";
        state.inventory("n", &[c(&new, two), c(&other, pay)], lately + 1).await.expect("kept");
        state.keep_report(&image_id(&other), pay, &other, Some("pay"), lately + 2).await.expect("kept");

        let week = state.week(&shop(), now).await.expect("a week");
        let changes = &week.changes;
        let counts = [changes.new.count, changes.fixed.count, changes.verified.count, changes.reopened.count];
        assert_eq!(counts, [0, 1, 1, 0]);
        assert_eq!(changes.verified.findings[0].rule, "CVE-2024-1");
        let open: Vec<Option<Counts>> = week.trend.iter().map(|week| week.open).collect();
        let two_open = Some(Counts { critical: 1, high: 1, ..Counts::default() });
        assert_eq!(open[..4], [None; 4], "nothing was known before");
        assert_eq!(open[4..7], [two_open; 3]);
        assert_eq!(open[7], Some(Counts { high: 1, ..Counts::default() }));
        assert_eq!(
            week.first.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>(),
            ["CVE-2024-2"]
        );
        let ages: Vec<_> =
            week.ageing.iter().map(|age| (age.severity, age.overdue, age.soon, age.later)).collect();
        // High ones have 30 days, 21 of which are over.
        assert_eq!(ages, [(gabion_api::rest::Severity::High, 0, 0, 1)]);
        let later = state.week(&shop(), T0 + 29 * DAYS).await.expect("a week");
        assert_eq!((later.ageing[0].overdue, later.ageing[0].soon), (0, 1));
        let late = state.week(&shop(), T0 + 31 * DAYS).await.expect("a week");
        assert_eq!((late.ageing[0].overdue, late.changes.verified.count), (1, 0));

        // What is somebody else's is in the week of all only; whoever sees namespaces only sees no images.
        let all = state.week(&ALL, now).await.expect("a week");
        assert_eq!((all.changes.new.count, all.trend[7].open.map(|open| open.low)), (1, Some(1)));
        let namespaces = Scope { owners: Vec::new(), namespaces: vec!["x".to_owned()] };
        let none = state.week(&namespaces, now).await.expect("a week");
        assert_eq!((none.changes, none.first, none.exceptions, none.unseen), Default::default());
    });
}

#[test]
fn an_exception_that_ends_is_told_to_whoever_has_what_it_covers() {
    on_both(|state| async move {
        let name = "registry.example/shop/web:1";
        let old =
            report(name, 1, "3.0.1", vec![vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High)]);
        node(&state, "n").await;
        state.inventory("n", &[container("a", "w", &image_id(&old), name)], T0).await.expect("kept");
        state.keep_report(&image_id(&old), name, &old, Some("shop"), T0).await.expect("kept");
        let made = T0 + 10 * DAYS;
        let new = NewException {
            kind: ExceptionKind::Deferral,
            rule: "CVE-2024-1".to_owned(),
            repository: None,
            owner: "security".to_owned(),
            reason: "later".to_owned(),
            expires: made + 40 * DAYS,
            dry_run: false,
        };
        state.add_exception("e", &new, "ann", made).await.expect("made");
        let ends = async |now: Millis, owner: &str| {
            let scope = Scope { owners: vec![owner.to_owned()], namespaces: Vec::new() };
            state.week(&scope, now).await.expect("a week").exceptions.len()
        };
        assert_eq!(ends(made + 9 * DAYS, "shop").await, 0, "it is not soon");
        for (owner, told) in [("shop", 1), ("security", 1), ("pay", 0)] {
            assert_eq!(ends(made + 11 * DAYS, owner).await, told, "{owner}");
        }
        // It counts from when it was made on.
        let week = state.week(&shop(), made + DAYS).await.expect("a week");
        let high = [6, 7].map(|week_| week.trend[week_].open.map(|open| open.high));
        assert_eq!(high, [Some(1), Some(0)]);
        assert_eq!(week.changes.new.count, 0);
    });
}
