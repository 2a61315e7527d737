//! System calls, as they are asked for.

use crate::watch::{Seen, Watch, find};
use gabion_model::event::{EventKind as K, FILE_CREATED};
use gabion_node::sensor::Config;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};

fn path(directory: &tempfile::TempDir, name: &str) -> String {
    directory.path().join(name).to_str().expect("text").to_owned()
}

#[test]
fn opens_tell_the_file_that_was_opened() {
    let Some(mut watch) = Watch::new(Config::default(), &[K::Openat]) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let program = "import os, sys
os.chdir(sys.argv[1])
os.mkdir('sub')
os.close(os.open('new', os.O_WRONLY | os.O_CREAT, 0o640))
os.symlink('new', 'link')
at = os.open('sub', os.O_RDONLY)
os.open('../link', os.O_RDONLY, dir_fd=at)
for name in ('missing/./x', '../gone'):
    try:
        os.open(name, os.O_RDONLY, dir_fd=at)
    except OSError:
        pass
";
    let seen = watch.python(program, &[directory.path().to_str().expect("text")]);
    let new = path(&directory, "new");
    let file = fs::metadata(&new).expect("there");

    let made = find(&seen, K::Openat, |seen| seen.arg("name") == "new");
    assert_eq!(made.fd.as_deref(), Some(&*format!("file {new}")));
    assert_eq!((made.arg("ino"), made.arg("dirfd")), (&*file.ino().to_string(), "-100"));
    assert_eq!(made.arg("dev"), file.dev().to_string());
    assert_eq!(made.arg("mode"), 0o640.to_string());
    let flags: u64 = made.arg("flags").parse().expect("a number");
    assert_eq!(flags & FILE_CREATED, FILE_CREATED);

    // Not the link, nor what the process called it.
    let linked = find(&seen, K::Openat, |seen| seen.arg("name") == "../link");
    assert_eq!(linked.fd.as_deref(), Some(&*format!("file {new}")));
    assert_eq!(linked.arg("flags").parse::<u64>().expect("a number") & FILE_CREATED, 0);
    let sub = find(&seen, K::Openat, |seen| seen.arg("name") == "sub");
    assert_eq!(sub.fd.as_deref(), Some(&*format!("directory {}", path(&directory, "sub"))));

    let missing = find(&seen, K::Openat, |seen| seen.arg("name") == "missing/./x");
    assert_eq!(missing.result, -i64::from(libc::ENOENT));
    assert_eq!(missing.fd.as_deref(), Some(&*format!("file {}", path(&directory, "sub/missing/x"))));
    assert_eq!((missing.arg("ino"), missing.arg("fd")), ("?", "-2"));
    let gone = find(&seen, K::Openat, |seen| seen.arg("name") == "../gone");
    assert_eq!(gone.fd.as_deref(), Some(&*format!("file {}", path(&directory, "gone"))));
}

#[test]
fn an_open_that_is_repeated_is_told_once() {
    let Some(mut watch) = Watch::new(Config::default(), &[K::Openat]) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = path(&directory, "file");
    fs::write(&file, "").expect("written");
    let before = watch.sensor.stats().expect("stats").left.repeated;
    let program = "import os, sys
for _ in range(100): os.close(os.open(sys.argv[1], os.O_RDONLY))
os.open(sys.argv[1], os.O_WRONLY)";
    for _ in 0..2 {
        let seen = watch.python(program, &[&file]);
        // Once to read, once to write; and again by another process.
        assert_eq!(seen.iter().filter(|seen| seen.kind == K::Openat && seen.arg("name") == file).count(), 2);
    }
    assert!(watch.sensor.stats().expect("stats").left.repeated >= before + 198);
}

/// What one call must tell: the kind, its result (or any), its descriptor, and some of its arguments.
type Row<'a> = (K, Option<i64>, Option<&'a str>, &'a [(&'a str, &'a str)]);

