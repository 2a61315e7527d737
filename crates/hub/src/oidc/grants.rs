//! What a provider tells of somebody, and what they may do by that. Pure.
//!
//! ```text
//!   claims ─┬─ user claim ──► name
//!           └─ group claim ─► groups ─► the first entry of the list that names one of them ─► role, owners, namespaces
//!                                       none ─► what is set for others; nothing is, at first
//! ```
//!
//! The first entry counts, not the sum of all: an admin of a shop who is also a viewer of everything would else be an admin of everything.

use super::token::Claims;
use gabion_api::rest::{Grant, Provider};
use serde_json::Value;

/// A name is not longer, in characters.
const LONGEST: usize = 96;
/// What names of such accounts begin with: no local name has a colon, so the two never meet.
pub(crate) const PREFIX: &str = "oidc:";

/// What is told of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Groups {
    /// These; it may be none.
    Told(Vec<String>),
    /// Nothing is said.
    Unsaid,
    /// There are too many to say: one would have to ask elsewhere.
    Elsewhere,
    /// Something is said that is no list of names.
    Odd,
}

/// A claim: by its whole name, else `a.b` as `b` within `a`.
fn claim<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut parts = path.split('.');
    let first = claims.get(parts.next()?)?;
    let value = parts.try_fold(first, |value, part| value.get(part));
    value.filter(|_| path.contains('.'))
}

/// The groups that somebody is in.
pub(crate) fn groups(claims: &Claims, path: &str) -> Groups {
    match claim(claims, path) {
        Some(Value::String(one)) => Groups::Told(vec![one.clone()]),
        Some(Value::Array(many)) => {
            let names: Option<Vec<String>> = many.iter().map(|one| one.as_str().map(str::to_owned)).collect();
            names.map_or(Groups::Odd, Groups::Told)
        }
        Some(Value::Null) | None => {
            // "Distributed claims" of OpenID Connect Core, 5.6.2: Entra ID does so beyond 200 groups.
            let elsewhere = claims.get("_claim_names").is_some_and(|names| names.get(path).is_some())
                || claims.get("hasgroups").is_some();
            if elsewhere { Groups::Elsewhere } else { Groups::Unsaid }
        }
        Some(_) => Groups::Odd,
    }
}

/// What members of these groups may.
pub(crate) fn grant(provider: &Provider, groups: &[String]) -> Option<Grant> {
    let first = provider.groups.iter().find(|entry| groups.contains(&entry.group));
    first
        .map(|entry| Grant {
            role: entry.role,
            owners: entry.owners.clone(),
            namespaces: entry.namespaces.clone(),
        })
        .or_else(|| provider.others.clone())
}

/// The name of an account, from the claim that names the user. What could be mistaken for something else in a list is `_`.
pub(crate) fn name(claims: &Claims, path: &str) -> Option<String> {
    let said = claim(claims, path)?.as_str()?.trim();
    let plain = |c: char| if c.is_alphanumeric() || "._-@+".contains(c) { c } else { '_' };
    let name: String = said.chars().take(LONGEST).map(plain).collect();
    (!name.is_empty()).then(|| format!("{PREFIX}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_api::rest::{GroupGrant, Role};
    use proptest::prelude::*;
    use serde_json::json;

    fn claims(value: Value) -> Claims {
        serde_json::from_value(value).expect("an object")
    }

    fn entry(group: &str, role: Role, owners: &[&str]) -> GroupGrant {
        let owners = owners.iter().map(|&owner| owner.to_owned()).collect();
        GroupGrant { group: group.to_owned(), role, owners, namespaces: Vec::new() }
    }

    fn provider(groups: Vec<GroupGrant>, others: Option<Grant>) -> Provider {
        Provider {
            issuer: "https://id.example".to_owned(),
            client_id: "gabion".to_owned(),
            has_secret: true,
            scopes: Vec::new(),
            user_claim: "preferred_username".to_owned(),
            group_claim: "groups".to_owned(),
            groups,
            others,
            label: "Example".to_owned(),
            public_url: None,
            changed: 0,
            by: "ann".to_owned(),
        }
    }

    fn told(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn groups_are_found_where_providers_put_them() {
        let asked = |value, path| groups(&claims(value), path);
        assert_eq!(asked(json!({"groups": ["a", "b"]}), "groups"), Groups::Told(told(&["a", "b"])));
        assert_eq!(asked(json!({"groups": []}), "groups"), Groups::Told(Vec::new()));
        assert_eq!(asked(json!({"role": "a"}), "role"), Groups::Told(told(&["a"])));
        let nested = json!({"realm_access": {"roles": ["a"]}, "https://x.example/groups": ["b"]});
        assert_eq!(asked(nested.clone(), "realm_access.roles"), Groups::Told(told(&["a"])));
        assert_eq!(asked(nested.clone(), "https://x.example/groups"), Groups::Told(told(&["b"])));
        assert_eq!(asked(nested, "realm_access.groups"), Groups::Unsaid);
    }

    #[test]
    fn what_is_not_told_is_not_the_same_as_none() {
        let asked = |value| groups(&claims(value), "groups");
        assert_eq!(asked(json!({})), Groups::Unsaid);
        assert_eq!(asked(json!({"groups": [1]})), Groups::Odd);
        assert_eq!(asked(json!({"groups": {"a": true}})), Groups::Odd);
        assert_eq!(asked(json!({"_claim_names": {"groups": "src1"}})), Groups::Elsewhere);
    }

    #[test]
    fn the_first_entry_counts_and_nobody_else_comes_in() {
        let list = vec![entry("shop", Role::Admin, &["shop"]), entry("all", Role::Viewer, &[])];
        let strict = provider(list.clone(), None);
        let both = grant(&strict, &told(&["all", "shop"])).expect("comes in");
        assert_eq!((both.role, both.owners), (Role::Admin, told(&["shop"])));
        assert_eq!(grant(&strict, &told(&["all"])).map(|grant| grant.role), Some(Role::Viewer));
        assert_eq!(grant(&strict, &told(&["Shop", "shop "])), None);
        assert_eq!(grant(&strict, &[]), None);
        let others = Grant { role: Role::Viewer, owners: told(&["demo"]), namespaces: Vec::new() };
        assert_eq!(grant(&provider(list, Some(others.clone())), &[]), Some(others));
    }

    proptest! {
        /// Whatever a provider says: a name is never one that a local user could have, and nothing of it deceives.
        #[test]
        fn a_name_is_never_a_local_one(said in ".{0,200}") {
            if let Some(name) = name(&claims(json!({"n": said})), "n") {
                prop_assert!(name.starts_with(PREFIX) && name.len() > PREFIX.len());
                prop_assert!(name[PREFIX.len()..].chars().all(|c| c.is_alphanumeric() || "._-@+".contains(c)));
                prop_assert!(name.chars().count() <= LONGEST + PREFIX.len());
            }
        }

        /// More groups never let somebody in who is in none of the list, and the answer is always an entry of the list or that for others.
        #[test]
        fn nobody_gets_what_no_entry_says(
            list in proptest::collection::vec(("[a-c]", 0..4_usize), 0..5),
            of in proptest::collection::vec("[a-e]", 0..5),
        ) {
            let roles = [Role::Viewer, Role::Triager, Role::Operator, Role::Admin];
            let list: Vec<GroupGrant> = list.iter().map(|(group, role)| entry(group, roles[*role], &[])).collect();
            let got = grant(&provider(list.clone(), None), &of);
            let allowed = list.iter().find(|entry| of.contains(&entry.group)).map(|entry| entry.role);
            prop_assert_eq!(got.map(|grant| grant.role), allowed);
        }
    }
}
