//! Arguments of events: what kind each is, so that it is told as people write it, and its value.

/// What an argument is; decides how it is told (`O_RDONLY|O_CLOEXEC`, `0644`, `<f>/etc/passwd`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the flag set or the unit of its name")]
pub enum ArgKind {
    /// A number, or an error by its name.
    Errno,
    /// A descriptor, or an error.
    Fd,
    Pid,
    Uid,
    Gid,
    Int,
    Uint,
    Hex,
    Bool,
    /// A mode, told in octal digits: `0644`.
    Mode,
    /// A mode, told by its bits: `S_IXUSR|S_IRUSR`.
    Permissions,
    /// Text as the process gave it.
    Text,
    /// A path as the process gave it.
    Path,
    /// Data that was read or written: its first bytes.
    Bytes,
    Signal,
    Capabilities,
    SocketFamily,
    PtraceRequest,
    PrctlOption,
    BpfCommand,
    /// Those of `open`, with [`FILE_CREATED`].
    OpenFlags,
    ResolveFlags,
    CloneFlags,
    ExecveatFlags,
    ProtFlags,
    MmapFlags,
    MemfdFlags,
    UnlinkFlags,
    RenameFlags,
    LinkFlags,
    MountFlags,
    UmountFlags,
    ModuleFlags,
    ShutdownHow,
}

/// Set beside the flags of `open` if the call made the file. `O_CREAT` alone only says that it might have.
pub const FILE_CREATED: u64 = 1 << 32;

/// An argument of a kind of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgSpec {
    /// Its name, as in `evt.arg.NAME`.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgKind,
}

/// The value of an argument. Flags and modes are those of Linux, as the process passed them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Value<'a> {
    /// It is not known: it could not be read, or the source does not tell it.
    #[default]
    Unknown,
    /// A number that may be negative.
    Int(i64),
    /// A number that may not.
    Uint(u64),
    /// Text, path or data; not necessarily UTF-8.
    Bytes(&'a [u8]),
}
