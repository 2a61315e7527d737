//! Which repositories and tags of a registry are looked at.
//!
//! ```text
//!   shop/**  without shop/old, shop/web:dev-*        tags v*, newest 2
//!   shop/web: v1.9 v1.10 v1.10-rc1 dev-3 latest  ──►  v1.10, v1.10-rc1        1 beyond the newest
//! ```
//!
//! A registry tells no time, so the newest are those with the highest version in their name; a name without any number, such as `latest`, is
//! one that moves, and goes before all versions.

use gabion_policy::Pattern;
use std::cmp::{Ordering, Reverse};

/// Patterns of one kind.
const MAX_PATTERNS: usize = 100;

/// What is wanted of a registry.
#[derive(Debug)]
pub(crate) struct Wanted {
    repositories: Vec<Pattern>,
    tags: Vec<Pattern>,
    leave_out: Vec<Pattern>,
    newest: usize,
}

/// Tags of a repository that are looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// How many match.
    pub(crate) matched: usize,
    /// The newest of them.
    pub(crate) tags: Vec<String>,
}

impl Wanted {
    pub(crate) fn parse(
        repositories: &[String],
        tags: &[String],
        leave_out: &[String],
        newest: u32,
    ) -> Result<Self, String> {
        if repositories.is_empty() {
            return Err("repositories: none is named; `**` is all".to_owned());
        }
        Ok(Self {
            repositories: patterns("repositories", repositories)?,
            tags: patterns("tags", tags)?,
            leave_out: patterns("leave_out", leave_out)?,
            newest: newest as usize,
        })
    }

    /// Repositories that are named in full: they need not be listed.
    pub(crate) fn named(&self) -> Vec<String> {
        let named = self.repositories.iter().map(Pattern::as_str).filter(|text| is_plain(text));
        let mut named: Vec<String> = named.filter(|name| self.is_wanted(name)).map(str::to_owned).collect();
        named.sort_unstable();
        named.dedup();
        named
    }

    /// Whether the registry must list its repositories.
    pub(crate) fn needs_list(&self) -> bool {
        !self.repositories.iter().all(|pattern| is_plain(pattern.as_str()))
    }

    /// Whether a repository is looked at.
    pub(crate) fn is_wanted(&self, repository: &str) -> bool {
        any(&self.repositories, repository) && !any(&self.leave_out, repository)
    }

    /// Whether a tag is, if it is new enough.
    pub(crate) fn is_wanted_tag(&self, repository: &str, tag: &str) -> bool {
        !is_attachment(tag)
            && (self.tags.is_empty() || any(&self.tags, tag))
            && !any(&self.leave_out, &format!("{repository}:{tag}"))
    }

    /// Which of all tags of a repository.
    pub(crate) fn choose(&self, repository: &str, tags: Vec<String>) -> Chosen {
        let mut tags: Vec<String> =
            tags.into_iter().filter(|tag| self.is_wanted_tag(repository, tag)).collect();
        tags.sort_by(|a, b| newer_first(a, b));
        tags.dedup();
        let matched = tags.len();
        tags.truncate(self.newest);
        Chosen { matched, tags }
    }
}

fn patterns(what: &str, texts: &[String]) -> Result<Vec<Pattern>, String> {
    if texts.len() > MAX_PATTERNS {
        return Err(format!("{what}: there are more than {MAX_PATTERNS} patterns"));
    }
    texts.iter().map(|text| text.parse().map_err(|error| format!("{what}: {error}"))).collect()
}

fn any(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['*', '?', '[', ']', '{', '}', '\\', '!'])
}

/// A signature, an attestation or a list of these, which is kept under a tag that is made of the image's digest.
fn is_attachment(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else { return false };
    rest.len() >= 64 && rest.bytes().take(64).all(|byte| byte.is_ascii_hexdigit())
}

fn newer_first(a: &str, b: &str) -> Ordering {
    let has_number = |tag: &str| tag.bytes().any(|byte| byte.is_ascii_digit());
    has_number(a)
        .cmp(&has_number(b))
        .then_with(|| if has_number(a) { version(b).cmp(&version(a)) } else { Ordering::Equal })
        .then_with(|| a.cmp(b))
}

/// A part of a tag. What follows a version makes it an earlier one if it begins with `-` (`1.0-rc1`), as it does in most systems of versions.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Pre(&'a str),
    End,
    Text(&'a str),
    /// Digits without zeros in front, the longer ones greater.
    Number(usize, &'a str),
}

/// `v1.10-rc2` is `"v" 1 "." 10 "-rc" 2 END`.
fn version(tag: &str) -> (Vec<Part<'_>>, Reverse<usize>) {
    let mut parts = Vec::new();
    // What is in front of the first number is a name, such as `v` or `release-`, and says nothing of time.
    let start = tag.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
    let mut rest = &tag[start..];
    while !rest.is_empty() {
        let is_number = rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(if is_number {
            let digits = part.trim_start_matches('0');
            Part::Number(digits.len(), digits)
        } else if part.starts_with('-') {
            Part::Pre(part)
        } else {
            Part::Text(part)
        });
        rest = after;
    }
    parts.push(Part::End);
    (parts, Reverse(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(repositories: &[&str], tags: &[&str], leave_out: &[&str], newest: u32) -> Wanted {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Wanted::parse(&owned(repositories), &owned(tags), &owned(leave_out), newest).expect("patterns")
    }

    fn owned(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn the_newest_are_those_with_the_highest_version() {
        let all = wanted(&["**"], &[], &[], 100);
        let tags = ["1.9", "v1.10", "1.10-rc1", "1.2.3", "latest", "2024-01-02", "main", "1.10.0", "v2"];
        assert_eq!(
            all.choose("a", owned(&tags)).tags,
            ["latest", "main", "2024-01-02", "v2", "1.10.0", "v1.10", "1.10-rc1", "1.9", "1.2.3"]
        );
        let two = wanted(&["**"], &["v*"], &[], 1).choose("a", owned(&tags));
        assert_eq!((two.matched, two.tags), (2, owned(&["v2"])));
    }

    #[test]
    fn what_is_left_out_is_not_wanted() {
        let some = wanted(&["shop/**", "bank/web"], &[], &["shop/old", "shop/web:dev-*"], 10);
        assert_eq!(some.named(), ["bank/web"]);
        assert!(some.needs_list());
        assert!(some.is_wanted("shop/a/b") && some.is_wanted("bank/web"));
        assert!(!some.is_wanted("shop/old") && !some.is_wanted("bank/api"));
        assert!(some.is_wanted_tag("shop/web", "1") && !some.is_wanted_tag("shop/web", "dev-1"));
        assert!(some.is_wanted_tag("shop/api", "dev-1"));
        assert!(!wanted(&["bank/web"], &[], &[], 10).needs_list());
        // Signatures are no images.
        let signature = format!("sha256-{}.sig", "0a".repeat(32));
        assert_eq!(some.choose("shop/web", vec![signature, "sha256-1".to_owned()]).tags, ["sha256-1"]);
        assert!(Wanted::parse(&[], &[], &[], 1).expect_err("none").contains("`**` is all"));
        assert!(Wanted::parse(&owned(&["["]), &[], &[], 1).is_err());
    }

    proptest! {
        #[test]
        fn the_order_of_tags_is_one(tags in prop::collection::vec("[a-z0-9.-]{1,8}", 0..20)) {
            let all = wanted(&["**"], &[], &[], 1000);
            let mut turned = tags.clone();
            turned.reverse();
            prop_assert_eq!(all.choose("a", tags), all.choose("a", turned));
        }
    }
}
