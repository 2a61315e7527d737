//! Fields of processes, users and groups.

use super::{
    Context, Field,
    datum::{Datum, put},
    names,
    table::ProcessField as P,
};
use crate::state::Entry;
use gabion_model::event::InImage;

/// How far up variables of the environment are looked for.
const MAX_ENV_LEVELS: usize = 20;

pub(super) fn extract<'a>(
    id: P,
    field: &'a Field,
    cx: Context<'a>,
    buffer: &'a mut Vec<u8>,
) -> Option<Datum<'a>> {
    if id == P::Tid {
        return Some(Datum::Int(cx.event.task.tid.into()));
    }
    let entry = cx.process?;
    let process = &*entry.process;
    let parent = || cx.state.processes().ancestors(entry).next();
    let number = |number: u32| Some(Datum::Int(number.into()));
    match id {
        P::Exe => Some(Datum::Text(entry.exe())),
        P::ExePath => Some(Datum::Text(&process.exe.path)),
        P::Name => Some(Datum::Text(&process.comm)),
        P::CmdLine => Some(cmdline(entry, buffer)),
        P::ParentExe => Some(Datum::Text(parent()?.exe())),
        P::ParentExePath => Some(Datum::Text(&parent()?.process.exe.path)),
        P::ParentName => Some(Datum::Text(&parent()?.process.comm)),
        P::ParentCmdLine => Some(cmdline(parent()?, buffer)),
        P::AncestorExe | P::AncestorExePath | P::AncestorName | P::AncestorArgs | P::AncestorCmdLine => {
            of_ancestor(id, field.index(), entry, cx, buffer)
        }
        P::AncestorEnv => ancestor_env(field, entry, cx, buffer),
        P::AncestorPid => number(nth(field.index().unwrap_or(0), entry, cx)?.task.pid),
        P::Args => match field.index() {
            Some(index) => Some(Datum::Text(entry.arguments().get(index).map_or(&[], Vec::as_slice))),
            None => Some(joined(entry.arguments(), buffer)),
        },
        P::ArgCount => Some(Datum::Uint(entry.arguments().len() as u64)),
        P::ArgLength => Some(Datum::Uint(entry.arguments().iter().map(|arg| arg.len() as u64).sum())),
        P::ExeLine => {
            buffer.extend_from_slice(entry.exe());
            buffer.push(b' ');
            Some(joined(entry.arguments(), buffer))
        }
        P::Env => match (field.key(), field.index()) {
            (Some(name), _) => Some(Datum::Text(entry.variable(name.as_bytes()).unwrap_or_default())),
            _ => Some(joined(&process.env, buffer)),
        },
        P::Cwd => {
            buffer.extend_from_slice(&process.cwd);
            if buffer.last() != Some(&b'/') {
                buffer.push(b'/');
            }
            Some(Datum::Text(buffer))
        }
        P::LoginShell => std::iter::once(entry)
            .chain(cx.state.processes().ancestors(entry))
            .filter(|entry| entry.process.comm.ends_with(b"sh"))
            .last()
            .and_then(|shell| number(shell.task.pid)),
        P::Tty => Some(Datum::Uint(process.tty.into())),
        P::Pid => number(entry.task.pid),
        P::ParentPid => number(parent()?.task.pid),
        P::Vpid => number(entry.vpid),
        P::ParentVpid => number(parent()?.vpid),
        P::Sid => number(process.vsid),
        P::Vpgid => number(process.vpgid),
        P::Pgid => number(process.pgid),
        P::SessionName => Some(leader(entry, cx, |e| e.process.vsid, true, |e| &e.process.comm)),
        P::SessionExe => Some(leader(entry, cx, |e| e.process.vsid, true, Entry::exe)),
        P::SessionExePath => Some(leader(entry, cx, |e| e.process.vsid, true, |e| &e.process.exe.path)),
        P::VirtualGroupName => Some(leader(entry, cx, |e| e.process.vpgid, true, |e| &e.process.comm)),
        P::VirtualGroupExe => Some(leader(entry, cx, |e| e.process.vpgid, true, Entry::exe)),
        P::VirtualGroupExePath => Some(leader(entry, cx, |e| e.process.vpgid, true, |e| &e.process.exe.path)),
        P::GroupLeaderName => Some(leader(entry, cx, |e| e.process.pgid, false, |e| &e.process.comm)),
        P::GroupLeaderExe => Some(leader(entry, cx, |e| e.process.pgid, false, Entry::exe)),
        P::GroupLeaderExePath => Some(leader(entry, cx, |e| e.process.pgid, false, |e| &e.process.exe.path)),
        P::Duration => since(entry, cx),
        P::ParentDuration => since(parent()?, cx),
        P::Started => cx.state.started(entry).map(Datum::Uint),
        P::ParentStarted => cx.state.started(parent()?).map(Datum::Uint),
        P::ExeWritable => Some(Datum::Bool(process.exe.writable)),
        P::ExeUpperLayer => Some(Datum::Bool(process.exe.upper_layer)),
        P::ExeMemfd => Some(Datum::Bool(process.exe.memfd)),
        P::SessionLeader => Some(Datum::Bool(process.vsid == entry.vpid)),
        P::VirtualGroupLeader => Some(Datum::Bool(process.vpgid == entry.vpid)),
        P::GroupLeader => Some(Datum::Bool(process.pgid == entry.task.pid)),
        P::ExeInode => (process.exe.ino != 0).then_some(Datum::Int(process.exe.ino.cast_signed())),
        P::ExeChanged => (process.exe.ctime != 0).then_some(Datum::Uint(process.exe.ctime)),
        P::ExeModified => (process.exe.mtime != 0).then_some(Datum::Uint(process.exe.mtime)),
        // Without a sign, as in Falco: a program that changed after the process started is very old.
        P::ExeAge => match (cx.state.started(entry)?, process.exe.ctime) {
            (_, 0) => None,
            (started, changed) => {
                Some(started.wrapping_sub(changed)).filter(|&age| age != 0).map(Datum::Uint)
            }
        },
        P::Threads => Some(Datum::Uint(u64::from(entry.threads) + 1)),
        P::OtherThreads => Some(Datum::Uint(entry.threads.into())),
        P::Permitted => Some(capabilities(process.credentials.permitted, buffer)),
        P::Inheritable => Some(capabilities(process.credentials.inheritable, buffer)),
        P::Effective => Some(capabilities(process.credentials.effective, buffer)),
        P::MainThread => Some(Datum::Bool(cx.event.task.tid == entry.task.pid)),
        // Only of the first thread is it known, or where there is no namespace.
        P::Vtid if cx.event.task.tid == entry.task.pid => number(entry.vpid),
        P::Vtid if !entry.is_in_namespace() => number(cx.event.task.tid),
        P::NameTid => {
            buffer.extend_from_slice(&process.comm);
            put(buffer, format_args!("{}", cx.event.task.tid));
            Some(Datum::Text(buffer))
        }
        P::Uid => Some(Datum::Uint(process.credentials.uid.into())),
        P::ExeInImage => match process.exe.in_image {
            InImage::Yes => Some(Datum::Bool(true)),
            InImage::No => Some(Datum::Bool(false)),
            InImage::Unknown => None,
        },
        P::PreviousUid => entry.previous_uid.map(|uid| Datum::Uint(uid.into())),
        P::UserName => Some(Datum::Text(user_name(process.credentials.uid, cx))),
        P::UserHome => {
            Some(Datum::Text(match (user(process.credentials.uid, cx), process.credentials.uid) {
                (Some(user), _) => &user.home,
                (None, 0) => b"/root",
                _ => b"<NA>",
            }))
        }
        P::UserShell => {
            Some(Datum::Text(user(process.credentials.uid, cx).map_or(b"<NA>", |user| user.shell.as_slice())))
        }
        P::LoginUid => Some(Datum::Int(match process.credentials.loginuid {
            u32::MAX => -1,
            uid => uid.into(),
        })),
        P::LoginName => Some(Datum::Text(user_name(process.credentials.loginuid, cx))),
        P::Gid => Some(Datum::Uint(process.credentials.gid.into())),
        P::GroupName => {
            let accounts = cx.state.accounts(cx.container());
            Some(Datum::Text(
                match (accounts.and_then(|a| a.group(process.credentials.gid)), process.credentials.gid) {
                    (Some(name), _) => name,
                    (None, 0) => b"root",
                    _ => b"<NA>",
                },
            ))
        }
        P::Tid | P::Vtid => None,
    }
}

