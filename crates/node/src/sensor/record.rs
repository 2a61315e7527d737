//! Records as the programs write them (`bpf/record.h`), read with every length checked.
//!
//! The kernel is trusted to have written them; what stands in them is not: names, arguments and packets are those of the
//! watched processes.

/// Reads numbers and texts from the front of a record. `None` is the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, size: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_ne_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_ne_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_ne_bytes)
    }

    pub(super) fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_ne_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_ne_bytes)
    }

    /// The number of a device: the kernel has another one than `stat` tells.
    pub(super) fn device(&mut self) -> Option<u64> {
        const MINOR: u32 = 20;
        let device = self.u64()?;
        Some(rustix::fs::makedev((device >> MINOR) as u32, device as u32 & ((1 << MINOR) - 1)))
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_ne_bytes)
    }
}

/// What kind of record it is: `enum record_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordType {
    Fork,
    Exec,
    Exit,
    Cgroup,
    Socket,
    Dns,
    Uring,
    Signal,
    Call,
    Found,
    Capability,
}

impl RecordType {
    fn from_number(number: u16) -> Option<Self> {
        const TYPES: [RecordType; 11] = [
            RecordType::Fork,
            RecordType::Exec,
            RecordType::Exit,
            RecordType::Cgroup,
            RecordType::Socket,
            RecordType::Dns,
            RecordType::Uring,
            RecordType::Signal,
            RecordType::Call,
            RecordType::Found,
            RecordType::Capability,
        ];
        TYPES.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// The front of every record: `struct header`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Nanoseconds since boot.
    pub(super) time: u64,
    pub(super) cgroup: u64,
    pub(super) start: u64,
    pub(super) pid: u32,
    pub(super) tid: u32,
    pub(super) kind: RecordType,
    pub(super) cpu: u16,
    pub(super) detail: u32,
}

impl Header {
    /// How many bytes it has.
    pub(super) const SIZE: usize = 40;

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            time: reader.u64()?,
            cgroup: reader.u64()?,
            start: reader.u64()?,
            pid: reader.u32()?,
            tid: reader.u32()?,
            kind: RecordType::from_number(reader.u16()?)?,
            cpu: reader.u16()?,
            detail: reader.u32()?,
        })
    }
}

/// The text up to its zero byte, or all.
pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or(bytes)
}
