//! Shell patterns, as `fnmatch` of the C library without flags: `*` and `?` also match slashes.

/// Whether the whole text is of this pattern.
pub fn matches(pattern: &[u8], text: &[u8], ignore_case: bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last `*` does not match: that `*` takes one byte more.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
                continue;
            }
            None => t == text.len(),
            Some(_) => match text.get(t).and_then(|&byte| one(&pattern[p..], byte, ignore_case)) {
                Some(length) => {
                    p += length;
                    t += 1;
                    continue;
                }
                None => false,
            },
        };
        if step {
            return true;
        }
        match retry {
            Some((star, from)) if from < text.len() => {
                (p, t) = (star + 1, from + 1);
                retry = Some((star, from + 1));
            }
            _ => return false,
        }
    }
}

/// How much of the pattern matches this byte.
fn one(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<usize> {
    let same = |other: u8| if ignore_case { other.eq_ignore_ascii_case(&byte) } else { other == byte };
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => match class(rest, byte, ignore_case) {
            Some((true, length)) => Some(length + 1),
            Some((false, _)) => None,
            None => same(b'[').then_some(1),
        },
        [b'\\', escaped, ..] => same(*escaped).then_some(2),
        [other, ..] => same(*other).then_some(1),
        [] => None,
    }
}

/// `a-z]`: whether the byte is in it, and how long it is. `None` if it has no end.
fn class(pattern: &[u8], byte: u8, ignore_case: bool) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let start = at;
    let mut found = false;
    loop {
        let from = match *pattern.get(at)? {
            b']' if at > start => return Some((found != negated, at + 1)),
            b'\\' => {
                at += 1;
                *pattern.get(at)?
            }
            other => other,
        };
        at += 1;
        let to = match pattern.get(at..at + 2) {
            Some(&[b'-', to]) if to != b']' => {
                at += 2;
                to
            }
            _ => from,
        };
        let within = |byte: u8| (from..=to).contains(&byte);
        found |= within(byte)
            || ignore_case && (within(byte.to_ascii_lowercase()) || within(byte.to_ascii_uppercase()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_the_shell() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("/var/*/log", "/var/a/b/log", true),
            ("?at", "cat", true),
            ("?at", "at", false),
            ("[a-c]at", "bat", true),
            ("[!a-c]at", "bat", false),
            ("[]x]", "]", true),
            ("[abc", "[abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes(), false), expected, "{pattern} {text}");
        }
        assert!(matches(b"/TMP/[A-C]*", b"/tmp/bx", true));
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = b"*a".repeat(500);
        assert!(!matches(&[&pattern[..], b"b"].concat(), &[b'a'; 4000], false));
    }
}
