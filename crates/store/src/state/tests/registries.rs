//! Registries: what is seen of them, what waits, and what it means for what runs.

use super::{super::*, *};
use gabion_api::rest::{
    CiFacts, NewRegistry, RegistryChange, RegistryState, SentScan, State as Life, TagState,
};

const WEB: &str = "registry.example/shop/web";

fn new(name: &str) -> NewRegistry {
    NewRegistry {
        name: name.to_owned(),
        url: "https://registry.example".to_owned(),
        user: Some("ann".to_owned()),
        secret: Some("s3cret".to_owned()),
        authority: None,
        repositories: vec!["shop/**".to_owned()],
        tags: Vec::new(),
        leave_out: Vec::new(),
        newest: 2,
        minutes: 60,
        platform: None,
        paused: false,
    }
}

fn tag(tag: &str, digest: u8) -> NewTag {
    NewTag {
        tag: tag.to_owned(),
        name: format!("{WEB}:{tag}"),
        digest: format!("sha256:{}", format!("{digest:02x}").repeat(32)),
    }
}

fn looked(chosen: Vec<NewTag>) -> Looked {
    Looked { tags: 10, matched: 5, chosen, unknown: Vec::new(), failed: None }
}

fn polled(failed: Option<&str>, repositories: Option<&[&str]>, due: Millis) -> Polled {
    Polled {
        asked: 0,
        due,
        failed: failed.map(str::to_owned),
        told: failed.is_none(),
        repositories: repositories.map(|all| all.iter().map(|&name| name.to_owned()).collect()),
    }
}

async fn states(state: &State) -> Vec<(String, TagState)> {
    let paging = Paging { sort: "name".to_owned(), ..Paging::default() };
    let page = state.registry_tags("main", &TagFilter::default(), &paging).await.expect("a page");
    page.items.into_iter().map(|one| (one.tag, one.state)).collect()
}

