//! Pages, filters, and what people type.

use super::{super::*, *};
use gabion_api::rest::PeerKind::{Name, Workload};

#[test]
fn pages_have_every_row_once_whatever_they_are_sorted_by() {
    on_both(|state| async move {
        let mut findings = Vec::new();
        for number in 0..7 {
            let severity = [Severity::High, Severity::Low, Severity::Critical][number % 3];
            findings.push(vulnerability(&format!("CVE-2024-{number}"), "openssl", "3.0.1", severity));
        }
        let scanned = report("registry.example/shop/web:1", 1, "3.0.1", findings);
        state.keep_report(&image_id(&scanned), "x", &scanned, None, T0).await.expect("kept");
        for sort in
            ["", "severity", "-severity", "rule", "-rule", "repository", "first_seen", "-due", "running"]
        {
            let state = &state;
            let list = |paging: Paging| async move {
                state.findings(&FindingFilter::default(), &ALL, &paging, T0).await
            };
            let mut rules: Vec<String> =
                all(list, sort).await.into_iter().map(|finding| finding.rule).collect();
            if sort == "rule" {
                assert!(rules.is_sorted());
            }
            rules.sort();
            rules.dedup();
            assert_eq!(rules.len(), 7, "{sort}");
        }
        let page = state
            .findings(
                &FindingFilter::default(),
                &ALL,
                &Paging { sort: "rule".to_owned(), limit: 2, cursor: None },
                T0,
            )
            .await
            .expect("a page");
        // A cursor is of one list in one order.
        for sort in ["-rule", "severity"] {
            let wrong = Paging { sort: sort.to_owned(), limit: 2, cursor: page.next.clone() };
            assert!(matches!(
                state.findings(&FindingFilter::default(), &ALL, &wrong, T0).await,
                Err(StateError::Cursor)
            ));
        }
        for cursor in ["", "x", "e30", "WyJ0cnVlIiwxXQ"] {
            let wrong = Paging { cursor: Some(cursor.to_owned()), ..Paging::default() };
            assert!(
                matches!(
                    state.findings(&FindingFilter::default(), &ALL, &wrong, T0).await,
                    Err(StateError::Cursor)
                ),
                "{cursor}"
            );
        }
        let wrong = Paging { sort: "id; DROP TABLE finding".to_owned(), ..Paging::default() };
        assert!(
            matches!(state.findings(&FindingFilter::default(), &ALL, &wrong, T0).await, Err(StateError::Refused(why)) if why.contains("priority, severity"))
        );
    });
}

#[test]
fn what_people_and_images_say_is_never_a_statement() {
    on_both(|state| async move {
        let evil = "registry.example/a'; DROP TABLE image; --<script>alert(1)</script>:1";
        let scanned = report(
            evil,
            1,
            "3.0.1",
            vec![vulnerability("CVE-2024-1' OR '1'='1", "openssl", "1%_!", Severity::High)],
        );
        state.keep_report(&image_id(&scanned), evil, &scanned, Some("' OR 1=1 --"), T0).await.expect("kept");
        let count = |text: &str| {
            let (state, wanted) =
                (state.clone(), FindingFilter { text: text.to_owned(), ..FindingFilter::default() });
            async move { state.findings(&wanted, &ALL, &Paging::default(), T0).await.expect("a page").total }
        };
        assert_eq!(count("' OR '1'='1").await, 1);
        assert_eq!(count("x' OR '1'='1").await, 0);
        // Signs of a pattern stand for themselves.
        assert_eq!(
            (count("1%_!").await, count("%_").await, count("_").await, count("!!").await),
            (1, 1, 1, 0)
        );
        let owner = Scope { owners: vec!["' OR 1=1 --".to_owned()], namespaces: Vec::new() };
        assert_eq!(
            state.images(&ImageFilter::default(), &owner, &Paging::default()).await.expect("a page").total,
            1
        );
        assert_eq!(state.search("drop table", &ALL).await.expect("hits")[0].kind, "image");
    });
}

