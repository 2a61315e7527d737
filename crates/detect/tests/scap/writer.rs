//! Writes .scap files for tests, block by block, as the format has them. What is written is read by Debian's `sysdig` as
//! well as by Gabion (`crates/gabion/tests/it/replay.rs`), so it is no mirror of our own reader.

#![allow(dead_code, reason = "each user of this file needs another part of it")]

/// A file that grows.
#[derive(Clone, Default)]
pub(crate) struct Scap(pub(crate) Vec<u8>);

/// A parameter of an event.
#[derive(Clone, Copy)]
pub(crate) enum P<'a> {
    None,
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    /// A descriptor, an error or a process.
    I64(i64),
    /// Text, which gets its NUL.
    T(&'a str),
    B(&'a [u8]),
}

impl P<'_> {
    fn bytes(&self) -> Vec<u8> {
        match *self {
            P::None => Vec::new(),
            P::U8(value) => vec![value],
            P::U16(value) => value.to_le_bytes().into(),
            P::U32(value) => value.to_le_bytes().into(),
            P::U64(value) => value.to_le_bytes().into(),
            P::I64(value) => value.to_le_bytes().into(),
            P::T(text) => [text.as_bytes(), &[0]].concat(),
            P::B(bytes) => bytes.into(),
        }
    }
}

/// A process of the list.
pub(crate) struct Listed<'a> {
    pub(crate) pid: u64,
    pub(crate) parent: u64,
    pub(crate) comm: &'a str,
    pub(crate) exe: &'a str,
    pub(crate) args: &'a [&'a str],
    pub(crate) cwd: &'a str,
    pub(crate) uid: u32,
    pub(crate) vpid: u64,
    pub(crate) cgroups: &'a str,
}

impl Scap {
    /// The blocks that each file begins with: section, machine, a network interface and a user.
    pub(crate) fn new(boot: u64) -> Self {
        let mut file = Self::default();
        let mut section = Vec::new();
        section.extend(0x1a2b_3c4d_u32.to_le_bytes());
        section.extend([1, 0, 2, 0]);
        section.extend(u64::MAX.to_le_bytes());
        file.block(0x0a0d_0d0a, &section);
        let mut machine = Vec::new();
        machine.extend(2_u32.to_le_bytes());
        machine.extend((4_u64 << 30).to_le_bytes());
        machine.extend(32_768_u64.to_le_bytes());
        let mut name = [0; 128];
        name[..6].copy_from_slice(b"node-1");
        machine.extend(name);
        machine.extend(boot.to_le_bytes());
        machine.extend([0; 24]);
        file.block(0x201, &machine);
        // 127.0.0.1/8 of lo, with a link speed: type, length of the name, three addresses, speed, name.
        let mut interface = vec![1, 0, 2, 0, 127, 0, 0, 1, 255, 0, 0, 0, 127, 255, 255, 255];
        interface.extend(0_u64.to_le_bytes());
        interface.extend(b"lo");
        file.block(0x219, &framed(&interface, false));
        let mut user = vec![0];
        user.extend([0; 8]);
        for text in ["root", "/root", "/bin/bash"] {
            short(&mut user, text.as_bytes());
        }
        file.block(0x220, &framed(&user, true));
        file
    }

