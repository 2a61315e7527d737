//! Trying a provider before anybody depends on it: step by step, with what is wrong and what to do about it.
//!
//! The last step sends a code that cannot be one. A provider that knows this hub refuses the code; one that does not, or is told a wrong secret,
//! refuses the hub. So the secret is tried without anybody logging in.

use super::{
    Kept,
    provider::{Fault, Metadata, Registered, Remote},
    token,
};
use gabion_api::rest::{Outcome, SignInStep};

/// What is tried, in order.
const DISCOVERY: &str = "Ask the provider what it is";
const FLOW: &str = "Log-in by a code";
const CHALLENGE: &str = "PKCE with S256";
const SCOPES: &str = "Scopes";
const CLAIMS: &str = "Claims";
const KEYS: &str = "Keys that sign";
const CLIENT: &str = "This hub at the provider";

fn step(what: &str, outcome: Outcome, detail: impl Into<String>, hint: Option<&str>) -> SignInStep {
    SignInStep { what: what.to_owned(), outcome, detail: detail.into(), hint: hint.map(str::to_owned) }
}

fn failed(what: &str, fault: &Fault) -> SignInStep {
    step(what, Outcome::Failed, fault.what.clone(), fault.hint)
}

/// Whether something is among what is told; `None` if nothing is.
fn has(told: Option<&Vec<String>>, wanted: &str) -> Option<bool> {
    told.map(|told| told.iter().any(|one| one == wanted))
}

/// Tries a provider.
pub(crate) async fn probe(kept: &Kept, redirect: &str) -> Vec<SignInStep> {
    let remote = match Remote::new(&kept.provider.issuer) {
        Ok(remote) => remote,
        Err(fault) => return given_up(vec![failed(DISCOVERY, &fault)]),
    };
    let metadata = match remote.discover().await {
        Ok(metadata) => metadata,
        Err(fault) => return given_up(vec![failed(DISCOVERY, &fault)]),
    };
    let mut steps = vec![step(DISCOVERY, Outcome::Well, "it names itself as it should", None)];
    steps.extend(told(kept, &metadata));
    steps.push(keys(&remote, &metadata).await);
    let us = Registered { client: &kept.provider.client_id, secret: &kept.secret, redirect };
    steps.push(client(&remote, &metadata, us).await);
    steps
}

fn given_up(mut steps: Vec<SignInStep>) -> Vec<SignInStep> {
    let rest = [FLOW, CHALLENGE, SCOPES, CLAIMS, KEYS, CLIENT];
    steps.extend(rest.map(|what| step(what, Outcome::Untried, "not tried", None)));
    steps
}

/// What follows from what the provider says of itself.
fn told(kept: &Kept, metadata: &Metadata) -> [SignInStep; 4] {
    let told = &metadata.told;
    let flow = match has(told.response_types.as_ref(), "code") {
        Some(true) => step(FLOW, Outcome::Well, "it can", None),
        Some(false) => step(FLOW, Outcome::Failed, "it has no response type `code`", None),
        None => step(FLOW, Outcome::Doubtful, "it does not say whether it can", None),
    };
    let challenge = match has(told.challenges.as_ref(), "S256") {
        Some(true) => step(CHALLENGE, Outcome::Well, "it can", None),
        Some(false) => step(
            CHALLENGE,
            Outcome::Doubtful,
            "it does not have it",
            Some("codes are less safe without: see whether it can be switched on"),
        ),
        None => step(
            CHALLENGE,
            Outcome::Doubtful,
            "it does not say whether it has it",
            Some("most that do not say so take it, or leave it unread"),
        ),
    };
    let unnamed = |scope: &&String| has(told.scopes.as_ref(), scope) == Some(false);
    let missing: Vec<String> =
        kept.provider.scopes.iter().filter(unnamed).map(|scope| format!("{scope:?}")).collect();
    let scopes = if missing.is_empty() {
        step(SCOPES, Outcome::Well, format!("asked for: {}", kept.provider.scopes.join(", ")), None)
    } else {
        step(
            SCOPES,
            Outcome::Doubtful,
            format!("it does not name {}", missing.join(", ")),
            Some("some providers refuse a scope that they do not know; take it out, or add it there"),
        )
    };
    let wanted = [&kept.provider.user_claim, &kept.provider.group_claim];
    // A provider names claims, not what is within them.
    let is_missing = |path: &str| {
        let known = |name: &str| has(told.claims.as_ref(), name) != Some(false);
        !known(path) && !known(path.split('.').next().unwrap_or_default())
    };
    let missing: Vec<String> =
        wanted.iter().filter(|path| is_missing(path)).map(|path| format!("{path:?}")).collect();
    let claims = if missing.is_empty() {
        step(CLAIMS, Outcome::Well, format!("{} and {}", wanted[0], wanted[1]), None)
    } else {
        step(
            CLAIMS,
            Outcome::Doubtful,
            format!("it does not name {}", missing.join(", ")),
            Some(
                "log in once to see whether it tells them all the same; groups often need a scope or a mapper of their own",
            ),
        )
    };
    [flow, challenge, scopes, claims]
}

async fn keys(remote: &Remote, metadata: &Metadata) -> SignInStep {
    let algorithms = metadata.told.algorithms.clone().unwrap_or_default();
    if !algorithms.is_empty() && !algorithms.iter().any(|name| token::is_known(name)) {
        return step(
            KEYS,
            Outcome::Failed,
            format!("it signs by {} only", algorithms.join(", ")),
            Some("RS, PS, ES (P-256, P-384) and EdDSA are accepted; a shared secret is not"),
        );
    }
    match remote.keys(metadata).await {
        Ok(keys) if keys.len() == 0 => step(
            KEYS,
            Outcome::Failed,
            "it has no key that signs tokens",
            Some("RSA, P-256, P-384 and Ed25519 are known"),
        ),
        Ok(keys) => step(KEYS, Outcome::Well, format!("{} that can be used", keys.len()), None),
        Err(fault) => failed(KEYS, &fault),
    }
}

async fn client(remote: &Remote, metadata: &Metadata, us: Registered<'_>) -> SignInStep {
    let verifier = crate::access::secret();
    match remote.redeem(metadata, us, "gabion-tries-whether-it-is-known", &verifier).await {
        Ok(_) => step(CLIENT, Outcome::Failed, "it gives tokens for a code that it never gave", None),
        Err(fault) => match fault.code.as_deref() {
            Some("invalid_grant") => {
                step(CLIENT, Outcome::Well, "client id and secret are known there", None)
            }
            Some("invalid_client" | "unauthorized_client") => failed(CLIENT, &fault),
            _ => step(
                CLIENT,
                Outcome::Doubtful,
                fault.what,
                Some("it cannot be told from this whether it knows client id and secret: log in once"),
            ),
        },
    }
}
