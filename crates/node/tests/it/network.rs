//! Connections, packets and names, in network namespaces of their own.

use crate::watch::{Seen, Watch, find};
use gabion_model::event::EventKind as K;
use gabion_node::sensor::Config;
use std::process::Command;

/// Runs a Python program in a new network namespace whose loopback is up, with what its children told, too.
fn in_namespace(watch: &mut Watch, program: &str) -> Vec<Seen> {
    let up = "
import fcntl, os, socket, struct
lo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(lo, 0x8914, struct.pack('16sh14x', b'lo', 1 | 64))
lo.close()
";
    let (output, seen) = watch.run(
        Command::new("unshare")
            .args(["-n", "/usr/bin/python3", "-I", "-S", "-c"])
            .arg(format!("{up}{program}")),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let children = seen.iter().filter_map(|seen| seen.child).filter(|child| !child.thread);
    let of_children = children.flat_map(|child| watch.of(child.task.pid).cloned());
    seen.iter().cloned().chain(of_children.collect::<Vec<_>>()).collect()
}

/// A server in a child and a client, which exchange 5 and 3 bytes.
const TCP: &str = "
def talk(family, address):
    server = socket.create_server((address, 0), family=family)
    port = server.getsockname()[1]
    pid = os.fork()
    if pid == 0:
        there, _ = server.accept()
        there.recv(5)
        there.send(b'abc')
        there.recv(1)
        os._exit(0)
    server.close()
    client = socket.socket(family, socket.SOCK_STREAM)
    client.connect((address, port))
    client.send(b'12345')
    client.recv(3)
    client.close()
    os.waitpid(pid, 0)
";

fn ends(seen: &Seen) -> (String, String) {
    let fd = seen.fd.as_deref().unwrap_or_default();
    let words: Vec<&str> = fd.split(' ').collect();
    assert_eq!(words[0], "tcp", "{seen:?}");
    (words[1].to_owned(), words[2].to_owned())
}

fn check_tcp(seen: &[Seen], address: &str) {
    let listen = find(seen, K::Listen, |_| true);
    let connect = find(seen, K::Connect, |seen| seen.fd.as_deref().is_some_and(|fd| fd.starts_with("tcp")));
    let accept = find(seen, K::Accept, |_| true);
    let (client, server) = ends(connect);
    assert_eq!(ends(accept), (server.clone(), client.clone()), "the same connection from the other end");
    assert_eq!(ends(listen).0, server);
    assert!(server.starts_with(address) && client.starts_with(address));
    assert_eq!((connect.result, connect.arg("tuple")), (0, &*format!("{client}->{server}")));
    assert_eq!(accept.arg("tuple"), format!("{client}->{server}"));
    assert!(connect.fd.as_deref().is_some_and(|fd| fd.ends_with("client")));
    assert!(accept.fd.as_deref().is_some_and(|fd| fd.ends_with("server")));
    let close = find(seen, K::TcpClose, |seen| ends(seen).0 == client);
    assert_eq!((close.arg("sent"), close.task.pid), ("5", connect.task.pid));
    // The end of the other side counts as a byte.
    assert!(["3", "4"].contains(&close.arg("received")), "{close:?}");
    let close = find(seen, K::TcpClose, |seen| ends(seen).0 == server);
    assert_eq!(close.arg("sent"), "3");
}

#[test]
fn connections_are_told_from_both_ends() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let seen = in_namespace(&mut watch, &format!("{TCP}talk(socket.AF_INET, '127.0.0.1')"));
    check_tcp(&seen, "127.0.0.1:");
    let seen = in_namespace(&mut watch, &format!("{TCP}talk(socket.AF_INET6, '::1')"));
    check_tcp(&seen, "::1:");
}

#[test]
fn a_connect_is_told_once_with_or_without_its_call() {
    let calls = [K::Connect, K::Accept, K::Accept4, K::Listen, K::Bind];
    let Some(mut watch) = Watch::new(Config::default(), &calls) else { return };
    let seen = in_namespace(&mut watch, &format!("{TCP}talk(socket.AF_INET, '127.0.0.1')"));
    for (kinds, fds) in [
        (&[K::Connect][..], "tcp 127.0.0.1"),
        (&[K::Accept, K::Accept4], "tcp 127.0.0.1"),
        (&[K::Listen], "tcp 127.0.0.1"),
        (&[K::Bind], "tcp 127.0.0.1"),
    ] {
        let told: Vec<_> = seen.iter().filter(|seen| kinds.contains(&seen.kind)).collect();
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].fd.as_deref().is_some_and(|fd| fd.starts_with(fds)), "{told:?}");
    }
    let accept = find(&seen, K::Accept4, |_| true);
    let connect = find(&seen, K::Connect, |_| true);
    let (client, server) = ends(connect);
    assert_eq!(ends(accept), (server, client));
    assert!(accept.result > 2 && connect.arg("fd").parse::<i64>().is_ok_and(|fd| fd > 2));
}

#[test]
fn refused_connections_say_where_to() {
    let program = "
taken = socket.socket()
taken.bind(('127.0.0.1', 0))
try:
    socket.create_connection(taken.getsockname())
except ConnectionRefusedError:
    pass
";
    for calls in [&[][..], &[K::Connect]] {
        let Some(mut watch) = Watch::new(Config::default(), calls) else { return };
        let seen = in_namespace(&mut watch, program);
        let bind = find(&seen, K::Bind, |_| true);
        let connects: Vec<_> = seen.iter().filter(|seen| seen.kind == K::Connect).collect();
        assert_eq!(connects.len(), 1, "{connects:#?}");
        assert_eq!(connects[0].result, -i64::from(libc::ECONNREFUSED));
        assert_eq!(ends(connects[0]).1, bind.arg("addr"));
    }
}

