//! A value of a field, and how it is told as text and as JSON.

use std::{fmt, io::Write as _, net::IpAddr};

/// The type of a field, by the names that Falco gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is the type of its name")]
pub enum Type {
    CharBuf,
    ByteBuf,
    Int16,
    Int32,
    Int64,
    Uint32,
    Uint64,
    RelTime,
    AbsTime,
    Bool,
    Double,
    IpAddr,
    IpNet,
    Port,
}

impl Type {
    /// As in Falco's messages and its list of fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CharBuf => "CHARBUF",
            Self::ByteBuf => "BYTEBUF",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::RelTime => "RELTIME",
            Self::AbsTime => "ABSTIME",
            Self::Bool => "BOOL",
            Self::Double => "DOUBLE",
            Self::IpAddr => "IPADDR",
            Self::IpNet => "IPNET",
            Self::Port => "PORT",
        }
    }

    /// Whether its values are numbers.
    pub const fn is_number(self) -> bool {
        !matches!(self, Self::CharBuf | Self::ByteBuf | Self::Bool | Self::IpAddr | Self::IpNet)
    }
}

/// A value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Datum<'a> {
    /// Text; not necessarily UTF-8.
    Text(&'a [u8]),
    /// Data that was read or written.
    Bytes(&'a [u8]),
    /// A number that may be negative.
    Int(i64),
    /// A number that may not.
    Uint(u64),
    /// Yes or no.
    Bool(bool),
    /// An address.
    Ip(IpAddr),
}

impl Datum<'_> {
    /// How a value that is missing is printed.
    pub const MISSING: &'static [u8] = b"<NA>";

    /// Appends it as Falco prints it.
    pub fn print(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Text(text) => out.extend_from_slice(text),
            // What cannot be printed is left as a dot, so that lines stay lines.
            Self::Bytes(bytes) => {
                out.extend(bytes.iter().map(|&byte| if (b' '..=b'~').contains(&byte) { byte } else { b'.' }));
            }
            Self::Int(number) => put(out, format_args!("{number}")),
            Self::Uint(number) => put(out, format_args!("{number}")),
            Self::Bool(yes) => put(out, format_args!("{yes}")),
            Self::Ip(address) => put(out, format_args!("{address}")),
        }
    }

    /// As JSON: numbers and truth values as such, all else as text. Bytes that are no UTF-8 become U+FFFD, as Falco has it.
    pub fn to_json(self) -> serde_json::Value {
        match self {
            Self::Int(number) => number.into(),
            Self::Uint(number) => number.into(),
            Self::Bool(yes) => yes.into(),
            Self::Text(_) | Self::Bytes(_) | Self::Ip(_) => {
                let mut text = Vec::new();
                self.print(&mut text);
                String::from_utf8_lossy(&text).into_owned().into()
            }
        }
    }
}

/// Appends what is formatted.
pub(super) fn put(out: &mut Vec<u8>, what: fmt::Arguments<'_>) {
    out.write_fmt(what).expect("writing into memory never fails");
}
