//! How a provider is set up: what an admin sends, looked at, and kept as one setting of the state.
//!
//! The secret of the client is sealed where it is kept, as it has to be sent. It is told to nobody, and is sent to no other provider than the one for
//! which it was given: whoever names another issuer must bring a secret.

use super::{CALLBACK, provider::address};
use crate::{
    Hub,
    error::{Answer, ApiError},
};
use gabion_api::rest::{NewProvider, Provider};
use serde::{Deserialize, Serialize};

/// The name of the setting.
pub(crate) const SETTING: &str = "sign-in";
/// What the secret of the client is sealed for.
const SEALED_FOR: &str = "sign-in";
/// Texts are not longer, in bytes; lists not longer, in entries.
const LONGEST: usize = 1000;
const MOST: usize = 200;

/// A provider with its secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) provider: Provider,
    pub(crate) secret: String,
}

impl Kept {
    /// What an admin wants, if it makes sense; the secret is that of before where none is sent.
    pub(crate) fn new(new: NewProvider, before: Option<&Self>, by: &str, now: i64) -> Answer<Self> {
        let new = checked(new)?;
        let same = before
            .filter(|kept| kept.provider.issuer == new.issuer && kept.provider.client_id == new.client_id);
        let secret = match (new.secret, before, same) {
            (Some(secret), ..) => secret,
            (None, _, Some(kept)) => kept.secret.clone(),
            (None, Some(kept), None) if !kept.secret.is_empty() => {
                return Err(bad(
                    "secret: the one that is kept is for another issuer or client: send a new one",
                ));
            }
            (None, ..) => String::new(),
        };
        let provider = Provider {
            issuer: new.issuer,
            client_id: new.client_id,
            has_secret: !secret.is_empty(),
            scopes: new.scopes,
            user_claim: new.user_claim,
            group_claim: new.group_claim,
            groups: new.groups,
            others: new.others,
            label: new.label,
            public_url: new.public_url,
            changed: now,
            by: by.to_owned(),
        };
        Ok(Self { provider, secret })
    }

    /// Whether people may go on who came in as it was before: nothing but the text of the button is different.
    pub(crate) fn lets_in_as(&self, before: &Self) -> bool {
        let mut other = before.clone();
        other.provider.label.clone_from(&self.provider.label);
        other.provider.by.clone_from(&self.provider.by);
        other.provider.changed = self.provider.changed;
        *self == other
    }

    /// The redirect URI: at the address that is set, or at the one by which the hub is asked.
    pub(crate) fn redirect(&self, asked: &str) -> String {
        redirect(self.provider.public_url.as_deref(), asked)
    }
}

/// The redirect URI at an address that is set, or at the one by which the hub is asked.
pub(crate) fn redirect(public: Option<&str>, asked: &str) -> String {
    format!("{}{CALLBACK}", public.unwrap_or(asked).trim_end_matches('/'))
}

fn bad(why: &str) -> ApiError {
    ApiError::Bad(why.to_owned())
}

fn checked(mut new: NewProvider) -> Answer<NewProvider> {
    for text in
        [&mut new.issuer, &mut new.client_id, &mut new.user_claim, &mut new.group_claim, &mut new.label]
    {
        *text = text.trim().to_owned();
    }
    let is_text = |text: &str| !text.is_empty() && text.len() <= LONGEST && !text.contains(char::is_control);
    for (what, text) in [
        ("issuer", &new.issuer),
        ("client_id", &new.client_id),
        ("user_claim", &new.user_claim),
        ("group_claim", &new.group_claim),
        ("label", &new.label),
    ] {
        if !is_text(text) {
            return Err(ApiError::Bad(format!("{what}: it is empty or longer than {LONGEST} bytes")));
        }
    }
    address(&new.issuer, "issuer").map_err(|fault| ApiError::Bad(format!("issuer: {fault}")))?;
    if new.issuer.contains('?') {
        return Err(bad("issuer: it has no query"));
    }
    if new.secret.as_ref().is_some_and(|secret| secret.len() > LONGEST || secret.contains(char::is_control)) {
        return Err(bad("secret: it is too long, or has characters that no secret has"));
    }
    // RFC 6749, 3.3; and `openid` is what makes it OpenID Connect.
    let is_scope = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
    };
    if new.scopes.len() > MOST || !new.scopes.iter().all(is_scope) {
        return Err(bad("scopes: each is a word without blanks and quotes"));
    }
    if !new.scopes.iter().any(|scope| scope == "openid") {
        new.scopes.insert(0, "openid".to_owned());
    }
    let grants = new.groups.iter().map(|entry| (&entry.owners, &entry.namespaces));
    let grants = grants.chain(new.others.iter().map(|others| (&others.owners, &others.namespaces)));
    for (owners, namespaces) in grants {
        let all = owners.iter().chain(namespaces);
        if owners.len() + namespaces.len() > MOST || !all.into_iter().all(|one| is_text(one)) {
            return Err(bad("groups: owners and namespaces are names, and at most 200"));
        }
    }
    if new.groups.len() > MOST || !new.groups.iter().all(|entry| is_text(&entry.group)) {
        return Err(bad("groups: each has a name, and there are at most 200"));
    }
    if let Some(public) = &mut new.public_url {
        *public = public.trim().trim_end_matches('/').to_owned();
    }
    new.public_url = new.public_url.filter(|public| !public.is_empty());
    if let Some(public) = &new.public_url {
        let is_origin = public
            .split_once("://")
            .is_some_and(|(scheme, host)| matches!(scheme, "http" | "https") && is_host(host));
        if !is_origin {
            return Err(bad("public_url: it is https://HOST or https://HOST:PORT, without a path"));
        }
    }
    Ok(new)
}