#[test]
fn who_listens_where_a_connection_has_failed_is_told_with_its_own_port() {
    // A server that answers nobody any more. The kernel gives the memory of who has given up to the next socket.
    let program = "
full = socket.create_server(('127.0.0.1', 0), backlog=0)
waiting = []
def begin():
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(full.getsockname())
    return one
for _ in range(4):
    waiting.append(begin())
for _ in range(50):
    begin().close()
    server = socket.socket()
    server.bind(('127.0.0.1', 0))
    server.listen(1)
    server.close()
";
    let Some(mut watch) = Watch::new(Config::default(), &[K::Connect, K::Listen]) else { return };
    let seen = in_namespace(&mut watch, program);
    let listens: Vec<_> = seen.iter().filter(|seen| seen.kind == K::Listen).collect();
    assert_eq!(listens.len(), 51);
    for listen in listens {
        let (own, other) = ends(listen);
        assert!(own.starts_with("127.0.0.1:") && !own.ends_with(":0") && other == "-", "{listen:?}");
    }
}

#[test]
fn the_peers_of_udp_are_told_once() {
    let program = "
there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
there.bind(('127.0.0.1', 0))
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(100):
    here.sendto(b'x', there.getsockname())
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.connect(('::1', 9999))
";
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let seen = in_namespace(&mut watch, program);
    let bind = find(&seen, K::Bind, |_| true);
    let sent: Vec<_> = seen.iter().filter(|seen| seen.kind == K::Sendto).collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    let to = bind.fd.as_deref().and_then(|fd| fd.split(' ').nth(1)).expect("bound");
    assert!(sent[0].fd.as_deref().is_some_and(|fd| fd.ends_with(&format!(" {to} client"))), "{sent:?}");
    let connect = find(&seen, K::Connect, |_| true);
    assert_eq!(connect.fd.as_deref(), Some("udp - ::1:9999 client"));
}

#[test]
fn answers_of_name_servers_are_told_to_whom_they_go() {
    let program = "
pid = os.fork()
ready = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if pid:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(('127.0.0.1', 53))
    question, peer = server.recvfrom(512)
    head = question[:2] + b'\\x81\\x80\\0\\1\\0\\2\\0\\0\\0\\0'
    alias = b'\\xc0\\x0c\\0\\5\\0\\1\\0\\0\\0\\1\\0\\6\\3www\\xc0\\x0c'
    address = b'\\xc0\\x2d\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x0a\\1\\2\\3'
    server.sendto(head + question[12:] + alias + address, peer)
    os.waitpid(pid, 0)
else:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(.05)
    while True:
        client.sendto(b'ab\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7Example\\3org\\0\\0\\1\\0\\1', ('127.0.0.1', 53))
        try:
            client.recv(512)
            os._exit(0)
        except (TimeoutError, ConnectionError):
            pass
";
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let seen = in_namespace(&mut watch, program);
    let client = seen.iter().find_map(|seen| seen.child).expect("a child").task;
    let told = |watch: &Watch| watch.of(client.pid).find(|seen| seen.kind == K::Dns).cloned();
    let answer = watch.until("an answer", told);
    assert_eq!((answer.arg("name"), answer.arg("answers"), answer.result), ("example.org", "10.1.2.3", 0));
    assert!(answer.fd.as_deref().is_some_and(|fd| fd.ends_with(" 127.0.0.1:53 client")), "{answer:?}");
    assert_eq!(answer.task, client);
}

#[test]
fn io_uring_is_no_way_round() {
    // A ring by hand: set up, map, put one request into it, enter.
    let program = "
import ctypes, mmap, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
params = ctypes.create_string_buffer(120)
fd = libc.syscall(425, 4, params)
if fd < 0:
    raise OSError(ctypes.get_errno(), 'io_uring_setup')
tail, mask, array = (struct.unpack_from('<I', params, 40 + at)[0] for at in (4, 8, 24))
ring = mmap.mmap(fd, array + 16, offset=0)
entries = mmap.mmap(fd, 256, offset=0x10000000)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
taken = socket.socket()
taken.bind(('127.0.0.1', 0))
free = socket.socket()
address = ctypes.create_string_buffer(struct.pack('<H', 2) + struct.pack('>H', taken.getsockname()[1]) + socket.inet_aton('127.0.0.1') + bytes(8))
entries[0:32] = struct.pack('<BBHiQQ', 16, 0, 0, free.fileno(), 16, ctypes.addressof(address)) + bytes(8)
struct.pack_into('<I', ring, array, 0)
struct.pack_into('<I', ring, tail, 1)
if libc.syscall(426, fd, 1, 1, 1, None, 0) != 1:
    raise OSError(ctypes.get_errno(), 'io_uring_enter')
";
    let Some(mut watch) = Watch::new(Config::default(), &[K::Connect]) else { return };
    let seen = in_namespace(&mut watch, program);
    let ring = find(&seen, K::IoUringSetup, |_| true);
    assert_eq!((ring.arg("entries"), ring.fd.as_deref()), ("4", Some("anonymous io_uring")));
    assert!(ring.result > 2);
    let request = find(&seen, K::IoUringSubmit, |_| true);
    assert_eq!((request.arg("opcode"), request.arg("name")), ("16", "connect"));
    // Without any connect(), though connect() is traced.
    let connect = find(&seen, K::Connect, |_| true);
    assert_eq!(connect.result, -i64::from(libc::ECONNREFUSED));
    assert_eq!(ends(connect).1, find(&seen, K::Bind, |_| true).arg("addr"));
}
