//! Accounts that a provider vouches for.

use super::{super::*, *};
use gabion_api::rest::{Role, User, UserChange};

fn vouched<'a>(subject: &'a str, name: &'a str, role: Role, scope: &'a Scope) -> Vouched<'a> {
    Vouched { issuer: "https://id.example", subject, name, role, scope }
}

#[test]
fn an_account_is_known_by_its_subject_and_has_what_was_given_last() {
    on_both(|state| async move {
        let all = ALL;
        let shop = Scope { owners: vec!["shop".to_owned()], namespaces: vec!["web".to_owned()] };
        let came = async |who: Vouched<'_>| state.vouched(&who, T0).await.expect("asked");
        assert_eq!(came(vouched("1", "oidc:ann", Role::Admin, &ALL)).await, CameIn::New);
        // The name is another now: the account stays the same.
        let known = CameIn::Known("oidc:ann".to_owned(), Role::Admin, Scope::all());
        assert_eq!(came(vouched("1", "oidc:anna", Role::Viewer, &shop)).await, known);
        let stored = state.user("oidc:ann").await.expect("asked").expect("is there");
        assert_eq!(
            (stored.user.role, stored.user.owners, stored.password),
            (Role::Viewer, shop.owners.clone(), String::new())
        );
        assert_eq!(stored.user.issuer.as_deref(), Some("https://id.example"));
        // The same name by another subject, or another provider.
        assert_eq!(came(vouched("2", "oidc:ann", Role::Admin, &ALL)).await, CameIn::Taken);
        let elsewhere =
            Vouched { issuer: "https://other.example", ..vouched("1", "oidc:ann", Role::Admin, &all) };
        assert_eq!(came(elsewhere).await, CameIn::Taken);
        assert_eq!(came(vouched("2", "oidc:bob", Role::Viewer, &ALL)).await, CameIn::New);
        assert_eq!(state.user("oidc:anna").await.expect("asked"), None);
    });
}

#[test]
fn what_a_provider_gives_nobody_else_changes() {
    on_both(|state| async move {
        state.vouched(&vouched("1", "oidc:ann", Role::Admin, &ALL), T0).await.expect("made");
        let refused = [
            (UserChange { role: Some(Role::Admin), ..UserChange::default() }, None),
            (UserChange { owners: Some(Vec::new()), ..UserChange::default() }, None),
            (UserChange { namespaces: Some(Vec::new()), ..UserChange::default() }, None),
            (UserChange::default(), Some("hash".to_owned())),
        ];
        for (change, password) in refused {
            assert!(matches!(
                state.change_user("oidc:ann", &change, password).await,
                Err(StateError::Refused(_))
            ));
        }
        // An admin of the provider is none that counts: it may say otherwise tomorrow. Nor does one have to be left for them to go.
        let admin = User {
            name: "root".to_owned(),
            role: Role::Admin,
            owners: Vec::new(),
            namespaces: Vec::new(),
            created: T0,
            seen: None,
            disabled: false,
            issuer: None,
        };
        state.add_user(&admin, "hash").await.expect("made");
        assert!(matches!(state.remove_user("root").await, Err(StateError::Refused(_))));
        let session = |hash| NewSession { hash, user: "oidc:ann", csrf: "c", expires: T0 + 1000 };
        state.add_session(&session("a"), T0).await.expect("kept");
        state.add_session(&NewSession { user: "root", ..session("b") }, T0).await.expect("kept");
        assert_eq!(state.end_vouched_sessions().await.expect("ended"), 1);
        assert_eq!(state.session("a", 1000, T0).await.expect("asked"), None);
        assert!(state.session("b", 1000, T0).await.expect("asked").is_some());
        let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
        state.change_user("oidc:ann", &disabled, None).await.expect("changed");
        let came = state.vouched(&vouched("1", "oidc:ann", Role::Admin, &ALL), T0).await.expect("asked");
        assert_eq!(came, CameIn::Disabled("oidc:ann".to_owned()));
        state.remove_user("oidc:ann").await.expect("removed");
        state.set("x", "1").await.expect("kept");
        assert!(state.unset("x").await.expect("gone") && !state.unset("x").await.expect("gone already"));
    });
}
