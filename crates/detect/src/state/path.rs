//! Paths as processes give them, completed to absolute ones without looking at a file system.

/// The longest path that is built, as in the kernel.
const MAX: usize = 4096;

/// Writes `path`, seen from the directory `base`, without `.`, `..` and double slashes. Links are not followed, as
/// nobody can look at them here.
pub fn join(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if base.len() + path.len() + 1 > MAX {
        out.extend_from_slice(b"/DIR_TOO_LONG/FILENAME_TOO_LONG");
        return;
    }
    let absolute = path.first() == Some(&b'/');
    for part in [if absolute { &[] } else { base }, path] {
        for component in part.split(|&byte| byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => {
                    let end = memchr::memrchr(b'/', out).unwrap_or(0);
                    out.truncate(end);
                }
                name => {
                    // A base that is not known (`<UNKNOWN>`) stays in front.
                    if !(out.is_empty() && name.first() == Some(&b'<')) {
                        out.push(b'/');
                    }
                    out.extend_from_slice(name);
                }
            }
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
}

/// What comes before the last slash.
pub fn directory(path: &[u8]) -> &[u8] {
    match memchr::memrchr(b'/', path) {
        None | Some(0) => b"/",
        Some(end) if end + 1 < path.len() => &path[..end],
        Some(_) => path,
    }
}

/// What comes after the last slash.
pub fn file_name(path: &[u8]) -> &[u8] {
    match memchr::memrchr(b'/', path) {
        None => b"/",
        Some(end) if end + 1 < path.len() => &path[end + 1..],
        Some(_) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_completed_and_cleaned() {
        for (base, path, expected) in [
            ("/root/", "a.txt", "/root/a.txt"),
            ("/root", "../etc//./passwd", "/etc/passwd"),
            ("/root/", "/etc/shadow", "/etc/shadow"),
            ("/", "../../..", "/"),
            ("", "x", "/x"),
            ("<UNKNOWN>", "x", "<UNKNOWN>/x"),
        ] {
            let mut out = Vec::new();
            join(base.as_bytes(), path.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        }
        let mut out = Vec::new();
        join(&[b'a'; MAX], b"x", &mut out);
        assert_eq!(out, b"/DIR_TOO_LONG/FILENAME_TOO_LONG");
        assert_eq!((directory(b"/etc/passwd"), file_name(b"/etc/passwd")), (&b"/etc"[..], &b"passwd"[..]));
        assert_eq!((directory(b"/x"), directory(b"x"), file_name(b"x")), (&b"/"[..], &b"/"[..], &b"/"[..]));
    }
}