#[test]
fn what_is_new_waits_and_what_is_known_does_not() {
    on_both(|state| async move {
        let made = state.add_registry(&new("main"), "ann", T0).await.expect("made");
        assert_eq!((made.state, made.has_secret, made.next), (RegistryState::New, true, Some(T0)));
        assert!(matches!(state.add_registry(&new("main"), "ann", T0).await, Err(StateError::Refused(_))));
        assert_eq!(state.due_registries(T0).await.expect("asked"), ["main"]);

        let first = looked(vec![tag("1", 1), tag("2", 2), tag("latest", 2)]);
        assert_eq!(state.keep_repository("main", "shop/web", &first, T0).await.expect("kept"), 3);
        assert_eq!(
            state.keep_repository("main", "shop/web", &first, T0 + 1).await.expect("kept"),
            0,
            "nothing is new"
        );
        state
            .registry_polled("main", &polled(None, Some(&["shop/web"]), T0 + 10), T0 + 1)
            .await
            .expect("kept");
        assert!(state.due_registries(T0 + 9).await.expect("asked").is_empty());
        let seen = state.registry("main").await.expect("is there");
        assert_eq!(seen.state, RegistryState::Well);
        assert_eq!((seen.seen.tags, seen.seen.matched, seen.seen.left_out, seen.seen.waiting), (10, 5, 2, 3));

        // An image is scanned once, whatever it is called.
        let waiting = state.next_tag(T0).await.expect("asked").expect("waits");
        assert_eq!(waiting.tag, "1");
        state.tag_failed(&waiting, "it is gone", true, T0).await.expect("kept");
        let waiting = state.next_tag(T0).await.expect("asked").expect("waits");
        let scanned = report(&waiting.name, 7, "3.0.1", Vec::new());
        state.keep_report(&image_id(&scanned), &waiting.name, &scanned, None, T0 + 2).await.expect("kept");
        state.tag_scanned(&waiting, &image_id(&scanned), T0 + 2).await.expect("kept");
        assert_eq!(
            states(&state).await,
            [
                ("1".to_owned(), TagState::Failed),
                ("2".to_owned(), TagState::Scanned),
                ("latest".to_owned(), TagState::Scanned)
            ]
        );
        let detail = state.image(&image_id(&scanned), &ALL).await.expect("is there");
        let names: Vec<&str> = detail.registries.iter().map(|place| place.name.as_str()).collect();
        assert_eq!(names, [format!("{WEB}:2"), format!("{WEB}:latest")]);
        assert_eq!(detail.names.len(), 2);
        let wanted = ImageFilter { registry: Some("main".to_owned()), ..ImageFilter::default() };
        assert_eq!(state.images(&wanted, &ALL, &Paging::default()).await.expect("a page").total, 1);

        // What failed is tried again after a while, or when somebody asks.
        assert_eq!(state.next_tag(T0 + 29 * MINUTE).await.expect("asked"), None);
        assert!(state.next_tag(T0 + 30 * MINUTE).await.expect("asked").is_some());
        state.ask_registry("main", T0 + 3).await.expect("asked");
        let late = polled(None, None, T0 + 100);
        state.registry_polled("main", &late, T0 + 3).await.expect("kept");
        assert_eq!(state.due_registries(T0 + 3).await.expect("asked"), ["main"], "the look had begun before");
        let again = state.next_tag(T0 + 3).await.expect("asked").expect("waits");
        state.tag_failed(&again, "a chart", false, T0 + 3).await.expect("kept");
        assert_eq!(state.next_tag(T0 + 1000 * MINUTE).await.expect("asked"), None);

        // A tag moves, one comes that means what is known, one goes.
        let second = looked(vec![tag("1", 2), tag("latest", 3)]);
        assert_eq!(state.keep_repository("main", "shop/web", &second, T0 + 4).await.expect("kept"), 1);
        assert_eq!(
            states(&state).await,
            [("1".to_owned(), TagState::Scanned), ("latest".to_owned(), TagState::Waiting)]
        );
        // What could not be asked for stays as it was.
        let third = Looked { unknown: vec!["1".to_owned(), "latest".to_owned()], ..looked(Vec::new()) };
        state.keep_repository("main", "shop/web", &third, T0 + 5).await.expect("kept");
        assert_eq!(states(&state).await.len(), 2);
        state.repository_failed("main", "shop/web", "it refuses", T0 + 6).await.expect("kept");
        assert_eq!(states(&state).await.len(), 2);
        state
            .registry_polled("main", &Polled { asked: 1, ..polled(Some("refused"), None, T0 + 20) }, T0 + 6)
            .await
            .expect("kept");
        let seen = state.registry("main").await.expect("is there");
        assert_eq!((seen.state, seen.seen.failing, seen.seen.tags), (RegistryState::Failing, 1, 10));
        // A repository that is there no more.
        state
            .registry_polled("main", &Polled { asked: 1, ..polled(None, Some(&[]), T0 + 30) }, T0 + 7)
            .await
            .expect("kept");
        assert!(states(&state).await.is_empty());
        state.remove_registry("main").await.expect("removed");
        assert!(matches!(state.registry("main").await, Err(StateError::Absent { .. })));
    });
}

#[test]
fn secrets_stay_where_they_were_given_for() {
    on_both(|state| async move {
        state.add_registry(&new("main"), "ann", T0).await.expect("made");
        let access = state.registry_access("main").await.expect("is there");
        assert_eq!(access.secret.as_deref(), Some("s3cret"));
        assert!(!format!("{access:?}{:?}", new("main")).contains("s3cret"));
        let change = RegistryChange { newest: Some(5), paused: Some(true), ..RegistryChange::default() };
        state.change_registry("main", &change, T0 + 1).await.expect("changed");
        let access = state.registry_access("main").await.expect("is there");
        assert_eq!((access.secret.as_deref(), access.registry.newest), (Some("s3cret"), 5));
        assert_eq!((access.registry.state, access.registry.next), (RegistryState::Paused, None));
        assert!(state.due_registries(T0 + 2).await.expect("asked").is_empty());
        let change = RegistryChange {
            secret: Some(String::new()),
            user: Some(String::new()),
            ..RegistryChange::default()
        };
        state.change_registry("main", &change, T0 + 1).await.expect("changed");
        assert!(!state.registry("main").await.expect("is there").has_secret);
    });
}

