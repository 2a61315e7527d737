//! What a database of an earlier version becomes.

use super::{
    super::{schema, sql::q, *},
    *,
};
use gabion_api::rest::FindingKind;

/// A database as the first version has left it, with something in each list.
async fn of_the_first_version(state: &State) {
    schema::migrate(state, 1).await.expect("made");
    for statement in [
        "INSERT INTO node (id, name, joined, seen, version, kernel, arch) VALUES ('n1', 'one', 1, 1, '0.1.0', '6.1', 'x86_64')",
        "INSERT INTO image (id, name, repository, first_seen, scanned) VALUES ('sha256:a', 'shop/web:1', 'shop/web', 1, 1)",
        "INSERT INTO package (image, number, kind, name, version, purl) VALUES ('sha256:a', 0, 'deb', 'openssl', '3.0.1', 'pkg:deb/openssl@3.0.1')",
        "INSERT INTO finding (id, kind, rule, title, severity, priority, repository, image, place, exploited, state, fixed, running, first_seen, since) \
         VALUES ('f1', 'vulnerability', 'CVE-1', 'one', 4, 70, 'shop/web', 'sha256:a', 'openssl 3.0.1', 0, 'open', 0, 1, 1, 1)",
        "INSERT INTO image_finding (image, finding, stable) VALUES ('sha256:a', 'f1', 's1')",
        "INSERT INTO container (id, name, node, workload, image, image_name, runtime, addresses, labels, listens, target, started, unknown) \
         VALUES ('c1', 'web', 'n1', 'shop/web', 'sha256:a', 'shop/web:1', 'containerd', '[]', '{}', '[]', '', 1, '[]')",
        "INSERT INTO alert (id, first, last, many, rule, priority, severity, message, node, techniques, state, fields) \
         VALUES ('n1-1', 1, 1, 2, 'a rule', 'WARNING', 3, 'm', 'n1', '[]', 'new', '{}')",
        "INSERT INTO incident (id, node, title, severity, began, updated, containers, tactics, techniques, state, story, picture) \
         VALUES ('n1-1', 'n1', 'an incident', 4, 1, 2, '[\"the node\",\"web\"]', '[]', '[]', 'open', '{\"old\":1}', '<svg/>')",
        "INSERT INTO account (name, password, role, owners, namespaces, created, disabled) VALUES ('ann', 'h', 'admin', '[]', '[]', 1, 0)",
        "INSERT INTO audit (id, time, created_by, origin, action, target, detail) VALUES ('a1', 1, 'ann', '', 'user.create', 'ann', '')",
    ] {
        q(statement).run(&state.pool).await.expect(statement);
    }
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date_with_all_that_is_in_it() {
    let check = async |url: &str| {
        let first = State::connect(url).await.expect("connects");
        of_the_first_version(&first).await;
        first.pool.close().await;
        let state = State::open(url).await.expect("is brought up to date");
        let (all, paging) = (Scope::all(), Paging::default());
        let findings =
            state.findings(&FindingFilter::default(), &all, &paging, T0).await.expect("asked").items;
        assert_eq!(
            (findings.len(), findings[0].kind, findings[0].loaded),
            (1, FindingKind::Vulnerability, false)
        );
        assert_eq!(state.packages("ssl", 10, &all).await.expect("asked")[0].images, 1);
        assert_eq!(state.containers("c1", None, &all, &paging).await.expect("asked").total, 1);
        assert_eq!(
            state.alerts(&AlertFilter::default(), &all, &paging).await.expect("asked").items[0].count,
            2
        );
        let old = state.incident("n1-1", &all, Telling::Pictures).await.expect("is there");
        assert_eq!(old.parts[0].text.as_deref(), Some("<svg/>"));
        let old = state.incident("n1-1", &all, Telling::Stories).await.expect("is there");
        assert_eq!(old.parts[0].text.as_deref(), Some("{\"old\":1}"));
        assert_eq!(
            (old.incident.containers.as_slice(), old.incident.on_host),
            (&["web".to_owned()][..], true)
        );
        assert_eq!(
            (old.incident.nodes.as_slice(), old.parts[0].part.joinable),
            (&["n1".to_owned()][..], false)
        );
        assert_eq!(state.users(&paging).await.expect("asked").items[0].name, "ann");
        assert_eq!(state.audited("", &paging).await.expect("asked").total, 1);
        // It goes on from there.
        let files = std::collections::BTreeSet::from(["usr/bin/web".to_owned()]);
        assert_eq!(state.loaded("n1", "c1", &files, T0).await.expect("kept"), Some(true));
        state.pool.close().await;

        // An older program does not touch what it does not understand.
        let older = State::connect(url).await.expect("connects");
        assert!(matches!(schema::migrate(&older, 1).await, Err(StateError::Schema(_))));
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    runtime.block_on(check(&format!("sqlite:{}", directory.path().join("hub.db").display())));
    if let Some(url) = server::database() {
        runtime.block_on(check(&url));
    }
}
