//! One event as a block holds it: who, when, and parameters.
//!
//! ```text
//!   cpu u16 │ flags u32, in some │ time u64 │ thread u64 │ length u32 │ type u16 │ count u32, in newer
//!   length of each parameter, u16 or u32 │ parameters
//! ```

use super::super::RecordingError;
use super::address::Address;
use super::block::{Fields, damaged};
use super::table::{self, Form, Type};

/// Whether blocks carry flags before the event, and the number of parameters in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) flags: bool,
    pub(super) counted: bool,
}

/// Who did something when, and what it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) cpu: u16,
    /// In nanoseconds since 1970.
    pub(super) time: u64,
    pub(super) tid: u64,
    /// The number of its type.
    pub(super) number: u16,
}

/// The parameters of an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Params<'a> {
    values: Vec<&'a [u8]>,
}

/// The type of an event, and its parameters.
pub(super) type Typed<'a> = (&'static Type, Params<'a>);

/// Reads an event; no type and no parameters if its type is not known.
pub(super) fn read(
    offset: u64,
    layout: Layout,
    body: &[u8],
) -> Result<(Header, Option<Typed<'_>>), RecordingError> {
    let short = || damaged(offset, "the event is shorter than its header");
    let mut fields = Fields::new(body);
    let cpu = fields.u16().ok_or_else(short)?;
    if layout.flags {
        fields.u32().ok_or_else(short)?;
    }
    let (time, tid) = (fields.u64().ok_or_else(short)?, fields.u64().ok_or_else(short)?);
    let (length, number) = (fields.u32().ok_or_else(short)?, fields.u16().ok_or_else(short)?);
    let header = Header { cpu, time, tid, number };
    let count = if layout.counted { Some(fields.u32().ok_or_else(short)?) } else { None };
    let Some(of) = table::get(number) else { return Ok((header, None)) };
    let header_length = if layout.counted { 26 } else { 22 };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let data = length
        .checked_sub(header_length)
        .and_then(|length| fields.bytes(length))
        .ok_or_else(|| damaged(offset, "the event does not fit into it"))?;
    if of.params.is_empty() {
        return Ok((header, Some((of, Params::default()))));
    }
    let wide = table::large(number);
    let params = match count {
        Some(count) => Params::split(data, usize::try_from(count).unwrap_or(usize::MAX), wide)
            .ok_or_else(|| damaged(offset, format!("the parameters of {} do not fit into it", of.name)))?,
        // How many there are is not told: as many as fill the event.
        None => (0..=of.params.len())
            .rev()
            .find_map(|count| Params::split(data, count, wide).filter(|params| params.fill(data, wide)))
            .ok_or_else(|| damaged(offset, format!("the parameters of {} do not fill it", of.name)))?,
    };
    Ok((header, Some((of, params))))
}

impl<'a> Params<'a> {
    fn split(data: &'a [u8], count: usize, wide: bool) -> Option<Self> {
        let lengths = count.checked_mul(if wide { 4 } else { 2 })?;
        let mut fields = Fields::new(data);
        let mut lengths = Fields::new(fields.bytes(lengths)?);
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            let length = if wide { lengths.u32()? as usize } else { usize::from(lengths.u16()?) };
            values.push(fields.bytes(length)?);
        }
        Some(Self { values })
    }

    fn fill(&self, data: &[u8], wide: bool) -> bool {
        let lengths = self.values.len() * if wide { 4 } else { 2 };
        lengths + self.values.iter().map(|value| value.len()).sum::<usize>() == data.len()
    }

    /// The parameter at a place; `None` if it is not told, or is empty.
    pub(super) fn at(&self, place: usize) -> Option<&'a [u8]> {
        self.values.get(place).copied().filter(|value| !value.is_empty())
    }

    /// Whether there is a parameter at a place, if only an empty one.
    pub(super) fn has(&self, place: usize) -> bool {
        place < self.values.len()
    }
}

/// What a call told: at its end, and at its beginning if that is in the recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'c, 'a> {
    pub(super) of: &'static Type,
    pub(super) exit: &'c Params<'a>,
    pub(super) enter: Option<(&'static Type, &'c Params<'a>)>,
}

impl<'a> Call<'_, 'a> {
    /// A parameter by name: as told at the end, else as told at the beginning.
    pub(super) fn raw(&self, name: &str) -> Option<&'a [u8]> {
        find(self.of, self.exit, name).or_else(|| self.entered(name))
    }

    /// A parameter by name, as told at the beginning.
    pub(super) fn entered(&self, name: &str) -> Option<&'a [u8]> {
        let (of, params) = self.enter?;
        find(of, params, name)
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.raw(name).and_then(signed)
    }

    pub(super) fn uint(&self, name: &str) -> Option<u64> {
        self.raw(name).and_then(unsigned)
    }

    /// A number of 32 bits.
    pub(super) fn uint32(&self, name: &str) -> Option<u32> {
        self.uint(name).and_then(|value| u32::try_from(value).ok())
    }

    /// Text up to its NUL. What could not be read is written as `<NA>` by old programs.
    pub(super) fn text(&self, name: &str) -> Option<&'a [u8]> {
        self.raw(name).map(until_nul).filter(|&text| text != b"<NA>")
    }

    pub(super) fn address(&self, name: &str) -> Option<Address<'a>> {
        self.raw(name).and_then(Address::one)
    }

    pub(super) fn tuple(&self) -> Option<Address<'a>> {
        self.raw("tuple").and_then(Address::both)
    }

    /// What the kernel answered: the first parameter at the end.
    pub(super) fn result(&self) -> i64 {
        let plain = |bytes| match self.of.params.first() {
            Some(param) if param.form == Form::Dynamic => dynamic(bytes),
            _ => Some(bytes),
        };
        self.exit.at(0).and_then(plain).and_then(signed).unwrap_or_default()
    }
}

fn find<'a>(of: &Type, params: &Params<'a>, name: &str) -> Option<&'a [u8]> {
    params.at(of.params.iter().position(|param| param.name == name)?)
}

/// A number of 1, 2, 4 or 8 bytes that may be negative.
pub(super) fn signed(bytes: &[u8]) -> Option<i64> {
    Some(match *bytes {
        [a] => i64::from(a.cast_signed()),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => i64::from_le_bytes(bytes.try_into().ok()?),
    })
}

/// A number of 1, 2, 4 or 8 bytes.
pub(super) fn unsigned(bytes: &[u8]) -> Option<u64> {
    Some(match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => u64::from_le_bytes(bytes.try_into().ok()?),
    })
}

/// A value without the index before it.
pub(super) fn dynamic(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_first().map(|(_, value)| value)
}

/// Text up to the NUL that ends it. One at the beginning is part of an abstract name.
pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    let skip = usize::from(bytes.first() == Some(&0) && bytes.len() > 1);
    let end = bytes[skip..].iter().position(|&byte| byte == 0).map_or(bytes.len(), |end| end + skip);
    &bytes[..end]
}
