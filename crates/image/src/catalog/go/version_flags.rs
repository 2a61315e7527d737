//! Guesses the version of a program from what its linker was told.
//!
//! A module built from its own source tree has no version of its own (Go 1.24 derives one from the commit),
//! but release builds usually write one into a variable: `-ldflags "-s -w -X main.version=1.2.3"`.

/// Names of packages that hold a program's own version.
const USUAL: [&str; 6] = ["main", "version", "common", "cmd", "build", "buildinfo"];

/// The version that `-X` flags give to the module `main`, as `v1.2.3`; none if they give none, or several.
pub(super) fn version(flags: &str, main: &str) -> Option<String> {
    let mut found: [Vec<String>; 3] = Default::default();
    for (key, value) in assignments(flags) {
        let (Some(rank), Some(version)) = (rank(&key, main), release(&value)) else {
            continue;
        };
        if !found[rank].contains(&version) {
            found[rank].push(version);
        }
    }
    match found.into_iter().find(|versions| !versions.is_empty())?.as_mut_slice() {
        [only] => Some(std::mem::take(only)),
        _ => None,
    }
}

/// How likely a variable is the program's version; 0 is best.
fn rank(key: &str, main: &str) -> Option<usize> {
    let (package, variable) = key.rsplit_once('.')?;
    let variable = variable.to_ascii_lowercase();
    if !(variable.ends_with("version") || variable == "ver" || variable.ends_with("tag")) {
        return None;
    }
    // The versions of what it was built with, or of what it speaks.
    if ["go", "api", "proto", "schema", "min", "compiler"].iter().any(|other| variable.starts_with(other)) {
        return None;
    }
    let own = package.strip_prefix(main).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let last = package.rsplit('/').next().unwrap_or_default();
    Some(match () {
        () if package.strip_prefix(main).is_some_and(|rest| rest.starts_with("/cmd/")) => 0,
        () if package == "main" || USUAL.contains(&last) => 1,
        () if own => 2,
        () => return None,
    })
}

/// `v1.2.3` for `1.2.3`, `v1.2` and the like; none for what is no release.
fn release(value: &str) -> Option<String> {
    let bare = value.strip_prefix('v').unwrap_or(value);
    let core = bare.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<_> = core.split('.').collect();
    let sound = matches!(numbers.len(), 2..=4)
        && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        && bare.len() < 100
        && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+_".contains(&b));
    sound.then(|| format!("v{bare}"))
}

/// The assignments after `-X`: `-X a.b=c`, `-X=a.b=c`, `-X 'a.b=c'`, `-X "a.b=c"`.
fn assignments(flags: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut words = words(flags).into_iter();
    while let Some(word) = words.next() {
        let assignment = match word.strip_prefix("--").or_else(|| word.strip_prefix('-')) {
            Some("X") => words.next().unwrap_or_default(),
            Some(flag) => match flag.strip_prefix("X=") {
                Some(assignment) => assignment.to_owned(),
                None => continue,
            },
            None => continue,
        };
        if let Some((key, value)) = assignment.split_once('=') {
            found.push((key.to_owned(), value.to_owned()));
        }
    }
    found
}

/// Splits at white space outside of quotes, and drops the quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() => words.push(std::mem::take(&mut word)),
            (_, c) => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn every_way_to_write_the_flag_is_understood() {
        for flags in [
            "-s -w -X main.version=1.2.3",
            "-X=main.version=v1.2.3",
            "-X 'main.Version=1.2.3' -extldflags '-static -lm'",
            "-X \"example.com/t/internal/build.GitTag=v1.2.3\"",
            "-w -X example.com/t/pkg/about.ReleaseVersion=1.2.3 -X example.com/t/pkg/about.date=2024-01-02",
            "-X example.com/t/cmd/t/app.ver=1.2.3 -X main.version=9.9.9",
        ] {
            assert_eq!(version(flags, "example.com/t").as_deref(), Some("v1.2.3"), "{flags}");
        }
    }

    #[test]
    fn doubt_is_no_version() {
        for flags in [
            "-X main.version=1.2.3 -X example.com/t/version.Version=1.2.4",
            "-X main.version=dev -X main.commit=0123456",
            "-X main.goVersion=1.22.3",
            "-X main.version",
            "-X example.com/other.schemaVersion=1.0.0",
            "-X example.com/tt/about.Version=1.0.0",
            "'",
            "",
        ] {
            assert_eq!(version(flags, "example.com/t"), None, "{flags}");
        }
    }
}