/// Asks of each ancestor, nearest first, until the answer is `true`.
pub(super) fn any_ancestor(
    id: P,
    cx: Context<'_>,
    buffer: &mut Vec<u8>,
    test: &mut dyn FnMut(Datum<'_>) -> bool,
) -> bool {
    let Some(entry) = cx.process else { return false };
    cx.state.processes().ancestors(entry).any(|ancestor| {
        buffer.clear();
        test(match id {
            P::AncestorName => Datum::Text(&ancestor.process.comm),
            P::AncestorExe => Datum::Text(ancestor.exe()),
            P::AncestorExePath => Datum::Text(&ancestor.process.exe.path),
            P::AncestorCmdLine => cmdline(ancestor, buffer),
            P::AncestorEnv => joined(&ancestor.process.env, buffer),
            _ => Datum::Int(ancestor.task.pid.into()),
        })
    })
}

/// The process itself for 0, its parent for 1, and so on.
fn nth<'a>(index: usize, entry: &'a Entry, cx: Context<'a>) -> Option<&'a Entry> {
    match index.checked_sub(1) {
        None => Some(entry),
        Some(above) => cx.state.processes().ancestors(entry).nth(above),
    }
}

/// Of one ancestor, or of all with spaces between.
fn of_ancestor<'a>(
    id: P,
    index: Option<usize>,
    entry: &'a Entry,
    cx: Context<'a>,
    buffer: &'a mut Vec<u8>,
) -> Option<Datum<'a>> {
    let append = |entry: &Entry, out: &mut Vec<u8>| match id {
        P::AncestorName => out.extend_from_slice(&entry.process.comm),
        P::AncestorExe => out.extend_from_slice(entry.exe()),
        P::AncestorExePath => out.extend_from_slice(&entry.process.exe.path),
        P::AncestorArgs => {
            joined(entry.arguments(), out);
        }
        _ => {
            cmdline(entry, out);
        }
    };
    if let Some(index) = index {
        append(nth(index, entry, cx)?, buffer);
    } else {
        for ancestor in cx.state.processes().ancestors(entry) {
            if !buffer.is_empty() {
                buffer.push(b' ');
            }
            append(ancestor, buffer);
        }
        if buffer.is_empty() {
            return None;
        }
    }
    Some(Datum::Text(buffer))
}

