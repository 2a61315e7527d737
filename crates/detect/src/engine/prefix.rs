//! Sets of paths of which one may be a prefix of another, component by component: `pmatch`.

use super::glob;
use hashbrown::HashSet;
use std::borrow::Cow;

/// Paths, some with shell patterns in their components.
#[derive(Clone, Debug, Default)]
pub(super) struct PrefixSet {
    /// As `/a/b`, the root being empty.
    plain: HashSet<Box<[u8]>>,
    patterns: Vec<Vec<Box<[u8]>>>,
}

impl PrefixSet {
    pub(super) fn new(paths: &[String]) -> Self {
        let mut set = Self::default();
        for path in paths {
            let components = path.as_bytes().split(|&byte| byte == b'/').filter(|c| !c.is_empty());
            if path.contains(['*', '?', '[']) {
                set.patterns.push(components.map(Box::from).collect());
            } else {
                set.plain.insert(clean(path.as_bytes()).into_owned().into_boxed_slice());
            }
        }
        set
    }

    /// Whether one of the paths is this one or a directory above it.
    pub(super) fn matches(&self, path: &[u8]) -> bool {
        let path = clean(path);
        let ends = memchr::memchr_iter(b'/', &path).chain(std::iter::once(path.len()));
        ends.into_iter().any(|end| self.plain.contains(&path[..end]))
            || self.patterns.iter().any(|pattern| {
                let mut components = path.split(|&byte| byte == b'/').skip(1);
                pattern.iter().all(|part| components.next().is_some_and(|c| glob::matches(part, c, false)))
            })
    }
}

/// With one slash before each component, and none at the end.
fn clean(path: &[u8]) -> Cow<'_, [u8]> {
    let is_clean = (path.is_empty() || path[0] == b'/')
        && path.last() != Some(&b'/')
        && memchr::memmem::find(path, b"//").is_none();
    if is_clean {
        return Cow::Borrowed(path);
    }
    let mut out = Vec::with_capacity(path.len() + 1);
    for component in path.split(|&byte| byte == b'/').filter(|component| !component.is_empty()) {
        out.push(b'/');
        out.extend_from_slice(component);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_one_by_components() {
        let set =
            PrefixSet::new(&["/var/run".into(), "/etc/".into(), "usr//lib".into(), "/home/*/.ssh".into()]);
        for (path, expected) in [
            ("/var/run", true),
            ("/var/run/docker.sock", true),
            ("/var/running", false),
            ("/var", false),
            ("/etc", true),
            ("etc//passwd", true),
            ("/usr/lib/x", true),
            ("/home/ann/.ssh/id", true),
            ("/home/ann", false),
            ("", false),
        ] {
            assert_eq!(set.matches(path.as_bytes()), expected, "{path}");
        }
        assert!(PrefixSet::new(&["/".into()]).matches(b"/anything"));
    }
}
