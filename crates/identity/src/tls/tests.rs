//! Whole handshakes in memory: who gets through, and who not.

use super::*;
use crate::{Authority, NodeRequest, SpiffeId};
use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, SanType};
use rustls::{ClientConnection, Error, ServerConnection};
use rustls_pki_types::ServerName;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// TLS itself looks at the clock.
#[expect(clippy::disallowed_methods, reason = "rustls asks for the time, so certificates must hold now")]
fn now() -> Timestamp {
    Timestamp::now()
}

struct Party {
    chain: Vec<CertificateDer<'static>>,
    key: NodeKey,
}

fn authority() -> Authority {
    Authority::create(&domain(), now()).expect("an authority")
}

fn domain() -> TrustDomain {
    "example.org".parse().expect("a domain")
}

fn hub(authority: &Authority, at: Timestamp) -> Party {
    let key = NodeKey::generate().expect("a key");
    Party { chain: authority.hub(&key, &[], at, DAY).expect("signs").chain, key }
}

fn node(authority: &Authority, at: Timestamp) -> Party {
    let key = NodeKey::generate().expect("a key");
    let request = NodeRequest::read(&key.request().expect("a request")).expect("genuine");
    Party { chain: authority.node(&request, "n1", at, DAY).expect("signs").chain, key }
}

fn serve(party: &Party, believes: &[&Authority]) -> ServerConfig {
    let authorities: Vec<_> = believes.iter().map(|authority| authority.certificate().clone()).collect();
    server(party.chain.clone(), &party.key, &authorities).expect("a configuration")
}

fn call(party: &Party, believes: &Authority) -> ClientConfig {
    client(party.chain.clone(), &party.key, &[believes.certificate().clone()], &domain())
        .expect("a configuration")
}

/// Carries bytes between both until they agree; whom the server sees then.
fn shake(client: ClientConfig, server: ServerConfig) -> Result<Option<SpiffeId>, Error> {
    let name = ServerName::try_from("any.name").expect("a name");
    let mut client = ClientConnection::new(client.into(), name)?;
    let mut server = ServerConnection::new(server.into())?;
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).expect("writes");
        server.read_tls(&mut bytes.as_slice()).expect("reads");
        server.process_new_packets()?;
        bytes.clear();
        server.write_tls(&mut bytes).expect("writes");
        client.read_tls(&mut bytes.as_slice()).expect("reads");
        client.process_new_packets()?;
    }
    assert_eq!(client.alpn_protocol(), Some(HTTP2));
    let shown = server.peer_certificates().and_then(|chain| chain.first());
    Ok(shown.map(|leaf| crate::peer_id(leaf).expect("a name")))
}

fn refused(result: Result<Option<SpiffeId>, Error>) -> String {
    result.expect_err("must not get through").to_string()
}

#[test]
fn a_node_and_its_hub_know_each_other() {
    let authority = authority();
    let seen =
        shake(call(&node(&authority, now()), &authority), serve(&hub(&authority, now()), &[&authority]));
    assert_eq!(seen.expect("agree").expect("a name").node_id(), Some("n1"));
}

#[test]
fn a_new_node_believes_only_the_hub_of_its_token() {
    let authority = authority();
    let server = || serve(&hub(&authority, now()), &[&authority]);
    let joining = |pin| pinned(pin).expect("a configuration");
    assert_eq!(shake(joining(authority.fingerprint()), server()).expect("agree"), None);
    assert!(refused(shake(joining(self::authority().fingerprint()), server())).contains("OtherAuthority"));

    // A hub of another authority that sends the pinned certificate along.
    let mut liar = hub(&self::authority(), now());
    liar.chain.push(authority.certificate().clone());
    refused(shake(joining(authority.fingerprint()), serve(&liar, &[&authority])));
    // A node of the right authority.
    let node = serve(&node(&authority, now()), &[&authority]);
    assert!(refused(shake(joining(authority.fingerprint()), node)).contains("OtherName"));
    // A hub that does not send the authority.
    let mut short = hub(&authority, now());
    short.chain.truncate(1);
    refused(shake(joining(authority.fingerprint()), serve(&short, &[&authority])));
    // One whose time is over.
    let old = serve(&hub(&authority_of(now() - DAY * 20), now() - DAY * 10), &[&authority]);
    refused(shake(joining(authority.fingerprint()), old));
}

