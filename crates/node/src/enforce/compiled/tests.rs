use super::*;
use crate::enforce::policy::{ConnectRules, ExecRules, OpenRules};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().expect("a pattern")).collect()
}

fn compiled(policy: Policy) -> Compiled {
    Compiled::new(policy).expect("a policy")
}

#[test]
fn the_longest_path_decides_and_denials_before_allowances() {
    let exec = ExecRules {
        default: Choice::Deny,
        allow: patterns(&["/usr/**", "/bin/sh", "/usr/bin/nc"]),
        deny: patterns(&["/usr/bin/nc", "/usr/local/**"]),
        ..ExecRules::default()
    };
    let policy = compiled(Policy { exec, ..Policy::default() });
    let denied = |path: &str| policy.program(path.as_bytes(), true).expect("decided").deny;
    assert!(!denied("/usr/bin/true") && !denied("/bin/sh"));
    assert!(denied("/usr/bin/nc") && denied("/usr/local/bin/x") && denied("/bin/shell") && denied("/usrs/x"));
    assert!(denied("/bin/sh/x") && denied("/tmp/x"));
    // A path that leads elsewhere by now allows nothing.
    assert!(policy.program(b"/bin/sh", false).expect("decided").deny);
    let rule = policy.program(b"/usr/bin/nc", true).expect("decided").rule;
    assert_eq!(policy.rule(rule), "exec.deny /usr/bin/nc");
}

#[test]
fn denied_content_comes_before_paths_and_allowed_content_after_them() {
    let (good, bad, other) = (Digest::sha256([1; 32]), Digest::sha256([2; 32]), Digest::sha256([3; 32]));
    let exec = ExecRules {
        default: Choice::Deny,
        allow: patterns(&["/bin/**"]),
        deny: patterns(&["/bin/nc"]),
        allow_digests: vec![good],
        deny_digests: vec![bad],
        ..ExecRules::default()
    };
    let policy = compiled(Policy { exec, ..Policy::default() });
    assert_eq!(policy.program(b"/bin/sh", true), None);
    assert!(policy.program(b"/bin/nc", true).expect("decided").deny);
    let denied = |path: &str, digest| policy.program_with(path.as_bytes(), true, &digest).deny;
    assert!(denied("/bin/sh", bad) && !denied("/bin/sh", other) && denied("/bin/nc", good));
    assert!(!denied("/tmp/x", good) && denied("/tmp/x", other));
}

#[test]
fn files_are_allowed_unless_a_rule_says_otherwise() {
    let open = OpenRules {
        allow: patterns(&["/etc/ssl/certs/**"]),
        deny: patterns(&["/etc/ssl/**", "/etc/shadow"]),
    };
    let policy = compiled(Policy { open, ..Policy::default() });
    let denied = |path: &str| policy.file(path.as_bytes()).deny;
    assert!(denied("/etc/shadow") && denied("/etc/ssl/private/key"));
    assert!(!denied("/etc/ssl/certs/ca.pem") && !denied("/etc/passwd"));
}

#[test]
fn a_prefix_has_the_rules_of_those_around_it_and_families_are_apart() {
    let peer = |net: &str, port| Peer { net: net.parse().expect("a net"), port, port_to: 0, transport: None };
    let connect = ConnectRules {
        default: Choice::Deny,
        allow: vec![peer("10.0.0.0/8", 443), peer("::/0", 53)],
        deny: vec![peer("10.1.0.0/16", 22)],
    };
    let policy = compiled(Policy { connect, ..Policy::default() });
    let of = |net: &str| {
        policy.nets()[&net.parse::<crate::enforce::policy::Net>().expect("a net").mapped()].clone()
    };
    let ports = |net: &str| of(net).iter().map(|rule| (rule.from, rule.deny)).collect::<Vec<_>>();
    assert_eq!(ports("10.1.0.0/16"), [(22, true), (443, false)]);
    assert_eq!(ports("10.0.0.0/8"), [(443, false)]);
    assert_eq!(ports("::/0"), [(53, false)]);
    // So a rule about IPv6 says nothing of IPv4.
    assert_eq!(ports("0.0.0.0/0"), []);
}

#[test]
fn what_cannot_be_a_rule_is_refused() {
    for text in [
        "bin/sh",
        "",
        "/",
        "/bin/*",
        "/bin/**/x",
        "/bin//sh",
        "/bin/../sh",
        "/b?n",
        &format!("/{}", "x".repeat(240)),
    ] {
        assert!(text.parse::<Pattern>().is_err(), "{text}");
    }
    assert!("/**".parse::<Pattern>().is_ok());
    for text in ["10.0.0.1/8", "10.0.0.0/33", "::/129", "host", "10.0.0.0/x"] {
        assert!(text.parse::<crate::enforce::policy::Net>().is_err(), "{text}");
    }
    let peer = Peer { net: "::/0".parse().expect("a net"), port: 9, port_to: 8, transport: None };
    let connect = ConnectRules { deny: vec![peer.clone()], ..ConnectRules::default() };
    assert_eq!(Compiled::new(Policy { connect, ..Policy::default() }).err(), Some(PolicyError::Ports(9, 8)));
    let peers = (1..=33).map(|port| Peer { port, port_to: 0, ..peer.clone() }).collect();
    let connect = ConnectRules { deny: peers, ..ConnectRules::default() };
    assert!(matches!(
        Compiled::new(Policy { connect, ..Policy::default() }),
        Err(PolicyError::Overlap(33, 32))
    ));
}