fn check(seen: &[Seen], rows: &[Row<'_>]) {
    for (kind, result, fd, args) in rows {
        find(seen, *kind, |seen| {
            result.is_none_or(|result| result == seen.result)
                && fd.is_none_or(|fd| seen.fd.as_deref() == Some(fd))
                && args.iter().all(|(name, value)| seen.arg(name) == *value)
        });
    }
}

fn kinds(rows: &[Row<'_>]) -> Vec<K> {
    rows.iter().map(|row| row.0).collect()
}

#[test]
fn changes_of_files_are_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().to_str().expect("text");
    let here = format!("directory {root}");
    let here = Some(&*here);
    let (file, sub) = (format!("file {root}/f"), format!("directory {root}/d"));
    let rows: &[Row<'_>] = &[
        (K::Mkdir, Some(0), here, &[("path", "d"), ("mode", "448")]),
        (K::Mkdirat, Some(0), Some(&sub), &[("path", "e"), ("mode", "511")]),
        (K::Rename, Some(0), None, &[("oldpath", "a"), ("newpath", "b\nc")]),
        (K::Symlink, Some(0), here, &[("target", "/etc/shadow"), ("linkpath", "s")]),
        (K::Link, Some(-2), None, &[("oldpath", "none"), ("newpath", "l")]),
        (K::Chmod, Some(0), here, &[("filename", "f"), ("mode", "2541")]),
        (K::Fchmod, Some(0), Some(&file), &[("mode", "420")]),
        (K::Chown, Some(0), here, &[("path", "f"), ("uid", "1"), ("gid", "2")]),
        (K::Unlink, Some(0), here, &[("path", "b\nc")]),
        (K::Rmdir, Some(-39), here, &[("path", "d")]),
        (K::Truncate, Some(0), here, &[("path", "f"), ("length", "7")]),
        (K::Write, Some(5), Some(&file), &[("data", "hello"), ("size", "5")]),
        (K::Dup2, Some(77), Some(&file), &[("newfd", "77")]),
        (K::Mknodat, Some(0), here, &[("path", "null"), ("mode", "8630"), ("dev", "259")]),
    ];
    let Some(mut watch) = Watch::new(Config::default(), &kinds(rows)) else { return };
    let program = "import os, sys
os.chdir(sys.argv[1])
os.mkdir('d', 0o700)
d = os.open('d', os.O_RDONLY)
os.mkdir('e', dir_fd=d)
os.mknod('a')
os.rename('a', 'b\\nc')
os.symlink('/etc/shadow', 's')
try: os.link('none', 'l')
except OSError: pass
f = os.open('f', os.O_CREAT | os.O_RDWR)
os.chmod('f', 0o4755)
os.fchmod(f, 0o644)
os.chown('f', 1, 2)
os.unlink('b\\nc')
try: os.rmdir('d')
except OSError: pass
os.truncate('f', 7)
os.write(f, b'hello')
os.dup2(f, 77)
os.mknod('null', 0o20666, os.makedev(1, 3))
";
    let seen = watch.python(program, &[root]);
    check(&seen, rows);
}

#[test]
fn what_escapes_is_made_of_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().to_str().expect("text");
    let rows: &[Row<'_>] = &[
        (K::Unshare, Some(0), None, &[("flags", "131072")]),
        (K::Mount, Some(0), None, &[("dev", "none"), ("dir", root), ("type", "tmpfs"), ("flags", "2")]),
        (K::Umount2, Some(0), None, &[("name", root), ("flags", "2")]),
        (K::Setns, Some(0), Some("anonymous nsfs"), &[("nstype", "1073741824")]),
        (K::Prctl, Some(0), None, &[("option", "15"), ("arg2_str", "kworker/0:1")]),
        (K::Ptrace, None, None, &[("request", "16"), ("pid", "1073741823")]),
        (K::MemfdCreate, None, Some("memfd x"), &[("name", "x"), ("flags", "1")]),
        (K::Socket, None, Some("socket 16"), &[("domain", "16"), ("type", "3"), ("proto", "15")]),
        (K::Connect, Some(-2), Some("unix /run/no.sock"), &[("addr", "/run/no.sock")]),
        (K::Bpf, None, None, &[("cmd", "5")]),
        (K::Userfaultfd, None, None, &[("flags", "0")]),
        (K::InitModule, None, None, &[("length", "4"), ("img", "\u{7f}ELF"), ("uargs", "a=b")]),
        (K::ProcessVmReadv, None, None, &[("pid", "1073741823")]),
        (K::Chroot, Some(0), None, &[("path", root)]),
        (K::Capset, None, None, &[("cap_permitted", "4398046511107"), ("cap_effective", "1")]),
        (K::Setresgid, Some(0), None, &[("rgid", "4294967295"), ("egid", "4"), ("sgid", "4294967295")]),
        (K::Setuid, Some(0), None, &[("uid", "1000")]),
        (K::Kill, Some(-3), None, &[("pid", "1073741823"), ("sig", "9")]),
        (K::Execve, Some(-2), None, &[("filename", "/no/such/program")]),
    ];
    let Some(mut watch) = Watch::new(Config::default(), &kinds(rows)) else { return };
    let program = "import ctypes, os, socket, struct, sys
libc = ctypes.CDLL(None)
libc.unshare(0x20000)
libc.mount(b'none', b'/', None, 1 << 18, None)
libc.mount(b'none', sys.argv[1].encode(), b'tmpfs', 2, None)
libc.umount2(sys.argv[1].encode(), 2)
libc.setns(os.open('/proc/self/ns/net', os.O_RDONLY), 0x40000000)
libc.prctl(15, b'kworker/0:1')
far = 0x3fffffff
libc.ptrace(16, far, 0, 0)
os.memfd_create('x')
socket.socket(16, socket.SOCK_RAW, 15)
try: socket.socket(socket.AF_UNIX).connect('/run/no.sock')
except OSError: pass
libc.syscall(321, 5, bytes(120), 120)
libc.syscall(323, 0)
libc.syscall(175, b'\\x7fELF', 4, b'a=b')
libc.process_vm_readv(far, None, 0, None, 0, 0)
libc.chroot(sys.argv[1].encode())
libc.setresgid(-1, 4, -1)
os.setuid(1000)
libc.syscall(126, struct.pack('<Ii', 0x20080522, 0), struct.pack('<6I', 1, 3, 0, 0, 1 << 10, 0))
try: os.kill(far, 9)
except OSError: pass
try: os.execv('/no/such/program', ['x'])
except OSError: pass
";
    let seen = watch.python(program, &[root]);
    check(&seen, rows);
}

