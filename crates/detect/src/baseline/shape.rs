//! Arguments and directories by their shape: what changes from run to run is left out, so that the same use looks the same.
//!
//! `--worker=1717 /tmp/upload-8f3a91c2/in.png` is `--worker=# /tmp/upload-*/in.png`.

/// Arguments beyond this many are `…`.
const MAX_ARGUMENTS: usize = 24;
/// A word beyond this length is `*`.
const MAX_WORD: usize = 80;
/// Directories below this depth are `**`.
const MAX_DEPTH: usize = 6;

/// The arguments of a program, but for its name, with what changes left out.
pub fn argument_shape(args: &[Vec<u8>]) -> String {
    let mut shape = String::new();
    for (number, arg) in args.iter().skip(1).enumerate() {
        if number > 0 {
            shape.push(' ');
        }
        if number == MAX_ARGUMENTS {
            shape.push('…');
            break;
        }
        shape.push_str(&word(arg));
    }
    shape
}

/// A directory, with what changes left out.
pub fn directory_shape(path: &[u8]) -> String {
    let mut shape = String::new();
    for (depth, part) in path.split(|&b| b == b'/').filter(|part| !part.is_empty()).enumerate() {
        if depth == MAX_DEPTH {
            shape.push_str("/**");
            break;
        }
        shape.push('/');
        shape.push_str(&component(part));
    }
    if shape.is_empty() { "/".to_owned() } else { shape }
}

fn word(arg: &[u8]) -> String {
    if arg.len() > MAX_WORD || arg.iter().any(u8::is_ascii_control) {
        return "*".to_owned();
    }
    // `--name=value` and paths are told by their parts.
    if let Some(at) = arg.iter().position(|&b| b == b'=').filter(|_| arg.starts_with(b"-")) {
        return format!("{}={}", component(&arg[..at]), word(&arg[at + 1..]));
    }
    arg.split(|&b| b == b'/').map(component).collect::<Vec<_>>().join("/")
}

/// A word or a name, piece by piece: `#` for a number, `*` for what was made up by a program.
fn component(part: &[u8]) -> String {
    if is_hex(part) {
        return "*".to_owned();
    }
    let text = String::from_utf8_lossy(part);
    let mut shape = String::with_capacity(text.len());
    for piece in text.split_inclusive(['-', '_', '.', ':', ',', '@', '+']) {
        let (piece, separator) = match piece.char_indices().next_back() {
            Some((at, last)) if !last.is_alphanumeric() => (&piece[..at], Some(last)),
            _ => (piece, None),
        };
        shape.push_str(match piece.as_bytes() {
            // One digit or two are a version, or a choice; more count something.
            digits if digits.len() > 2 && digits.iter().all(u8::is_ascii_digit) => "#",
            bytes if is_hex(bytes) || is_random(bytes) => "*",
            _ => piece,
        });
        shape.extend(separator);
    }
    shape
}

/// A digest, a container id, a UUID.
fn is_hex(bytes: &[u8]) -> bool {
    bytes.len() >= 8
        && bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-')
        && bytes.iter().filter(|b| b.is_ascii_digit()).count() >= 2
        && bytes.iter().any(u8::is_ascii_alphabetic)
}

/// What `mktemp` and its kind make: six letters or more, large and small ones and digits mixed.
fn is_random(bytes: &[u8]) -> bool {
    let count = |of: fn(&u8) -> bool| bytes.iter().filter(|b| of(b)).count();
    let (digits, upper, lower) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    bytes.len() >= 6
        && digits + upper + lower == bytes.len()
        && upper > 0
        && lower > 0
        && (digits > 0 || upper > 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn args(line: &str) -> String {
        argument_shape(&line.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>())
    }

    #[test]
    fn what_changes_from_run_to_run_is_left_out() {
        assert_eq!(args("app --worker=1717 /tmp/upload-8f3a91c2/in.png"), "--worker=# /tmp/upload-*/in.png");
        assert_eq!(args("sh -c true"), "-c true");
        assert_eq!(args("kill -9 12345"), "-9 #");
        assert_eq!(args("gunicorn --bind 0.0.0.0:8000 app:main"), "--bind 0.0.0.0:# app:main");
        assert_eq!(args("node /app/server.js"), "/app/server.js");
        assert_eq!(args("python3.11 -m http.server"), "-m http.server");
    }

    #[test]
    fn directories_of_one_use_are_one() {
        let one = directory_shape(b"/var/lib/app/3f2b8c1d-9a7e-4b1c-8d2e-0a1b2c3d4e5f/data");
        let other = directory_shape(b"/var/lib/app/00112233-4455-6677-8899-aabbccddeeff/data");
        assert_eq!(one, "/var/lib/app/*/data");
        assert_eq!(one, other);
        assert_eq!(directory_shape(b"/proc/4711/task"), "/proc/#/task");
        assert_eq!(directory_shape(b"/tmp/tmp.aB3dE6gH9k"), "/tmp/tmp.*");
        assert_eq!(directory_shape(b"/var/log/nginx"), "/var/log/nginx");
        assert_eq!(directory_shape(b""), "/");
        assert_eq!(directory_shape(b"/a/b/c/d/e/f/g/h"), "/a/b/c/d/e/f/**");
    }

    proptest! {
        #[test]
        fn shapes_are_bounded(args in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..60)) {
            prop_assert!(argument_shape(&args).len() <= (MAX_ARGUMENTS + 1) * (3 * MAX_WORD + 1));
        }
    }
}