    pub(crate) fn block(&mut self, kind: u32, body: &[u8]) {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = u32::try_from(body.len() + padding + 12).expect("short");
        self.0.extend(kind.to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(body);
        self.0.extend(&[0; 3][..padding]);
        self.0.extend(length.to_le_bytes());
    }

    /// A list of processes, of the ninth version.
    pub(crate) fn processes(&mut self, list: &[Listed<'_>]) {
        let mut body = Vec::new();
        for one in list {
            let mut entry = Vec::new();
            for number in [one.pid, one.pid, one.parent, one.pid, one.vpid] {
                entry.extend(number.to_le_bytes());
            }
            let nul =
                |texts: &[&str]| texts.iter().flat_map(|text| [text.as_bytes(), &[0]].concat()).collect();
            let args: Vec<u8> = nul(one.args);
            for text in
                [one.comm.as_bytes(), one.exe.as_bytes(), one.exe.as_bytes(), &args, one.cwd.as_bytes()]
            {
                short(&mut entry, text);
            }
            entry.extend(1024_u64.to_le_bytes());
            entry.extend(0_u32.to_le_bytes());
            entry.extend(one.uid.to_le_bytes());
            entry.extend(one.uid.to_le_bytes());
            entry.extend([0; 12 + 16]);
            short(&mut entry, b"A=1\0");
            entry.extend(one.vpid.to_le_bytes());
            entry.extend(one.vpid.to_le_bytes());
            short(&mut entry, one.cgroups.as_bytes());
            short(&mut entry, b"/");
            entry.extend(1000_u32.to_le_bytes());
            entry.push(0);
            body.extend(framed(&entry, true));
        }
        self.block(0x215, &body);
    }

    /// The list of descriptors of a process: number, and what follows its inode.
    pub(crate) fn descriptors(&mut self, pid: u64, list: &[(u64, &[u8])]) {
        let mut body = pid.to_le_bytes().to_vec();
        for (number, rest) in list {
            let entry = [&number.to_le_bytes()[..], &7_u64.to_le_bytes(), rest].concat();
            body.extend(framed(&entry, true));
        }
        self.block(0x218, &body);
    }

    /// An event of the newer layout.
    pub(crate) fn event(&mut self, time: u64, tid: u64, number: u16, params: &[P<'_>]) {
        self.block(0x216, &event(time, tid, number, params, true));
    }

    /// An event of the older one, which does not tell how many parameters there are.
    pub(crate) fn old_event(&mut self, time: u64, tid: u64, number: u16, params: &[P<'_>]) {
        self.block(0x204, &event(time, tid, number, params, false));
    }
}

fn event(time: u64, tid: u64, number: u16, params: &[P<'_>], counted: bool) -> Vec<u8> {
    let params: Vec<Vec<u8>> = params.iter().map(P::bytes).collect();
    let wide = matches!(number, 322 | 324 | 402);
    let lengths = params.len() * if wide { 4 } else { 2 };
    let header = if counted { 26 } else { 22 };
    let total = header + lengths + params.iter().map(Vec::len).sum::<usize>();
    let mut body = vec![0, 0]; // processor 0
    body.extend(time.to_le_bytes());
    body.extend(tid.to_le_bytes());
    body.extend(u32::try_from(total).expect("short").to_le_bytes());
    body.extend(number.to_le_bytes());
    if counted {
        body.extend(u32::try_from(params.len()).expect("few").to_le_bytes());
    }
    for param in &params {
        let length = u32::try_from(param.len()).expect("short").to_le_bytes();
        body.extend(&length[..if wide { 4 } else { 2 }]);
    }
    for param in params {
        body.extend(param);
    }
    body
}

/// An entry after its length, which counts itself in most lists.
fn framed(entry: &[u8], counts_itself: bool) -> Vec<u8> {
    let length = u32::try_from(entry.len() + if counts_itself { 4 } else { 0 }).expect("short");
    [&length.to_le_bytes(), entry].concat()
}

/// Text after its length.
pub(crate) fn short(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(u16::try_from(text.len()).expect("short").to_le_bytes());
    out.extend(text);
}

/// A socket address over IPv4.
pub(crate) fn address(ip: [u8; 4], port: u16) -> Vec<u8> {
    [&[2][..], &ip, &port.to_le_bytes()].concat()
}

/// Both ends over IPv4.
pub(crate) fn tuple(from: [u8; 4], from_port: u16, to: [u8; 4], to_port: u16) -> Vec<u8> {
    [&[2][..], &from, &from_port.to_le_bytes(), &to, &to_port.to_le_bytes()].concat()
}