fn ancestor_env<'a>(
    field: &'a Field,
    entry: &'a Entry,
    cx: Context<'a>,
    buffer: &'a mut Vec<u8>,
) -> Option<Datum<'a>> {
    match (field.key(), field.index()) {
        (Some(name), _) => Some(Datum::Text(
            cx.state
                .processes()
                .ancestors(entry)
                .take(MAX_ENV_LEVELS)
                .filter_map(|ancestor| ancestor.variable(name.as_bytes()))
                .find(|value| !value.is_empty())
                .unwrap_or_default(),
        )),
        (None, index) => Some(joined(&nth(index.unwrap_or(0), entry, cx)?.process.env, buffer)),
    }
}

/// Who leads the session or the group: the process with that number, or the eldest ancestor in it. Empty if it is not known.
fn leader<'a>(
    entry: &'a Entry,
    cx: Context<'a>,
    id: fn(&Entry) -> u32,
    is_virtual: bool,
    tell: fn(&Entry) -> &[u8],
) -> Datum<'a> {
    let wanted = id(entry);
    let direct =
        if is_virtual && entry.is_in_namespace() { None } else { cx.state.processes().with_pid(wanted) };
    let leader = direct.or_else(|| {
        cx.state.processes().ancestors(entry).take_while(|ancestor| id(ancestor) == wanted).last()
    });
    Datum::Text(leader.map_or(&[], tell))
}

fn since(entry: &Entry, cx: Context<'_>) -> Option<Datum<'static>> {
    cx.state.started(entry).map(|started| Datum::Uint(cx.event.time.saturating_sub(started)))
}

/// Appends the name and the arguments.
fn cmdline<'a>(entry: &Entry, buffer: &'a mut Vec<u8>) -> Datum<'a> {
    buffer.extend_from_slice(&entry.process.comm);
    for argument in entry.arguments() {
        buffer.push(b' ');
        buffer.extend_from_slice(argument);
    }
    Datum::Text(buffer)
}

/// Appends texts with spaces between.
pub(super) fn joined<'a>(texts: &[Vec<u8>], buffer: &'a mut Vec<u8>) -> Datum<'a> {
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            buffer.push(b' ');
        }
        buffer.extend_from_slice(text);
    }
    Datum::Text(buffer)
}

fn capabilities(set: u64, buffer: &mut Vec<u8>) -> Datum<'_> {
    names::capabilities(set, buffer);
    Datum::Text(buffer)
}

fn user(uid: u32, cx: Context<'_>) -> Option<&crate::state::accounts::User> {
    cx.state.accounts(cx.container())?.user(uid)
}

/// The name of a user; `<NA>` if it is not known.
pub(super) fn user_name(uid: u32, cx: Context<'_>) -> &[u8] {
    match (user(uid, cx), uid) {
        (Some(user), _) => &user.name,
        (None, 0) => b"root",
        // Falco has this as a text that can be compared, not as a value that is missing.
        _ => b"<NA>",
    }
}