/// Whether something can be the host, and the port, of an address.
pub(crate) fn is_host(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(good)
}

impl Hub {
    /// The provider that is set up.
    pub(crate) async fn provider(&self) -> Result<Option<Kept>, gabion_store::state::StateError> {
        let kept = self.state.setting(SETTING).await?;
        let read = |text: String| {
            let mut kept: Kept = serde_json::from_str(&text)
                // Without what is wrong: that would quote what is kept.
                .map_err(|_| {
                    gabion_store::state::StateError::Row("the setting of the provider".to_owned())
                })?;
            if !kept.secret.is_empty() {
                kept.secret = self.seal.unseal(&kept.secret, SEALED_FOR).unwrap_or_else(|error| {
                    // Then it is as if there were none, so that it can be given anew.
                    self.note(&format!("the client secret of the provider: {error}"));
                    kept.provider.has_secret = false;
                    String::new()
                });
            }
            Ok(kept)
        };
        kept.map(read).transpose()
    }

    /// Another provider is set up.
    pub(crate) async fn set_provider(&self, kept: &Kept) -> Answer<()> {
        let secret = self.sealed(Some(kept.secret.clone()), SEALED_FOR)?.unwrap_or_default();
        let sealed = Kept { provider: kept.provider.clone(), secret };
        let text = serde_json::to_string(&sealed).map_err(|error| ApiError::Broken(error.to_string()))?;
        Ok(self.state.set(SETTING, &text).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_api::rest::{GroupGrant, Role};

    fn new() -> NewProvider {
        NewProvider {
            issuer: " https://id.example ".to_owned(),
            client_id: "gabion".to_owned(),
            secret: Some("geheim".to_owned()),
            scopes: vec!["groups".to_owned()],
            user_claim: "preferred_username".to_owned(),
            group_claim: "groups".to_owned(),
            groups: vec![GroupGrant {
                group: "a".to_owned(),
                role: Role::Viewer,
                owners: Vec::new(),
                namespaces: Vec::new(),
            }],
            others: None,
            label: "Example".to_owned(),
            public_url: Some("https://gabion.example/".to_owned()),
        }
    }

    #[test]
    fn what_is_kept_is_in_order() {
        let kept = Kept::new(new(), None, "ann", 7).map_err(|_| ()).expect("good");
        assert_eq!(kept.provider.issuer, "https://id.example");
        assert_eq!(kept.provider.scopes, ["openid", "groups"]);
        assert!(kept.provider.has_secret);
        assert_eq!(kept.redirect("http://asked"), "https://gabion.example/api/v1/session/oidc/callback");
        assert_eq!(redirect(None, "http://asked:1"), "http://asked:1/api/v1/session/oidc/callback");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let change: [fn(&mut NewProvider); 9] = [
            |new| new.issuer = "http://id.example".to_owned(),
            |new| new.issuer = String::new(),
            |new| new.client_id = " ".to_owned(),
            |new| new.label = "x".repeat(1001),
            |new| new.scopes = vec!["a b".to_owned()],
            |new| new.public_url = Some("https://gabion.example/path".to_owned()),
            |new| new.public_url = Some("javascript:alert(1)".to_owned()),
            |new| new.groups[0].group = String::new(),
            |new| new.groups[0].owners = vec![String::new()],
        ];
        for (number, change) in change.iter().enumerate() {
            let mut new = new();
            change(&mut new);
            assert!(matches!(Kept::new(new, None, "ann", 0), Err(ApiError::Bad(_))), "{number}");
        }
    }

    #[test]
    fn a_secret_goes_to_no_other_provider() {
        let before = Kept::new(new(), None, "ann", 0).map_err(|_| ()).expect("good");
        let without = || NewProvider { secret: None, ..new() };
        let same = Kept::new(without(), Some(&before), "ann", 0).map_err(|_| ()).expect("good");
        assert_eq!(same.secret, "geheim");
        for elsewhere in [
            NewProvider { issuer: "https://evil.example".to_owned(), ..without() },
            NewProvider { client_id: "other".to_owned(), ..without() },
        ] {
            assert!(matches!(Kept::new(elsewhere, Some(&before), "ann", 0), Err(ApiError::Bad(_))));
        }
        let none = NewProvider { secret: Some(String::new()), ..new() };
        assert_eq!(Kept::new(none, Some(&before), "ann", 0).map_err(|_| ()).expect("good").secret, "");
    }

    #[test]
    fn only_another_label_lets_people_go_on() {
        let before = Kept::new(new(), None, "ann", 0).map_err(|_| ()).expect("good");
        let changed = |change: fn(&mut NewProvider)| {
            let mut new = new();
            change(&mut new);
            Kept::new(new, Some(&before), "bob", 9).map_err(|_| ()).expect("good").lets_in_as(&before)
        };
        assert!(changed(|new| new.label = "Other".to_owned()));
        assert!(!changed(|new| new.groups.clear()));
        assert!(!changed(|new| new.secret = Some("other".to_owned())));
    }
}
