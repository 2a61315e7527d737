//! Who may come in, and what they see.

use super::{super::*, *};
use gabion_api::rest::{Role, Token, User, UserChange};

fn user(name: &str, role: Role) -> User {
    User {
        name: name.to_owned(),
        role,
        owners: Vec::new(),
        namespaces: Vec::new(),
        created: T0,
        seen: None,
        disabled: false,
        issuer: None,
    }
}

#[test]
fn a_session_ends_by_time_by_idleness_and_by_change() {
    on_both(|state| async move {
        // The first admin comes in by a token and is no user: others can be changed and removed all the same.
        state.add_user(&user("eve", Role::Viewer), "hash").await.expect("made");
        let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
        state.change_user("eve", &disabled, None).await.expect("changed");
        state.remove_user("eve").await.expect("removed");
        state.add_user(&user("ann", Role::Admin), "hash").await.expect("made");
        state.add_user(&user("bob", Role::Viewer), "hash").await.expect("made");
        assert!(matches!(
            state.add_user(&user("bob", Role::Admin), "hash").await,
            Err(StateError::Refused(_))
        ));
        let session = NewSession { hash: "h", user: "bob", csrf: "c", expires: T0 + 1000 };
        state.add_session(&session, T0).await.expect("kept");
        let caller = state.session("h", 500, T0 + 100).await.expect("asked").expect("is in");
        assert_eq!(
            (caller.name.as_str(), caller.role, caller.csrf.as_deref()),
            ("bob", Role::Viewer, Some("c"))
        );
        assert_eq!(state.session("h", 500, T0 + 600).await.expect("asked"), None);
        assert_eq!(state.session("h", 5000, T0 + 1000).await.expect("asked"), None);
        assert_eq!(state.session("other", 5000, T0).await.expect("asked"), None);
        state
            .change_user("bob", &UserChange { role: Some(Role::Triager), ..UserChange::default() }, None)
            .await
            .expect("changed");
        assert_eq!(state.session("h", 5000, T0).await.expect("asked"), None);
        // Somebody must be left who may say who may do what.
        assert!(matches!(
            state
                .change_user("ann", &UserChange { role: Some(Role::Viewer), ..UserChange::default() }, None)
                .await,
            Err(StateError::Refused(_))
        ));
        assert!(matches!(state.remove_user("ann").await, Err(StateError::Refused(_))));
        assert!(state.user("ann").await.expect("asked").is_some());
        state.remove_user("bob").await.expect("removed");
        assert!(matches!(state.remove_user("bob").await, Err(StateError::Absent { .. })));
    });
}

#[test]
fn a_join_token_is_used_up_and_expires() {
    on_both(|state| async move {
        state.add_join_token("t", "ann", 2, T0 + 10, T0).await.expect("made");
        state.join("t", "n1", "one", T0).await.expect("joins");
        assert!(matches!(state.join("t", "n2", "two", T0 + 10).await, Err(StateError::Refused(_))));
        state.join("t", "n2", "two", T0 + 9).await.expect("joins");
        assert!(matches!(state.join("t", "n3", "three", T0).await, Err(StateError::Refused(_))));
        assert!(matches!(state.join("other", "n3", "three", T0).await, Err(StateError::Refused(_))));
        assert!(state.is_allowed("n1").await.expect("asked"));
        state.remove_node("n1", T0).await.expect("removed");
        assert!(!state.is_allowed("n1").await.expect("asked"));
        let names: Vec<String> = state
            .nodes("", false, &Paging::default(), T0)
            .await
            .expect("a page")
            .items
            .into_iter()
            .map(|node| node.name)
            .collect();
        assert_eq!(names, ["two"]);
    });
}

