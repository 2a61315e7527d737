//! What an authority signs, and what not.

use super::*;
use crate::{peer_id, validity};

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

fn authority() -> Authority {
    Authority::create(&"example.org".parse().expect("a domain"), now()).expect("an authority")
}

#[test]
fn an_authority_is_the_same_when_it_is_read_again() {
    let authority = authority();
    let (certificate, key) = authority.to_pem();
    let again = Authority::from_pem(certificate, key).expect("reads");
    assert_eq!(again.fingerprint(), authority.fingerprint());
    assert_eq!(again.domain().as_str(), "example.org");
    let shown = format!("{authority:?}");
    assert!(shown.contains("[redacted]") && !shown.contains("PRIVATE"), "{shown}");

    let other = self::authority();
    assert!(matches!(Authority::from_pem(certificate, other.to_pem().1), Err(AuthorityError::OtherKey)));
    assert!(Authority::from_pem("", key).is_err());
    assert!(Authority::from_pem(certificate, &Secret::new(certificate.to_owned())).is_err());
    let key = NodeKey::generate().expect("a key");
    let hub = authority.hub(&key, &[], now(), DAY).expect("signs");
    assert!(matches!(peer::authority_id(&hub.chain[0]), Err(PeerError::NoAuthority)));
    assert!(matches!(peer_id(&hub.chain[1]), Err(PeerError::Authority)));
}

#[test]
fn a_node_gets_its_own_name_for_its_own_key_and_nothing_it_asked_for() {
    let authority = authority();
    let key = NodeKey::generate().expect("a key");
    // It asks to be the hub, and to sign others.
    let mut wish = CertificateParams::new(vec!["hub.example.org".to_owned()]).expect("params");
    wish.subject_alt_names.push(SanType::URI("spiffe://example.org/hub".try_into().expect("text")));
    wish.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wish.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let wish = wish.serialize_request(&key.0).expect("a request");
    let request = NodeRequest::read(wish.der()).expect("genuine");
    let issued = authority.node(&request, "n1", now(), DAY).expect("signs");
    assert_eq!(peer_id(&issued.chain[0]).expect("a name").to_string(), "spiffe://example.org/node/n1");
    assert_eq!(peer::public_key(&issued.chain[0]).expect("a key"), key.0.subject_public_key_info());
    assert_eq!(issued.chain[1], *authority.certificate());
    assert_eq!(issued.until, now() + DAY);
    let holds = validity(&issued.chain[0]).expect("reads");
    assert_eq!((holds.from, holds.until), (now() - SKEW, now() + DAY));
    assert!(!holds.is_due(now()) && holds.is_due(now() + DAY / 2) && holds.is_due(now() - DAY));
    let text = String::from_utf8_lossy(&issued.chain[0]);
    assert!(!text.contains("hub.example.org") && !text.contains("spiffe://example.org/hub"));
    let again = authority.node(&request, "n1", now(), DAY).expect("signs");
    assert_ne!(again.chain[0], issued.chain[0], "each has a number of its own");
    for id in ["", "a/b", "..", "a b", &"a".repeat(300)] {
        assert!(authority.node(&request, id, now(), DAY).is_err(), "{id:?}");
    }
}

#[test]
fn a_request_that_was_changed_or_is_of_another_key_is_refused() {
    let key = NodeKey::generate().expect("a key");
    let request = key.request().expect("a request");
    let genuine = NodeRequest::read(&request).expect("genuine");
    for at in 0..request.len() {
        let mut forged = request.clone();
        forged[at] ^= 1;
        // How the name of the algorithm is tagged is not signed, and means nothing.
        let changed = NodeRequest::read(&forged).is_ok_and(|read| read.0 != genuine.0);
        assert!(!changed, "byte {at} was changed");
    }
    for end in 0..request.len() {
        assert!(NodeRequest::read(&request[..end]).is_err(), "cut at {end}");
    }
    let other = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).expect("a key");
    let other = CertificateParams::default().serialize_request(&other).expect("a request");
    assert!(matches!(NodeRequest::read(other.der()), Err(AuthorityError::OddRequest)));
    assert!(matches!(NodeRequest::read(&[0x30; 9000]), Err(AuthorityError::OddRequest)));
}

#[test]
fn nothing_outlives_the_authority() {
    let authority = authority();
    let key = NodeKey::generate().expect("a key");
    let late = now() + AUTHORITY - DAY / 2;
    assert_eq!(authority.hub(&key, &[], late, DAY).expect("signs").until, now() + AUTHORITY);
    for at in [now() + AUTHORITY + DAY, now() - DAY] {
        assert!(matches!(authority.hub(&key, &[], at, DAY), Err(AuthorityError::Expired)));
    }
}

#[test]
fn a_hub_has_its_names_beside_its_id() {
    let authority = authority();
    let key = NodeKey::generate().expect("a key");
    let names = ["localhost", "127.0.0.1", "::1", "hub.gabion.svc"].map(str::to_owned);
    let issued = authority.hub(&key, &names, now(), DAY).expect("signs");
    assert!(peer_id(&issued.chain[0]).expect("a name").is_hub());
    let text = String::from_utf8_lossy(&issued.chain[0]);
    assert!(text.contains("localhost") && text.contains("hub.gabion.svc"));
    for odd in ["", "a..b", "a b", "ä", "a/b", &"a".repeat(64)] {
        let refused = authority.hub(&key, &[odd.to_owned()], now(), DAY);
        assert!(matches!(refused, Err(AuthorityError::Host(_))), "{odd:?}");
    }
}

#[test]
fn bytes_that_are_no_certificate_name_nobody() {
    let authority = authority();
    let key = NodeKey::generate().expect("a key");
    let mut certificate = authority.hub(&key, &[], now(), DAY).expect("signs").chain.remove(0).to_vec();
    for end in 0..certificate.len() {
        assert!(peer_id(&certificate[..end]).is_err(), "cut at {end}");
    }
    certificate.push(0);
    assert!(matches!(peer_id(&certificate), Err(PeerError::Malformed)));
    for names in [0, 2] {
        let mut params = params(&SpiffeId::hub(authority.domain()), now(), now() + DAY).expect("params");
        params.subject_alt_names = vec![params.subject_alt_names[0].clone(); names];
        let odd = params.self_signed(&key.0).expect("signs");
        assert!(matches!(peer_id(odd.der()), Err(PeerError::Uris(count)) if count == names));
    }
}
