//! What is wrong with a document, and where.

use std::fmt;

/// A document that was refused: a policy, exceptions, owners, a project configuration, VEX.
///
/// Displayed as compilers do: `policy.yaml:7:5: unknown key "sevrity"; did you mean "severity"?`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {problem}", At(*place))]
pub struct DocumentError {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// Where in it, where that is known.
    pub place: Option<Place>,
    /// What is wrong, in one lower-case sentence.
    pub problem: String,
}

/// A position in a text; both numbers count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The character in the line.
    pub column: u64,
}

impl DocumentError {
    pub(crate) fn new(file: &str, place: Option<Place>, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place, problem: problem.into() }
    }
}

struct At(Option<Place>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Place { line, column }) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

/// `unknown key "sevrity"; did you mean "severity"? (known are action, id, severity)`
pub(crate) fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    let found: String = found.chars().take(80).collect();
    let mut sorted = known.to_vec();
    sorted.sort_unstable();
    let list = sorted.join(", ");
    let near = sorted.into_iter().map(|word| (distance(&found, word), word)).min();
    match near {
        Some((d, word)) if d <= 2 && d < word.len() => {
            format!("unknown {what} {found:?}; did you mean {word:?}? (known are {list})")
        }
        _ => format!("unknown {what} {found:?} (known are {list})"),
    }
}

/// How many letters must be added, dropped or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_suggested_and_a_far_one_is_not() {
        let known = ["severity", "action", "id"];
        assert!(unknown("key", "sevrity", &known).contains("did you mean \"severity\"?"));
        assert!(!unknown("key", "colour", &known).contains("did you mean"));
        assert!(!unknown("key", "xy", &known).contains("did you mean"), "two letters of two are no likeness");
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
