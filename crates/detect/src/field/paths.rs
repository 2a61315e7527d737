//! Fields of the paths that a call worked on, if it succeeded.

use super::{Context, args, datum::Datum, fd, table::PathField as P};
use crate::state::path;
use gabion_model::event::{EventKind as K, Value};

/// Where a path of a call is.
#[derive(Clone, Copy)]
enum Of {
    /// An argument.
    Argument(&'static str),
    /// The descriptor.
    Descriptor,
}

/// `fs.path.name`, `.source` and `.target` of a call. A link is made from its new name to the old one.
fn of(kind: K) -> [Option<Of>; 3] {
    let one = |path| [Some(path), None, None];
    let two = |source, target| [None, Some(Of::Argument(source)), Some(Of::Argument(target))];
    match kind {
        K::Mkdir | K::Mkdirat | K::Rmdir | K::Unlink | K::Chown | K::Lchown => one(Of::Argument("path")),
        K::Unlinkat | K::Open | K::Openat | K::Openat2 | K::Umount | K::Umount2 => one(Of::Argument("name")),
        K::Chmod | K::Fchmodat => one(Of::Argument("filename")),
        K::Fchownat => one(Of::Argument("pathname")),
        K::Fchmod | K::Fchown => one(Of::Descriptor),
        K::Rename | K::Renameat | K::Renameat2 => two("oldpath", "newpath"),
        K::Link | K::Linkat => two("newpath", "oldpath"),
        K::Symlink | K::Symlinkat => two("linkpath", "target"),
        K::Mount => two("dev", "dir"),
        _ => [None; 3],
    }
}

pub(super) fn extract<'a>(id: P, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Option<Datum<'a>> {
    if cx.event.result < 0 {
        return None;
    }
    let [name, source, target] = of(cx.event.kind);
    let (of, raw) = match id {
        P::Name => (name, false),
        P::RawName => (name, true),
        P::Source => (source, false),
        P::RawSource => (source, true),
        P::Target => (target, false),
        P::RawTarget => (target, true),
    };
    match of? {
        Of::Descriptor => {
            fd::name(&cx.event.fd?, buffer);
            Some(Datum::Text(buffer))
        }
        Of::Argument(name) => {
            let index = cx.event.kind.arg(name)?;
            let Some(Value::Bytes(text)) = cx.event.args.get(index) else { return None };
            if raw {
                return Some(Datum::Text(text));
            }
            cx.process?;
            if text.first() == Some(&b'/') {
                path::join(b"", text, buffer);
            } else {
                args::complete(index, text, cx, buffer);
            }
            Some(Datum::Text(buffer))
        }
    }
}

/// `evt.abspath`: the whole path of a call that takes a directory; which of two by `which`.
pub(super) fn absolute<'a>(which: usize, cx: Context<'a>, buffer: &'a mut Vec<u8>) -> Option<Datum<'a>> {
    let names: [&str; 2] = match cx.event.kind {
        K::Renameat | K::Renameat2 | K::Linkat => ["oldpath", "newpath"],
        K::Symlinkat => ["linkpath"; 2],
        K::Openat | K::Openat2 | K::Unlinkat => ["name"; 2],
        K::Mkdirat => ["path"; 2],
        K::Fchmodat => ["filename"; 2],
        K::Fchownat => ["pathname"; 2],
        K::OpenByHandleAt if cx.event.result > 0 => ["path"; 2],
        _ => return None,
    };
    cx.process?;
    let index = cx.event.kind.arg(names[usize::from(which == 2)])?;
    let Some(Value::Bytes(text)) = cx.event.args.get(index) else { return None };
    path::join(args::base(index, cx), text, buffer);
    Some(Datum::Text(buffer))
}
