//! What Falco repeats about the process with each `clone` and `execve`, as arguments of the event. Here it is taken from the
//! process itself.

use super::{Context, datum::Datum, process::joined};
use Derived as D;
use gabion_model::event::{ArgKind as A, Value};

/// What Falco repeats about the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Derived {
    Exe,
    Args,
    Tid,
    Pid,
    ParentPid,
    Cwd,
    Comm,
    Env,
    Tty,
    Vpgid,
    LoginUid,
    ExecFlags,
    Inheritable,
    Permitted,
    Effective,
    Inode,
    Changed,
    Modified,
    Uid,
    ExePath,
    Pgid,
    Gid,
    Vpid,
    Missing,
}

/// What stands between the result and what is carried of `clone`.
pub(super) const CLONE: &[(&str, D, A)] = &[
    ("exe", D::Exe, A::Text),
    ("args", D::Args, A::Text),
    ("tid", D::Tid, A::Pid),
    ("pid", D::Pid, A::Pid),
    ("ptid", D::ParentPid, A::Pid),
    ("cwd", D::Cwd, A::Text),
    ("fdlimit", D::Missing, A::Int),
    ("pgft_maj", D::Missing, A::Uint),
    ("pgft_min", D::Missing, A::Uint),
    ("vm_size", D::Missing, A::Uint),
    ("vm_rss", D::Missing, A::Uint),
    ("vm_swap", D::Missing, A::Uint),
    ("comm", D::Comm, A::Text),
    ("cgroups", D::Missing, A::Text),
];
pub(super) const CLONE_REST: &[(&str, D, A)] = &[
    ("uid", D::Uid, A::Uint),
    ("gid", D::Gid, A::Uint),
    ("vtid", D::Vpid, A::Uint),
    ("vpid", D::Vpid, A::Uint),
    ("pidns_init_start_ts", D::Missing, A::Uint),
];
pub(super) const EXEC_REST: &[(&str, D, A)] = &[
    ("env", D::Env, A::Text),
    ("tty", D::Tty, A::Uint),
    ("vpgid", D::Vpgid, A::Pid),
    ("loginuid", D::LoginUid, A::Uid),
    ("flags", D::ExecFlags, A::Text),
    ("cap_inheritable", D::Inheritable, A::Hex),
    ("cap_permitted", D::Permitted, A::Hex),
    ("cap_effective", D::Effective, A::Hex),
    ("exe_ino", D::Inode, A::Uint),
    ("exe_ino_ctime", D::Changed, A::Uint),
    ("exe_ino_mtime", D::Modified, A::Uint),
    ("uid", D::Uid, A::Uid),
    ("trusted_exepath", D::ExePath, A::Text),
    ("pgid", D::Pgid, A::Pid),
    ("gid", D::Gid, A::Gid),
];

/// What Falco repeats of the process with `clone` and `execve`.
pub(super) fn value<'a>(what: Derived, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Value<'a> {
    buffer.clear();
    let Some(entry) = cx.process else { return Value::Unknown };
    let process = &*entry.process;
    let bytes = |datum| match datum {
        Datum::Text(text) => Value::Bytes(text),
        _ => Value::Unknown,
    };
    match what {
        D::Exe => Value::Bytes(entry.exe()),
        D::Args => bytes(joined(entry.arguments(), buffer)),
        D::Tid => Value::Int(cx.event.task.tid.into()),
        D::Pid => Value::Int(entry.task.pid.into()),
        D::ParentPid => Value::Int(entry.parent_pid.into()),
        D::Cwd => Value::Bytes(&process.cwd),
        D::Comm => Value::Bytes(&process.comm),
        D::Env => bytes(joined(&process.env, buffer)),
        D::Tty => Value::Uint(process.tty.into()),
        D::Vpgid => Value::Int(process.vpgid.into()),
        D::Pgid => Value::Int(process.pgid.into()),
        D::LoginUid => Value::Uint(process.credentials.loginuid.into()),
        D::ExecFlags => {
            for (set, name) in [
                (process.exe.writable, "EXE_WRITABLE"),
                (process.exe.upper_layer, "EXE_UPPER_LAYER"),
                (process.exe.memfd, "EXE_FROM_MEMFD"),
            ] {
                if set {
                    buffer.extend_from_slice(if buffer.is_empty() { b"" } else { b"|" });
                    buffer.extend_from_slice(name.as_bytes());
                }
            }
            Value::Bytes(buffer)
        }
        D::Inheritable => Value::Uint(process.credentials.inheritable),
        D::Permitted => Value::Uint(process.credentials.permitted),
        D::Effective => Value::Uint(process.credentials.effective),
        D::Inode => Value::Uint(process.exe.ino),
        D::Changed => Value::Uint(process.exe.ctime),
        D::Modified => Value::Uint(process.exe.mtime),
        D::Uid => Value::Uint(process.credentials.uid.into()),
        D::Gid => Value::Uint(process.credentials.gid.into()),
        D::ExePath => Value::Bytes(&process.exe.path),
        D::Vpid => Value::Uint(entry.vpid.into()),
        D::Missing => Value::Unknown,
    }
}
