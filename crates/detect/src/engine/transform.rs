//! What transformers do to a text.

use crate::rules::condition::Transformer as T;
use std::borrow::Cow;

/// Changes what comes after `start`.
pub(super) fn apply(transformer: T, out: &mut Vec<u8>, start: usize) -> Option<()> {
    match transformer {
        T::ToLower => out[start..].make_ascii_lowercase(),
        T::ToUpper => out[start..].make_ascii_uppercase(),
        T::Basename => {
            if let Some(slash) = memchr::memrchr(b'/', &out[start..]) {
                out.drain(start..=start + slash);
            }
        }
        T::Base64 => {
            let decoded = base64(&out[start..])?;
            out.truncate(start);
            out.extend_from_slice(&decoded);
        }
        T::Len | T::Join | T::Concat | T::GetOpt(_) => return None,
    }
    Some(())
}

/// Decodes base64, padded or not. `None` if it is none.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for &byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    // A single digit left over is half a byte.
    (count < 6).then_some(out)
}

/// Short options of a command line, by the rules of `getopt`: it ends at `--` and at the first word that is none. `?`
/// stands for an option that is not known. With `only`, the values of that option instead, or its own letter.
pub(super) fn getopt(words: &[Vec<u8>], options: &[u8], only: Option<char>) -> Vec<Vec<u8>> {
    let takes_value = |option: u8| {
        memchr::memchr(option, options)
            .filter(|_| option != b':')
            .map(|at| options.get(at + 1) == Some(&b':'))
    };
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match &word[..] {
            [b'-', b'-'] | [] | [b'-'] => break,
            [b'-', b'-', ..] => {}
            [b'-', letters @ ..] => {
                for (at, &letter) in letters.iter().enumerate() {
                    let wanted = only.is_none_or(|only| only == char::from(letter));
                    let value: Cow<'_, [u8]> = match takes_value(letter) {
                        None => {
                            if only.is_none() {
                                found.push(b"?".to_vec());
                            }
                            continue;
                        }
                        Some(false) => {
                            if wanted {
                                found.push(vec![letter]);
                            }
                            continue;
                        }
                        Some(true) if at + 1 < letters.len() => Cow::Borrowed(&letters[at + 1..]),
                        Some(true) => {
                            if let Some(next) = words.next() {
                                Cow::Borrowed(next)
                            } else {
                                if wanted {
                                    found.push(Vec::new());
                                }
                                break;
                            }
                        }
                    };
                    if wanted {
                        if only.is_none() {
                            found.push(vec![letter]);
                        }
                        found.push(value.into_owned());
                    }
                    break;
                }
            }
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &str, options: &str, only: Option<char>) -> Vec<String> {
        let words: Vec<Vec<u8>> = words.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let found = getopt(&words, options.as_bytes(), only);
        found.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    #[test]
    fn options_are_found_as_getopt_finds_them() {
        assert_eq!(options("-nt 5 -x name -v", "nt:v", None), ["n", "t", "5", "?"]);
        assert_eq!(options("-t5 --exec -n -- -v", "nt:v", None), ["t", "5", "n"]);
        assert_eq!(options("-t a -t b", "t:", Some('t')), ["a", "b"]);
        assert_eq!(options("-t", "t:", None), [""]);
        assert_eq!(options("-:", ":t:", None), ["?"]);
    }

    #[test]
    fn base64_is_decoded_with_and_without_padding() {
        for (text, expected) in
            [("aGk=", Some("hi")), ("aGk", Some("hi")), ("", Some("")), ("a", None), ("a-b", None)]
        {
            assert_eq!(base64(text.as_bytes()).as_deref(), expected.map(str::as_bytes), "{text}");
        }
    }
}
