//! Paths inside an image: bytes, relative to the root, without `.` or `..`, without leading or trailing slash.

use std::borrow::Cow;

/// Why a path of an archive entry cannot be one inside the image root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// `..` would leave the root.
    #[error("path leaves the image root")]
    Escapes,
    /// Longer than Linux accepts (`PATH_MAX` is 4096).
    #[error("path is longer than 4096 bytes")]
    TooLong,
    /// A NUL byte, which no file system stores.
    #[error("path contains a NUL byte")]
    Nul,
}

/// The longest path that Linux accepts.
pub const MAX: usize = 4096;

/// Brings a path of an archive into the one form Gabion uses, or says why it has none.
///
/// A leading `/` is dropped (container runtimes extract relative to the root, so `/etc/passwd` and
/// `etc/passwd` are the same file); `..` is resolved, and refused where it would climb above the root.
///
/// ```
/// # use gabion_model::path::*;
/// assert_eq!(normalise(b"./usr//bin/../lib/x").unwrap().as_ref(), b"usr/lib/x");
/// assert_eq!(normalise(b"/etc/passwd").unwrap().as_ref(), b"etc/passwd");
/// assert_eq!(normalise(b"a/../../etc/shadow"), Err(PathError::Escapes));
/// ```
pub fn normalise(path: &[u8]) -> Result<Cow<'_, [u8]>, PathError> {
    if path.len() > MAX {
        return Err(PathError::TooLong);
    }
    if path.contains(&0) {
        return Err(PathError::Nul);
    }
    let trimmed = trim(path);
    let clean = |part: &[u8]| !part.is_empty() && part != b"." && part != b"..";
    if trimmed.is_empty() || trimmed.split(|&b| b == b'/').all(clean) {
        return Ok(Cow::Borrowed(trimmed));
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in trimmed.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop().ok_or(PathError::Escapes)?;
            }
            part => parts.push(part),
        }
    }
    Ok(Cow::Owned(parts.join(&b'/')))
}

fn trim(mut path: &[u8]) -> &[u8] {
    loop {
        path = match path {
            [b'/', rest @ ..] | [b'.', b'/', rest @ ..] | [rest @ .., b'/'] => rest,
            b"." => b"",
            _ => return path,
        };
    }
}

/// The directory part, empty for a name in the root.
pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&b| b == b'/').map_or(b"", |i| &path[..i])
}

/// The last component.
pub fn name(path: &[u8]) -> &[u8] {
    path.iter().rposition(|&b| b == b'/').map_or(path, |i| &path[i + 1..])
}

/// A path as text that is safe to print: control characters and bytes that are not UTF-8 become `\xNN`.
pub fn display(path: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(path) {
        Ok(text) if !text.chars().any(char::is_control) => Cow::Borrowed(text),
        _ => {
            let mut out = String::with_capacity(path.len() + 8);
            for chunk in path.utf8_chunks() {
                for c in chunk.valid().chars() {
                    if c.is_control() {
                        let mut bytes = [0; 4];
                        c.encode_utf8(&mut bytes).bytes().for_each(|b| escape(&mut out, b));
                    } else {
                        out.push(c);
                    }
                }
                chunk.invalid().iter().for_each(|&b| escape(&mut out, b));
            }
            Cow::Owned(out)
        }
    }
}

fn escape(out: &mut String, byte: u8) {
    use std::fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn display_hides_nothing_and_sends_no_control_characters() {
        assert_eq!(display(b"a\x1b[31m\xff"), "a\\x1b[31m\\xff");
        assert_eq!(display("café".as_bytes()), "café");
    }

    proptest! {
        #[test]
        fn normalise_is_idempotent_and_stays_inside(raw in prop::collection::vec(
            prop_oneof![Just(b'/'), Just(b'.'), any::<u8>()], 0..64)) {
            if let Ok(path) = normalise(&raw) {
                prop_assert_eq!(normalise(&path).unwrap(), path.clone());
                prop_assert!(!path.starts_with(b"/"));
                prop_assert!(path.is_empty() || path.split(|&b| b == b'/').all(|p| p != b".." && p != b"." && !p.is_empty()));
            }
        }

        #[test]
        fn display_is_printable(raw in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(!display(&raw).chars().any(char::is_control));
        }
    }
}
