//! Paths from the names that the kernel told, the last one first.

/// Appends the path that `names` are of: each name is followed by a zero byte. Without any it is the root.
pub(super) fn append(names: &[u8], path: &mut Vec<u8>) {
    let names = names.strip_suffix(&[0]).unwrap_or(names);
    if names.is_empty() {
        path.push(b'/');
        return;
    }
    for name in names.rsplit(|&byte| byte == 0) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
}

/// The path as a text of its own.
pub(super) fn read(names: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(names.len() + 1);
    append(names, &mut path);
    path
}

/// The path that `name` means, seen from a directory.
pub(super) fn join(directory: &[u8], name: &[u8], path: &mut Vec<u8>) {
    if !name.starts_with(b"/") {
        path.extend_from_slice(directory);
    }
    for part in name.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let end = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                path.truncate(end);
            }
            part => {
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                path.extend_from_slice(part);
            }
        }
    }
    if path.is_empty() {
        path.push(b'/');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(directory: &str, name: &str) -> String {
        let mut path = Vec::new();
        join(directory.as_bytes(), name.as_bytes(), &mut path);
        String::from_utf8(path).unwrap()
    }

    #[test]
    fn names_are_turned_round() {
        assert_eq!(read(b"sh\0bin\0usr\0"), b"/usr/bin/sh");
        assert_eq!(read(b"a\nb\0"), b"/a\nb");
        assert_eq!(read(b""), b"/");
        assert_eq!(read(b"cut off"), b"/cut off");
    }

    #[test]
    fn relative_names_start_from_the_directory() {
        assert_eq!(joined("/var/lib", "a/b"), "/var/lib/a/b");
        assert_eq!(joined("/var/lib", "../log/./x"), "/var/log/x");
        assert_eq!(joined("/", "x"), "/x");
        assert_eq!(joined("/var", "/etc//passwd"), "/etc/passwd");
        assert_eq!(joined("/var", "../../.."), "/");
    }
}