#[test]
fn what_is_not_asked_for_is_not_told() {
    let Some(mut watch) = Watch::new(Config { failures: false, ..Config::default() }, &[K::Mkdir]) else {
        return;
    };
    let program = "import os
for name in ('/proc/x', '/proc/y'):
    try: os.mkdir(name)
    except OSError: pass
try: os.rmdir('/proc/x')
except OSError: pass";
    let seen = watch.python(program, &[]);
    assert!(!seen.iter().any(|seen| matches!(seen.kind, K::Mkdir | K::Rmdir)));
    assert!(watch.sensor.stats().expect("stats").left.failed >= 2);

    watch.sensor.demand(&[K::Rmdir]).expect("demanded");
    let seen = watch.python("import os, tempfile\nos.rmdir(tempfile.mkdtemp())", &[]);
    assert!(!seen.iter().any(|seen| seen.kind == K::Mkdir));
    find(&seen, K::Rmdir, |seen| seen.result == 0);
}

/// `getpid()`, then `exit(0)`, as calls of 32 bits: a program of 32 bits, by hand.
#[cfg(target_arch = "x86_64")]
fn program_of_32_bits() -> Vec<u8> {
    let code = [0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80];
    let base: u32 = 0x0800_0000;
    let size = 84 + code.len() as u32;
    let mut elf = b"\x7fELF\x01\x01\x01".to_vec();
    elf.resize(16, 0);
    for half in [2_u16, 3] {
        elf.extend(half.to_le_bytes());
    }
    for word in [1, base + 84, 52, 0, 0] {
        elf.extend(word.to_le_bytes());
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        elf.extend(half.to_le_bytes());
    }
    for word in [1, 0, base, base, size, size, 5, 4096] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend(code);
    elf
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_of_32_bits_are_counted() {
    let Some(mut watch) = Watch::new(Config::default(), &[K::Setsid]) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let program = path(&directory, "small");
    fs::write(&program, program_of_32_bits()).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    let before = watch.sensor.stats().expect("stats").lost.compat;
    let (output, _) = watch.run(&mut Command::new(&program));
    assert!(output.status.success(), "{output:?}");
    // exit() does not return.
    assert!(watch.sensor.stats().expect("stats").lost.compat > before);
    watch.until("the loss", |watch| {
        watch.seen.iter().find(|s| s.kind == K::Drop && s.arg("reason").contains("32-bit")).cloned()
    });
}
