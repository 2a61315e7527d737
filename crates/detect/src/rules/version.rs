//! Versions of engines and plugins: three numbers.

use std::{fmt, str::FromStr};

/// The version of Falco's rule engine whose language this is.
pub const ENGINE: Version = Version(0, 63, 0);

/// Plugins whose fields are built in.
pub(super) const PLUGINS: &[(&str, Version)] = &[("container", Version(0, 7, 1))];

/// Three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Whether what was written for another version works with this one: the first number is the same, and this
    /// is not older.
    pub fn serves(self, wanted: Self) -> bool {
        self.0 == wanted.0 && self >= wanted
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl FromStr for Version {
    type Err = ();

    /// `x.y.z`; what follows a `-` or `+` is not looked at.
    fn from_str(s: &str) -> Result<Self, ()> {
        let numbers = s.split(['-', '+']).next().unwrap_or(s);
        let mut parts = numbers.split('.').map(|part| {
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                part.parse().map_err(|_| ())
            } else {
                Err(())
            }
        });
        let mut next = || parts.next().ok_or(())?;
        let version = Self(next()?, next()?, next()?);
        if parts.next().is_none() { Ok(version) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_serve_older_ones_of_the_same_major() {
        assert_eq!("0.57.0".parse(), Ok(Version(0, 57, 0)));
        assert_eq!("1.2.3-rc1+x".parse(), Ok(Version(1, 2, 3)));
        for wrong in ["", "1", "0.57", "0.57.0.1", "a.b.c", "0.+1.0", "0..1", "99999999999.0.0"] {
            assert_eq!(wrong.parse::<Version>(), Err(()), "{wrong}");
        }
        assert!(ENGINE.serves(Version(0, 57, 0)) && ENGINE.serves(ENGINE));
        assert!(!ENGINE.serves(Version(0, 63, 1)) && !ENGINE.serves(Version(1, 0, 0)));
    }
}
