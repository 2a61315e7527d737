//! What each operator, transformer, modifier and field says about known events.

use super::super::*;
use crate::{
    rules::condition::{Condition, parse_resolved},
    world::{WEB, World, file, tcp},
};
use gabion_model::event::{Fd, FdKind, Transport, Value};

/// A predicate for each check, put together by hand, so that the graph is not in it.
fn holds(condition: &Condition, cx: Context<'_>) -> bool {
    match condition {
        Condition::And(all) => all.iter().all(|one| holds(one, cx)),
        Condition::Or(any) => any.iter().any(|one| holds(one, cx)),
        Condition::Not(not) => !holds(not, cx),
        Condition::Check(check) => {
            let predicate = predicate::Predicate::new(check).unwrap_or_else(|refusal| panic!("{refusal}"));
            predicate.holds(cx, &mut Scratch::default())
        }
    }
}

/// Each condition with what it has to say about the event.
fn expect(world: &mut World, event: &Event<'_>, table: &[(&str, bool)]) {
    let slot = world.apply(event);
    let cx = Context { event, state: &world.state, process: slot.map(|slot| &world.state.processes()[slot]) };
    for (text, expected) in table {
        let condition = parse_resolved(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(holds(&condition, cx), *expected, "{text}");
    }
}

#[test]
fn operators_of_text() {
    let mut world = World::new();
    let event = Event { fd: file(5, "/etc/passwd"), ..world.event(201, EventKind::Openat) };
    expect(
        &mut world,
        &event,
        &[
            ("fd.name = /etc/passwd", true),
            ("fd.name == /etc/passw", false),
            ("fd.name != /etc/passwd", false),
            ("fd.name < val(proc.name)", true),
            ("fd.name <= val(fd.name)", true),
            ("fd.name > val(proc.name)", false),
            ("fd.name >= val(fs.path.name)", false),
            ("fd.name contains pass", true),
            ("fd.name contains PASS", false),
            ("fd.name icontains PASS", true),
            ("fd.name icontains /etc/passwdx", false),
            ("fd.name startswith /etc/", true),
            ("fd.name endswith wd", true),
            ("fd.name glob '/etc/*w?'", true),
            ("fd.name glob '/ETC/*'", false),
            ("fd.name iglob '/ETC/*'", true),
            ("fd.name regex '/etc/[a-z]+'", true),
            ("fd.name regex 'etc'", false),
            ("fd.name in (/etc/shadow, /etc/passwd)", true),
            ("fd.name in (/etc/shadow)", false),
            ("fd.name intersects (/etc/shadow, /etc/passwd)", true),
            ("fd.name pmatch (/etc, /var)", true),
            ("fd.name pmatch (/et)", false),
            ("fd.name exists", true),
            ("fs.path.name exists", false),
        ],
    );
}

#[test]
fn modifiers_count_the_values_that_hold() {
    let mut world = World::new();
    let event = Event { fd: file(5, "/etc/passwd"), ..world.event(201, EventKind::Openat) };
    expect(
        &mut world,
        &event,
        &[
            ("fd.name contains anyof (pass, nothing)", true),
            ("fd.name contains allof (pass, etc)", true),
            ("fd.name contains allof (pass, nothing)", false),
            ("fd.name contains oneof (pass, nothing)", true),
            ("fd.name contains oneof (pass, etc)", false),
            ("fd.name != allof (/a, /b)", true),
            ("fd.name = anyof (/a, /etc/passwd)", true),
            ("fd.name startswith oneof (/etc, /etc/p)", false),
            ("fs.path.source contains anyof (a, b)", false),
        ],
    );
}

#[test]
fn what_is_missing_is_neither_equal_nor_different() {
    let mut world = World::new();
    let event = world.event(201, EventKind::Setsid);
    expect(
        &mut world,
        &event,
        &[
            ("fd.name exists", false),
            ("fd.name = ''", false),
            ("fd.name != x", false),
            ("not fd.name = x", true),
            ("fd.num >= 0 or fd.num < 0", false),
            ("fd.name in (x)", false),
            ("not fd.name in (x)", true),
            ("fd.name = val(proc.name)", false),
            ("proc.name = val(fd.name)", false),
            ("len(fd.name) = 0", false),
            ("concat(proc.name, fd.name) contains curl", false),
            ("fd.ip != 1.2.3.4", false),
            ("fd.net != 10.0.0.0/8", false),
            // These say so in words.
            ("user.homedir = /var/www", true),
            ("user.loginname = '<NA>'", true),
            ("user.loginuid = -1", true),
        ],
    );
}

#[test]
fn transformers_change_the_value_before_it_is_compared() {
    let mut world = World::new();
    let args = [Value::Int(4), Value::Bytes(b"aGVsbG8="), Value::Int(9), Value::Uint(8)];
    let event = Event { args: &args, fd: file(9, "/Var/LOG/app.Log"), ..world.event(201, EventKind::Write) };
    expect(
        &mut world,
        &event,
        &[
            ("tolower(fd.name) = /var/log/app.log", true),
            ("toupper(fd.name) endswith APP.LOG", true),
            ("basename(fd.name) = app.Log", true),
            ("tolower(basename(fd.name)) in (app.log)", true),
            ("len(fd.name) = 16", true),
            ("len(fd.name) > 16", false),
            ("b64(evt.buffer) contains hello", true),
            ("evt.buffer bcontains 61475673", true),
            ("evt.buffer bstartswith 6147", true),
            ("evt.buffer bstartswith 00", false),
            ("len(evt.buffer) = 8", true),
            ("concat(proc.name, proc.pname) = curlbash", true),
            ("join('-', (proc.name, proc.pname)) = curl-bash", true),
            ("getopt((proc.args[0], proc.args[1]), 's')[s] = s", true),
            ("getopt((proc.args[0], proc.args[1]), 's') intersects (s)", true),
            ("getopt((proc.args[0], proc.args[1]), 's') in (v)", false),
            ("proc.name = val(proc.name)", true),
            ("proc.name = val(proc.pname)", false),
            ("proc.pid > val(proc.ppid)", true),
            ("proc.cmdline startswith val(proc.name)", true),
        ],
    );
}

#[test]
fn processes_and_their_ancestors() {
    let mut world = World::new();
    let event = world.event(201, EventKind::Execve);
    expect(
        &mut world,
        &event,
        &[
            ("proc.name = curl and proc.pname = bash", true),
            ("proc.exe = curl and proc.pexe = bash and proc.exepath = /usr/bin/curl", true),
            ("proc.cmdline = 'curl -s https://example.org/x'", true),
            ("proc.pcmdline = 'bash -c run.sh' and proc.acmdline[1] = 'bash -c run.sh'", true),
            ("proc.exeline startswith 'curl -s '", true),
            ("proc.args = '-s https://example.org/x' and proc.args[0] = -s and proc.args[9] = ''", true),
            ("proc.aname = containerd-shim and proc.aname = systemd", true),
            ("proc.aname = curl", false),
            ("proc.aname[0] = curl and proc.aname[2] = containerd-shim and proc.aname[3] = systemd", true),
            ("proc.aname[4] exists", false),
            ("not proc.aname[9] in (x)", true),
            ("proc.aexepath contains shim and proc.aexepath[2] endswith shim", true),
            ("proc.apid = 1 and proc.apid[1] = 200 and proc.apid in (100)", true),
            ("proc.aargs contains moby", true),
            ("proc.env contains HOME and proc.env[PATH] = /bin and proc.env[NONE] = ''", true),
            ("proc.cwd = /srv/", true),
            ("proc.vpid = 2 and proc.pvpid = 1 and proc.ppid = 200", true),
            ("proc.sname = bash and proc.is_sid_leader = false", true),
            ("proc.vpgid.name = bash and proc.is_vpgid_leader = false", true),
            ("proc.loginshellid = 200", true),
            ("proc.cmdnargs = 2 and proc.cmdlenargs = 23", true),
            ("proc.tty = 0", true),
            ("user.uid = 33 and user.name = www and group.gid = 33 and group.name = www", true),
            ("thread.cap_effective = '' and not thread.cap_permitted contains CAP_SYS_ADMIN", true),
            ("container.id = 3ad7b26ded6d and container.name = web and container.type = containerd", true),
            ("container.image = example.org/web:1.2 and container.image.repository = example.org/web", true),
            ("container.privileged = false and container.privileged != true", true),
            ("container.image.digest exists", false),
            ("container.mount.dest[/var/run/docker.sock] = /var/run/docker.sock", true),
            ("container.mount.dest[/root*] exists and not container.mount.dest[/etc] exists", true),
            ("container.mount.source[/data] = /root/x and container.mount.mode[0] = rbind", true),
            ("container.mounts contains '/root/x:/data:rbind:true:rprivate'", true),
            ("k8s.pod.name = web-0 and k8s.ns.name = shop and container.label[team] = shop", true),
            // From the start of the node, one second before noon, and the start of the process.
            ("proc.duration > 1000000000 and proc.duration < 2000000000", true),
            ("evt.arg.exe = curl and evt.arg[1] = curl and evt.arg.ptid = bash", true),
            ("evt.arg.cwd = /srv and evt.args contains 'uid=33(www)'", true),
        ],
    );
    let event = world.event(1, EventKind::Execve);
    expect(
        &mut world,
        &event,
        &[
            ("container.id = host and container.name = host and container.image.repository = ''", true),
            ("k8s.pod.name exists", false),
            ("proc.sname = systemd and proc.is_vpgid_leader = true", true),
            ("proc.ppid exists or proc.pname exists or proc.aname exists", false),
        ],
    );
}

#[test]
fn sockets_are_told_from_either_end() {
    let mut world = World::new();
    let kind = tcp("10.0.0.5:40000", "93.184.216.34:443");
    let fd = Some(Fd { number: 7, kind, dev: 0, ino: 0 });
    let args = [Value::Int(-115), Value::Unknown, Value::Int(7)];
    let event = Event { fd, args: &args, result: -115, ..world.event(201, EventKind::Connect) };
    expect(
        &mut world,
        &event,
        &[
            ("fd.name = '10.0.0.5:40000->93.184.216.34:443'", true),
            ("evt.arg.tuple = '10.0.0.5:40000->93.184.216.34:443'", true),
            ("evt.res = EINPROGRESS and evt.rawres = -115 and evt.failed = true", true),
            ("fd.type = ipv4 and fd.typechar = 4 and fd.l4proto = tcp and fd.sockfamily = ip", true),
            ("fd.cip = 10.0.0.5 and fd.sip = 93.184.216.34 and fd.cport = 40000 and fd.sport = 443", true),
            ("fd.lip = 10.0.0.5 and fd.rport = 443 and fd.is_server = false", true),
            ("fd.ip = 10.0.0.5 and fd.ip = 93.184.216.34", true),
            ("fd.ip = 10.0.0.6", false),
            ("fd.ip != 10.0.0.5", false),
            ("fd.ip != 10.0.0.6", true),
            ("fd.ip in (1.1.1.1, 10.0.0.5)", true),
            ("fd.port = 443 and fd.port in (40000) and not fd.port = 80", true),
            ("fd.port < 500 and fd.port > 500", true),
            ("fd.net = 10.0.0.0/8 and fd.net in (192.168.0.0/16, 93.184.0.0/16)", true),
            ("fd.net != 10.0.0.0/8", false),
            ("fd.net != 11.0.0.0/8", true),
            ("fd.snet in (10.0.0.0/8)", false),
            ("fd.cnet = 10.0.0.0/8 and fd.rnet = 93.184.216.34/32", true),
            ("fd.snet = '2001:db8::/32'", false),
            ("fd.connected = false and fd.name_changed = true", true),
            // Its name is not known, so it is not the one that is asked for.
            ("fd.sip.name = example.org", false),
            ("fd.sip.name != example.org", true),
            ("fd.filename exists", false),
        ],
    );
    let kind = FdKind::Inet {
        transport: Transport::Tcp,
        local: Some(gabion_model::event::Endpoint { address: "::1".parse().expect("an address"), port: 80 }),
        remote: None,
        server: None,
    };
    let event =
        Event { fd: Some(Fd { number: 3, kind, dev: 0, ino: 0 }), ..world.event(201, EventKind::Listen) };
    expect(
        &mut world,
        &event,
        &[
            ("fd.type = ipv6 and fd.sport = 80 and fd.name = '::1:80' and fd.is_server = true", true),
            ("fd.cip exists or fd.lport exists", false),
        ],
    );
}

#[test]
fn arguments_are_told_as_people_write_them() {
    let mut world = World::new();
    let open = [
        Value::Int(5),
        Value::Int(-100),
        Value::Bytes(b"../etc/passwd"),
        Value::Uint(0o1101),
        Value::Uint(0o755),
        Value::Uint(0x801),
        Value::Uint(7),
    ];
    let event =
        Event { fd: file(5, "/etc/passwd"), args: &open, result: 5, ..world.event(201, EventKind::Openat) };
    expect(
        &mut world,
        &event,
        &[
            ("evt.arg.flags = 'O_TRUNC|O_CREAT|O_WRONLY' and evt.arg[3] contains O_CREAT", true),
            ("evt.arg.name = /etc/passwd and evt.rawarg.name = ../etc/passwd", true),
            ("evt.arg.mode = 0755 and evt.arg.dev = 801", true),
            ("evt.arg.fd = '<f>/etc/passwd' and evt.rawarg.fd = 5", true),
            ("evt.arg.res exists", false),
            ("evt.is_open_write = true and evt.is_open_read = false and evt.is_open_exec = true", true),
            ("evt.is_open_create = true", false),
            (
                "evt.args startswith 'fd=5(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=../etc/passwd(/etc/passwd) flags='",
                true,
            ),
            ("fd.directory = /etc and fd.filename = passwd and fd.nameraw = ../etc/passwd", true),
            (
                "fs.path.name = /etc/passwd and fs.path.nameraw = ../etc/passwd and evt.abspath = /etc/passwd",
                true,
            ),
            ("fd.dev.major = 8 and fd.dev.minor = 1 and fd.ino = 7", true),
            ("evt.category = file and evt.dir = '<' and evt.cpu = 3 and evt.is_io = false", true),
            ("evt.time = '10:00:00.005000000' and evt.datetime.s = '2026-11-27 10:00:00'", false),
            ("evt.time startswith '10:00:00.0' and evt.datetime.s = '2026-11-27 10:00:00'", true),
            ("evt.time.iso8601 startswith '2026-11-27T10:00:00.0' and evt.time.iso8601 endswith +0000", true),
            ("evt.hostname = node-1 and evt.source = syscall", true),
        ],
    );
    let args = [Value::Int(0), Value::Bytes(b"old"), Value::Bytes(b"/new")];
    let event = Event { args: &args, ..world.event(201, EventKind::Rename) };
    expect(
        &mut world,
        &event,
        &[("fs.path.source = /srv/old and fs.path.target = /new and fs.path.sourceraw = old", true)],
    );
    let args = [Value::Int(0), Value::Int(4), Value::Bytes(b"run.sh"), Value::Uint(0o4711)];
    let fd = Some(Fd { number: 4, kind: FdKind::Directory(b"/opt"), dev: 0, ino: 0 });
    let event = Event { fd, args: &args, ..world.event(201, EventKind::Fchmodat) };
    expect(
        &mut world,
        &event,
        &[
            ("evt.arg.mode contains S_ISUID and evt.arg.mode contains S_IXOTH", true),
            ("fs.path.name = /opt/run.sh and evt.arg.filename = /opt/run.sh", true),
        ],
    );
    let event = Event { fd: file(-2, "/none"), result: -2, ..world.event(201, EventKind::Open) };
    expect(
        &mut world,
        &event,
        &[
            ("fd.name = /none and evt.res = ENOENT and fd.num < 0", true),
            ("fd.type exists or fd.filename exists", false),
        ],
    );
    let event = Event { container: WEB, ..world.event(9_999, EventKind::Openat) };
    expect(&mut world, &event, &[("proc.name exists", false), ("container.name = web", true)]);
}

#[test]
fn what_does_not_fit_is_refused_in_falcos_words() {
    for (text, expected) in [
        ("proc.nonsense = 1", "filter_check called with nonexistent field proc.nonsense"),
        ("evt.arg.nonsense = 1", "unknown event argument nonsense"),
        ("evt.type = nonsense", "unknown event type nonsense"),
        ("fd.num contains 1", "filter error: 'contains' operator not supported for numeric filters"),
        ("fd.num = x", "x is not a valid number"),
        ("fd.sport = 70000", "70000 is not a valid number"),
        ("evt.is_open_read = 1", "filter error: unrecognized boolean value 1"),
        ("fd.sip = 1.2.3", "unrecognized IPv4 address 1.2.3"),
        ("fd.snet = 10.0.0.1", "unrecognized IP network 10.0.0.1"),
        ("fd.snet = 10.0.0.0/33", "invalid netmask 33"),
        (
            "fd.sip contains 1.2.3.4",
            "filter error: 'contains' operator not supported for ip address and network filters",
        ),
        ("proc.name bcontains 61", "filter error: 'bcontains' operator not supported for string filters"),
        (
            "evt.buffer bcontains 6",
            "filter error: bcontains and bstartswith operator support hex strings only",
        ),
        (
            "tolower(fd.num) = x",
            "can't add field transformer: type 'INT64' is not supported by 'tolower' transformer applied on field 'fd.num'",
        ),
        ("tolower(proc.aname) = x", "field 'proc.aname' does not support transformers"),
        (
            "proc.name = val(fd.num)",
            "field 'proc.name' has type 'CHARBUF' while the right-hand side field 'fd.num' has incompatible type 'INT64'",
        ),
        ("proc.name = val(proc.aname)", "field 'proc.aname' can't be used as a right-hand side field"),
        ("container.mount.dest = x", "the field 'container.mount.dest' requires an argument"),
        ("fd.types = file", "filter error: '=' operator not supported list filters"),
    ] {
        use crate::rules::vocabulary::Vocabulary as _;
        let Condition::Check(check) = parse_resolved(text).unwrap_or_else(|error| panic!("{text}: {error}"))
        else {
            panic!("{text} is more than a check")
        };
        assert_eq!(Fields.check(&check).expect_err(text).to_string(), expected, "{text}");
    }
}