fn authority_of(at: Timestamp) -> Authority {
    Authority::create(&domain(), at).expect("an authority")
}

#[test]
fn certificates_of_others_and_of_other_times_are_refused() {
    let authority = authority_of(now() - DAY * 100);
    let other = self::authority();
    let good = || serve(&hub(&authority, now()), &[&authority]);
    // Clients.
    refused(shake(call(&node(&other, now()), &authority), good()));
    refused(shake(call(&node(&authority, now() - DAY * 2), &authority), good()));
    refused(shake(call(&node(&authority, now() + DAY), &authority), good()));
    // Hubs.
    let caller = || call(&node(&authority, now()), &authority);
    refused(shake(caller(), serve(&hub(&other, now()), &[&authority])));
    refused(shake(caller(), serve(&hub(&authority, now() - DAY * 2), &[&authority])));
    assert!(refused(shake(caller(), serve(&node(&authority, now()), &[&authority]))).contains("OtherName"));
    // Both authorities are believed while one takes the other's place.
    let both = serve(&hub(&authority, now()), &[&authority, &other]);
    assert!(shake(caller(), both).is_ok());
}

#[test]
fn a_node_cannot_sign_for_others() {
    let authority = authority();
    let node = node(&authority, now());
    let forged = NodeKey::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://example.org/hub".try_into().expect("text"))];
    let issuer = Issuer::from_ca_cert_der(&node.chain[0], &node.key.0).expect("signs");
    let leaf = params.signed_by(&forged.0, &issuer).expect("signs");
    let mut chain = vec![leaf.into()];
    chain.extend(node.chain);
    let liar = Party { chain, key: forged };
    refused(shake(call(&self::node(&authority, now()), &authority), serve(&liar, &[&authority])));
    refused(shake(pinned(authority.fingerprint()).expect("a configuration"), serve(&liar, &[&authority])));
    refused(shake(call(&liar, &authority), serve(&hub(&authority, now()), &[&authority])));
}

#[test]
fn a_hub_of_another_domain_is_no_hub_of_this() {
    let authority = authority();
    let key = NodeKey::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI("spiffe://other.org/hub".try_into().expect("text"))];
    let (certificate, secret) = authority.to_pem();
    let pair = NodeKey::from_pem(secret).expect("a key");
    let issuer = Issuer::from_ca_cert_pem(certificate, &pair.0).expect("signs");
    let chain =
        vec![params.signed_by(&key.0, &issuer).expect("signs").into(), authority.certificate().clone()];
    let other = Party { chain, key };
    assert!(
        refused(shake(call(&node(&authority, now()), &authority), serve(&other, &[&authority])))
            .contains("OtherName")
    );
    let joining = pinned(authority.fingerprint()).expect("a configuration");
    assert!(refused(shake(joining, serve(&other, &[&authority]))).contains("OtherName"));
}

#[test]
fn what_is_no_authority_is_not_believed() {
    let authority = authority();
    let node = node(&authority, now());
    assert!(matches!(
        server(node.chain.clone(), &node.key, &[node.chain[0].clone()]),
        Err(TlsError::Authority(_))
    ));
    assert!(
        server(node.chain.clone(), &NodeKey::generate().expect("a key"), &[authority.certificate().clone()])
            .is_err()
    );
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let nameless = params.self_signed(&node.key.0).expect("signs");
    assert!(client(node.chain, &node.key, &[nameless.into()], &domain()).is_err());
}