#[test]
fn what_is_told_of_waits_until_it_was_looked_at() {
    on_both(|state| async move {
        state.add_registry(&new("main"), "ann", T0).await.expect("made");
        state.ask_look("main", "shop/web", "1", T0).await.expect("kept");
        let looks = state.looks("main", 10).await.expect("asked");
        assert_eq!(looks, [("shop/web".to_owned(), "1".to_owned(), T0)]);
        // It is told of again while it is looked at: that look may have been too early.
        state.ask_look("main", "shop/web", "1", T0 + 1).await.expect("kept");
        state.look_done("main", "shop/web", "1", T0).await.expect("done");
        assert_eq!(state.told_registries().await.expect("asked"), ["main"]);
        state.look_done("main", "shop/web", "1", T0 + 1).await.expect("done");
        assert!(state.told_registries().await.expect("asked").is_empty());
    });
}

#[test]
fn what_is_mended_in_a_registry_is_fixed_where_it_runs() {
    on_both(|state| async move {
        let vulnerable = || vec![vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High)];
        let one = format!("{WEB}:1");
        let old = report(&one, 1, "3.0.1", vulnerable());
        node(&state, "n").await;
        state.inventory("n", &[container("a", "w", &image_id(&old), &one)], T0).await.expect("kept");
        state.keep_report(&image_id(&old), &one, &old, None, T0).await.expect("kept");
        let life = || async {
            let wanted = FindingFilter { rule: Some("CVE-2024-1".to_owned()), ..FindingFilter::default() };
            let page = state.findings(&wanted, &ALL, &Paging::default(), T0).await.expect("a page");
            page.items[0].state
        };
        assert_eq!(life().await, Life::Open);
        // Found in a registry, and nowhere else: a later image that has it, too, mends nothing,
        let keep = async |number: u8, findings| {
            let name = format!("{WEB}:{number}");
            let found = report(&name, number, "3.0.2", findings);
            state.keep_report(&image_id(&found), &name, &found, None, T0 + 1).await.expect("kept");
        };
        keep(2, vulnerable()).await;
        assert_eq!(life().await, Life::Open);
        // one that has it not does,
        keep(3, Vec::new()).await;
        assert_eq!(life().await, Life::Fixed);
        // and stays a fix when an old line, which nothing runs, is built again.
        keep(4, vulnerable()).await;
        assert_eq!(life().await, Life::Fixed);
    });
}

#[test]
fn a_scan_that_was_sent_is_told_with_where_it_came_from() {
    on_both(|state| async move {
        let one = format!("{WEB}:1");
        let sent = report(&one, 1, "3.0.1", Vec::new());
        let id = image_id(&sent);
        assert!(!state.is_seen_itself(&id).await.expect("asked"));
        state.keep_report(&id, &one, &sent, None, T0).await.expect("kept");
        let facts = CiFacts { job: Some("https://ci.example/1".to_owned()), ..CiFacts::default() };
        for time in 0..60 {
            let scan =
                SentScan { time: T0 + time, by: "ci".to_owned(), reference: one.clone(), ci: facts.clone() };
            state.keep_sent(&format!("s-{time}"), &id, &scan, true).await.expect("kept");
        }
        let detail = state.image(&id, &ALL).await.expect("is there");
        assert_eq!((detail.sent.len(), detail.sent[0].time), (50, T0 + 59));
        assert_eq!(detail.sent[0].ci, facts);
        assert!(!state.is_seen_itself(&id).await.expect("asked"));
        // Where it runs, it is looked at by whoever is believed more.
        node(&state, "n").await;
        let runs = [container("a", "w", &id, &one)];
        assert_eq!(state.inventory("n", &runs, T0).await.expect("kept").scan.len(), 1);
        state.keep_report(&id, &one, &sent, None, T0 + 1).await.expect("kept");
        assert!(
            !state.is_seen_itself(&id).await.expect("asked"),
            "the database has changed, and nobody has looked"
        );
        state.seen_itself(&id).await.expect("kept");
        assert!(state.is_seen_itself(&id).await.expect("asked"));
        assert!(state.inventory("n", &runs, T0 + 1000 * MINUTE).await.expect("kept").scan.is_empty());
    });
}
