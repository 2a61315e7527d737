//! Connections and packets, by hooks of the control group. The network is the container's own: only what is refused is refused by us.

use super::*;
use gabion_model::event::Transport;
use gabion_node::enforce::{Choice, ConnectRules, Peer};

fn peer(net: &str, port: u16, transport: Option<Transport>) -> Peer {
    Peer { net: net.parse().expect("a net"), port, port_to: 0, transport }
}

const EPERM: &str = "errno:1";

#[test]
fn peers_are_denied_by_address_port_and_transport() {
    let Some(stand) = Stand::new("peers_are_denied_by_address_port_and_transport") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("net", &["/bin/helper", "wait"]);
    let connect = ConnectRules {
        default: Choice::Deny,
        allow: vec![
            peer("127.0.0.0/8", 53, Some(Transport::Udp)),
            peer("127.0.0.1/32", 443, None),
            peer("::1/128", 443, Some(Transport::Tcp)),
        ],
        deny: vec![peer("127.0.0.2", 53, None)],
    };
    let policy = Policy { name: "net".into(), mode: Mode::Enforce, connect, ..Policy::default() };
    enforcer.set(container.group(), "net", &policy).expect("set");
    container.start();
    let errno = |how: &str, address: &str, port: &str| container.exec(&["/bin/helper", how, address, port]);
    // What is allowed gets as far as the network, where nobody listens.
    for (how, address, port) in [
        ("udp", "127.0.0.1", "53"),
        ("sendto", "127.0.0.1", "53"),
        ("udp", "127.9.9.9", "53"),
        ("udp", "127.0.0.1", "443"),
        ("tcp", "127.0.0.1", "443"),
        ("tcp", "0.0.0.0", "443"),
        ("tcp", "::1", "443"),
        ("tcp", "::ffff:127.0.0.1", "443"),
        ("udp", "::ffff:127.0.0.1", "53"),
    ] {
        assert_ne!(errno(how, address, port), EPERM, "{how} {address} {port}");
    }
    assert_eq!(take(&mut enforcer), []);
    let denied = [
        ("tcp", "127.0.0.1", "53", Transport::Tcp, "default"),
        ("udp", "127.0.0.2", "53", Transport::Udp, "connect.deny 127.0.0.2/32 port 53"),
        ("sendto", "127.0.0.2", "53", Transport::Udp, "connect.deny 127.0.0.2/32 port 53"),
        ("tcp", "192.0.2.1", "443", Transport::Tcp, "default"),
        ("udp", "::1", "443", Transport::Udp, "default"),
        ("sendto", "::1", "443", Transport::Udp, "default"),
        ("tcp", "2001:db8::1", "443", Transport::Tcp, "default"),
    ];
    for (how, address, port, transport, rule) in denied {
        assert_eq!(errno(how, address, port), EPERM, "{how} {address} {port}");
        let decisions = take(&mut enforcer);
        let what = What::Connect {
            address: address.parse().expect("an address"),
            port: port.parse().expect("a port"),
            transport,
        };
        assert_eq!(decisions.len(), 1, "{decisions:?}");
        assert_eq!((&decisions[0].what, &*decisions[0].rule), (&what, rule));
        assert_eq!(decisions[0].verdict, Verdict::Denied(Rung::Cgroup));
        assert_eq!((&*decisions[0].container, decisions[0].cgroup), ("net", container.group()));
    }
    assert_eq!(reconciled(&mut enforcer).decided, denied.len() as u64);
    // Told only, it goes out.
    enforcer.set(container.group(), "net", &Policy { mode: Mode::Alert, ..policy }).expect("set");
    assert_ne!(errno("udp", "127.0.0.2", "53"), EPERM);
    assert_eq!(take(&mut enforcer)[0].verdict, Verdict::WouldDeny(Rung::Cgroup));
    enforcer.stop().expect("stops");
}