#[test]
fn everything_that_has_a_name_is_found_by_it() {
    on_both(|state| async move {
        node(&state, "n").await;
        let of = NewContainer {
            namespace: Some("shop-live".to_owned()),
            ..container("0123abcd", "shop/web", "", "web:1")
        };
        state.inventory("n", &[of], T0).await.expect("kept");
        let scanned = report("web:1", 1, "3.0.1", Vec::new());
        state.keep_report(&image_id(&scanned), "web:1", &scanned, Some("Shop Team"), T0).await.expect("kept");
        let exception = gabion_api::rest::NewException {
            kind: gabion_api::rest::ExceptionKind::Deferral,
            rule: "CVE-2024-7".to_owned(),
            repository: None,
            owner: "shop".to_owned(),
            reason: "the next release".to_owned(),
            expires: T0 + MINUTE,
            dry_run: false,
        };
        state.add_exception("x", &exception, "ann", T0).await.expect("kept");
        for (text, kind, link) in [
            ("0123AB", "container", "/workloads/shop%2Fweb"),
            ("shop-l", "namespace", "/workloads?namespace=shop-live"),
            ("shop t", "owner", "/findings?owner=Shop%20Team"),
            ("next rel", "exception", "/exceptions?q=CVE-2024-7"),
            ("2024-7", "exception", "/exceptions?q=CVE-2024-7"),
        ] {
            let hits = state.search(text, &ALL).await.expect("hits");
            assert!(
                hits.iter().any(|hit| (hit.kind.as_str(), hit.link.as_str()) == (kind, link)),
                "{text}: {hits:?}"
            );
        }
        let nobody = Scope { owners: vec!["pay".to_owned()], namespaces: Vec::new() };
        for text in ["0123ab", "shop", "next", "cve"] {
            assert!(state.search(text, &nobody).await.expect("hits").is_empty(), "{text}");
        }
    });
}

#[test]
fn a_name_moves_on_and_its_history_stays() {
    on_both(|state| async move {
        let name = "registry.example/shop/web:latest";
        for number in [1, 2] {
            let scanned = report(name, number, "3.0.1", Vec::new());
            state
                .keep_report(&image_id(&scanned), name, &scanned, None, T0 + Millis::from(number))
                .await
                .expect("kept");
        }
        let first = state.image(&format!("sha256:{}", "01".repeat(32)), &ALL).await.expect("is there");
        assert_eq!((first.names[0].since, first.names[0].until), (T0 + 1, Some(T0 + 2)));
        let second = state.image(&format!("sha256:{}", "02".repeat(32)), &ALL).await.expect("is there");
        assert_eq!((second.names[0].since, second.names[0].until), (T0 + 2, None));
        assert_eq!(second.aspects.len(), 1);
    });
}

#[test]
fn flows_are_counted_by_name() {
    on_both(|state| async move {
        node(&state, "n").await;
        state
            .inventory(
                "n",
                &[container("a", "shop/web", "", "web:1"), container("b", "shop/db", "", "db:1")],
                T0,
            )
            .await
            .expect("kept");
        let flow = |target: &str, kind, port, denied| NewFlow {
            source: "shop/web".to_owned(),
            target: target.to_owned(),
            kind,
            port,
            protocol: "tcp".to_owned(),
            time: T0,
            denied,
        };
        state
            .keep_flows(&[
                flow("shop/db", Workload, 5432, false),
                flow("shop/db", Workload, 5432, false),
                flow("pool.example", Name, 443, true),
            ])
            .await
            .expect("kept");
        state.keep_flows(&[flow("shop/db", Workload, 5432, false)]).await.expect("kept");
        let map = state.service_map(T0 - 1, T0 + MINUTE, None, &ALL).await.expect("a map");
        assert_eq!(
            map.flows
                .iter()
                .map(|flow| (flow.to.as_str(), flow.connections, flow.denied, flow.encrypted))
                .collect::<Vec<_>>(),
            [("shop/db", 3, 0, None), ("pool.example", 1, 1, Some(true))]
        );
        assert_eq!(map.peers.len(), 3);
        assert_eq!(
            state
                .service_map(T0 + 2 * 3600 * 1000, T0 + 3 * 3600 * 1000, None, &ALL)
                .await
                .expect("a map")
                .flows,
            []
        );
    });
}

#[test]
fn a_copy_has_what_there_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let state = State::in_directory(directory.path()).await.expect("opens");
        state.set("a", "b").await.expect("kept");
        let copy = directory.path().join("copy");
        std::fs::create_dir(&copy).expect("made");
        state.backup(&copy.join("hub.db")).await.expect("copied");
        assert!(matches!(state.backup(&copy.join("hub.db")).await, Err(StateError::Refused(_))));
        let restored = State::in_directory(&copy).await.expect("opens");
        assert_eq!(restored.setting("a").await.expect("asked").as_deref(), Some("b"));
    });
}
