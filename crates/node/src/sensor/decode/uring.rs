//! Rings of `io_uring`, and what is asked of them.

use super::{Front, Sink};
use crate::sensor::record::{Header, Reader};
use gabion_model::event::{EventKind, Fd, FdKind, Value};

/// `enum io_uring_op`, in order.
const REQUESTS: [&str; 58] = [
    "nop",
    "readv",
    "writev",
    "fsync",
    "read_fixed",
    "write_fixed",
    "poll_add",
    "poll_remove",
    "sync_file_range",
    "sendmsg",
    "recvmsg",
    "timeout",
    "timeout_remove",
    "accept",
    "async_cancel",
    "link_timeout",
    "connect",
    "fallocate",
    "openat",
    "close",
    "files_update",
    "statx",
    "read",
    "write",
    "fadvise",
    "madvise",
    "send",
    "recv",
    "openat2",
    "epoll_ctl",
    "splice",
    "provide_buffers",
    "remove_buffers",
    "tee",
    "shutdown",
    "renameat",
    "unlinkat",
    "mkdirat",
    "symlinkat",
    "linkat",
    "msg_ring",
    "fsetxattr",
    "setxattr",
    "fgetxattr",
    "getxattr",
    "socket",
    "uring_cmd",
    "send_zc",
    "sendmsg_zc",
    "read_multishot",
    "waitid",
    "futex_wait",
    "futex_wake",
    "futex_waitv",
    "fixed_fd_install",
    "ftruncate",
    "bind",
    "listen",
];

pub(super) fn tell(
    front: &Front,
    header: &Header,
    mut reader: Reader<'_>,
    sink: &mut Sink<'_>,
) -> Option<()> {
    let number = i64::from(reader.i32()?);
    let (entries, flags, request) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let fd = Fd { number, kind: FdKind::Anonymous(b"io_uring"), dev: 0, ino: 0 };
    if header.detail == 0 {
        let args = [
            Value::Int(number),
            Value::Uint(entries.into()),
            Value::Unknown,
            Value::Unknown,
            Value::Uint(flags.into()),
        ];
        sink(&front.event(EventKind::IoUringSetup, number, Some(fd), &args));
        return Some(());
    }
    let name = REQUESTS.get(request as usize).map_or(Value::Unknown, |name| Value::Bytes(name.as_bytes()));
    let args = [Value::Uint(request.into()), name];
    sink(&front.event(EventKind::IoUringSubmit, 0, Some(fd), &args));
    Some(())
}