#[test]
fn nothing_leaks_across_scopes() {
    on_both(|state| async move {
        node(&state, "n").await;
        for (number, team) in [(1, "shop"), (2, "bank")] {
            let name = format!("registry.example/{team}/web:1");
            let scanned = report(
                &name,
                number,
                "3.0.1",
                vec![vulnerability(&format!("CVE-2024-{number}"), "openssl", "3.0.1", Severity::High)],
            );
            let mut one =
                container(&format!("c{number}"), &format!("{team}/web"), &image_id(&scanned), &name);
            one.namespace = Some(team.to_owned());
            let mut both = vec![one];
            if number == 2 {
                let mut shop = container(
                    "c1",
                    "shop/web",
                    &format!("sha256:{}", "01".repeat(32)),
                    "registry.example/shop/web:1",
                );
                shop.namespace = Some("shop".to_owned());
                both.push(shop);
            }
            state.inventory("n", &both, T0).await.expect("kept");
            state.keep_report(&image_id(&scanned), &name, &scanned, Some(team), T0).await.expect("kept");
        }
        let shop = Scope { owners: vec!["shop".to_owned()], namespaces: Vec::new() };
        let findings =
            state.findings(&FindingFilter::default(), &shop, &Paging::default(), T0).await.expect("a page");
        assert_eq!((findings.total, findings.items[0].rule.as_str()), (1, "CVE-2024-1"));
        let other = state
            .findings(&FindingFilter::default(), &ALL, &Paging::default(), T0)
            .await
            .expect("a page")
            .items;
        let theirs = other.iter().find(|finding| finding.rule == "CVE-2024-2").expect("is there");
        assert!(matches!(state.finding(&theirs.id, &shop, T0).await, Err(StateError::Absent { .. })));
        let plan = gabion_api::rest::NewPlan {
            findings: vec![findings.items[0].id.clone(), theirs.id.clone()],
            due: None,
            note: String::new(),
        };
        assert!(matches!(state.plan(&plan, "eve", &shop, T0).await, Err(StateError::Absent { .. })));
        assert_eq!(
            state
                .findings(&FindingFilter::default(), &shop, &Paging::default(), T0)
                .await
                .expect("a page")
                .items[0]
                .state,
            gabion_api::rest::State::Open,
            "all or nothing"
        );
        assert_eq!(
            state.images(&ImageFilter::default(), &shop, &Paging::default()).await.expect("a page").total,
            1
        );
        assert!(matches!(state.image(&theirs.image, &shop).await, Err(StateError::Absent { .. })));
        assert!(matches!(
            state.packages_of(&theirs.image, "", &shop, &Paging::default()).await,
            Err(StateError::Absent { .. })
        ));
        assert_eq!(state.package("deb", "openssl", &shop).await.expect("is there").places.len(), 1);
        assert_eq!(
            state
                .workloads(&WorkloadFilter::default(), &shop, &Paging::default())
                .await
                .expect("a page")
                .total,
            1
        );
        assert_eq!(state.containers("", None, &shop, &Paging::default()).await.expect("a page").total, 1);
        assert_eq!(state.numbers(&shop, T0).await.expect("numbers").open.high, 1);
        assert!(
            state.search("web", &shop).await.expect("hits").iter().all(|hit| !hit.title.contains("bank"))
        );
        assert!(
            state
                .advisories("", &shop, &Paging::default())
                .await
                .expect("a page")
                .items
                .iter()
                .all(|one| one.rule == "CVE-2024-1")
        );
        let namespace = Scope { owners: Vec::new(), namespaces: vec!["bank".to_owned()] };
        assert_eq!(
            state
                .workloads(&WorkloadFilter::default(), &namespace, &Paging::default())
                .await
                .expect("a page")
                .items[0]
                .name,
            "bank/web"
        );
        // Images are in no namespace.
        assert_eq!(
            state
                .images(&ImageFilter::default(), &namespace, &Paging::default())
                .await
                .expect("a page")
                .total,
            0
        );
    });
}

#[test]
fn a_token_expires_and_can_be_removed() {
    on_both(|state| async move {
        let token = Token {
            id: "t1".to_owned(),
            name: "ci".to_owned(),
            role: Role::Triager,
            owners: vec!["shop".to_owned()],
            namespaces: Vec::new(),
            by: "ann".to_owned(),
            created: T0,
            expires: T0 + 10,
            used: None,
            secret: None,
        };
        state.add_token(&token, "hash").await.expect("made");
        let caller = state.token("hash", T0 + 9).await.expect("asked").expect("is good");
        assert_eq!((caller.role, caller.scope.owners), (Role::Triager, vec!["shop".to_owned()]));
        assert_eq!(state.token("hash", T0 + 10).await.expect("asked"), None);
        assert_eq!(state.tokens(&Paging::default()).await.expect("a page").items[0].secret, None);
        state.remove_token("t1").await.expect("removed");
        assert_eq!(state.token("hash", T0).await.expect("asked"), None);
    });
}
