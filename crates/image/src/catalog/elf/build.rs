//! Builds small ELF files for tests.

/// Address of the first byte of the file.
pub(in crate::catalog) const BASE: u64 = 0x40_0000;

/// Collects sections, then lays them out. Sections whose name begins with `.data`, and `.go.buildinfo`, are
/// writable, and lie in a segment of their own.
pub(in crate::catalog) struct Builder {
    wide: bool,
    big: bool,
    sections: Vec<(String, Vec<u8>)>,
    table: bool,
}

impl Builder {
    pub(in crate::catalog) fn new(wide: bool, big: bool) -> Self {
        Self { wide, big, sections: Vec::new(), table: true }
    }

    pub(in crate::catalog) fn section(mut self, name: &str, bytes: &[u8]) -> Self {
        self.sections.push((name.to_owned(), bytes.to_vec()));
        self
    }

    pub(in crate::catalog) fn without_section_table(mut self) -> Self {
        self.table = false;
        self
    }

    /// A word in the layout of the file.
    pub(in crate::catalog) fn word(&self, value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out, if self.wide { 8 } else { 4 }, value);
        out
    }

    fn put(&self, out: &mut Vec<u8>, size: usize, value: u64) {
        let bytes = value.to_le_bytes();
        if self.big {
            out.extend(bytes[..size].iter().rev());
        } else {
            out.extend(&bytes[..size]);
        }
    }

    fn writable(name: &str) -> bool {
        name.starts_with(".data") || name == ".go.buildinfo"
    }

    /// The address of a section in the finished file.
    pub(in crate::catalog) fn address(&self, name: &str) -> u64 {
        let at = self.offsets().into_iter().zip(&self.sections).find(|(_, (n, _))| n == name);
        BASE + at.expect("a section of that name").0 as u64
    }

    /// Sections begin at multiples of 64, behind the headers.
    fn offsets(&self) -> Vec<usize> {
        let mut at = 256usize;
        let mut place = |len: usize| {
            let start = at;
            at = (at + len).next_multiple_of(64);
            start
        };
        self.sections.iter().map(|(_, bytes)| place(bytes.len())).collect()
    }

    pub(in crate::catalog) fn build(&self) -> Vec<u8> {
        let (word, half) = (if self.wide { 8 } else { 4 }, 2);
        let offsets = self.offsets();
        let mut body = Vec::new();
        for ((_, bytes), offset) in self.sections.iter().zip(&offsets) {
            body.resize(*offset, 0);
            body.extend(bytes);
        }
        let (mut names, mut rows) = (vec![0], vec![(0, 0, 0)]);
        for ((name, bytes), offset) in self.sections.iter().zip(&offsets) {
            rows.push((names.len(), *offset, bytes.len()));
            names.extend(name.as_bytes());
            names.push(0);
        }
        rows.push((names.len(), body.len(), names.len() + 10));
        names.extend(b".shstrtab\0");
        body.extend(names);
        let table = body.len().next_multiple_of(8);
        body.resize(table, 0);
        for (index, (name, offset, size)) in rows.iter().enumerate() {
            let kind = u64::from(index > 0);
            self.put(&mut body, 4, *name as u64);
            self.put(&mut body, 4, kind);
            for value in [0, 0, *offset as u64, *size as u64] {
                self.put(&mut body, word, value);
            }
            self.put(&mut body, 8, 0);
            self.put(&mut body, word, 0);
            self.put(&mut body, word, 0);
        }

        let mut head = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(self.wide), 1 + u8::from(self.big), 1];
        head.resize(16, 0);
        let (header_size, program_size, section_size) = if self.wide { (64, 56, 64) } else { (52, 32, 40) };
        let (table, count) = if self.table { (table, rows.len()) } else { (0, 0) };
        self.put(&mut head, half, 2);
        self.put(&mut head, half, 62);
        self.put(&mut head, 4, 1);
        self.put(&mut head, word, 0);
        self.put(&mut head, word, header_size);
        self.put(&mut head, word, table as u64);
        self.put(&mut head, 4, 0);
        for value in
            [header_size, program_size, 2, section_size, count as u64, count.saturating_sub(1) as u64]
        {
            self.put(&mut head, half, value);
        }
        for writable in [false, true] {
            let of = |end: bool| {
                let mine =
                    self.sections.iter().zip(&offsets).filter(|((n, _), _)| Self::writable(n) == writable);
                let ends = mine.map(|((_, bytes), at)| if end { at + bytes.len() } else { *at });
                (if end { ends.max() } else { ends.min() }).unwrap_or(0) as u64
            };
            let (start, size) = (of(false), of(true) - of(false));
            let flags = 4 + 2 * u64::from(writable);
            self.put(&mut head, 4, 1);
            if self.wide {
                self.put(&mut head, 4, flags);
            }
            for value in [start, BASE + start, BASE + start, size, size] {
                self.put(&mut head, word, value);
            }
            if !self.wide {
                self.put(&mut head, 4, flags);
            }
            self.put(&mut head, word, 64);
        }
        body[..head.len()].copy_from_slice(&head);
        body
    }
}
