//! What the rows of a source mean.
//!
//! ```text
//!  table        key                              value
//!  Statement    ecosystem, package \0 release    advisory, its standing, what is affected
//!  Advisory     id                               the advisory without what is affected
//!  Name         other name                       id of an advisory
//!  Release      ecosystem, release               how many statements are about it
//!  Exploited, Likelihood, Assessment: the CVE    what is known of it
//!  Lifecycle    product \0 release               its dates
//! ```
//!
//! Values are postcard, which is small and of which nothing is believed: a value that cannot be read is told as damage.

use crate::{
    Ecosystem,
    record::{Advisory, Affected, Standing},
    segment::SegmentError,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::Path;

/// The tables. The numbers are on disk: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    Statement = 1,
    Advisory = 2,
    Name = 3,
    Release = 4,
    Exploited = 5,
    Likelihood = 6,
    Assessment = 7,
    Lifecycle = 8,
}

/// What one advisory says of one package in one release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statement {
    /// The advisory.
    pub advisory: String,
    /// Whether it stands.
    pub standing: Standing,
    /// What it says. In the database without ecosystem, package and release, which are in the key.
    pub affected: Affected,
}

/// Separates the parts of a key; names that hold it are refused.
const SEPARATOR: u8 = 0;

/// Key of the statements about a package in a release.
pub(crate) fn statement_key(ecosystem: Ecosystem, package: &str, release: &str) -> Vec<u8> {
    [&[ecosystem.number()], package.as_bytes(), &[SEPARATOR], release.as_bytes()].concat()
}

/// What the keys of all statements about a package begin with, whatever the release.
pub(crate) fn package_prefix(ecosystem: Ecosystem, package: &str) -> Vec<u8> {
    statement_key(ecosystem, package, "")
}

/// Key of a release.
pub(crate) fn release_key(ecosystem: Ecosystem, release: &str) -> Vec<u8> {
    [&[ecosystem.number()], release.as_bytes()].concat()
}

/// Key of a life cycle.
pub(crate) fn lifecycle_key(product: &str, cycle: &str) -> Vec<u8> {
    [product.as_bytes(), &[SEPARATOR], cycle.as_bytes()].concat()
}

/// The row of a statement. None if a name holds a NUL, and could be taken for another.
pub(crate) fn write_statement(advisory: &Advisory, affected: &Affected) -> Option<(Vec<u8>, Vec<u8>)> {
    if affected.package.contains('\0') || affected.release.contains('\0') {
        return None;
    }
    let key = statement_key(affected.ecosystem, &affected.package, &affected.release);
    let statement = Statement {
        advisory: advisory.id.clone(),
        standing: advisory.standing,
        affected: Affected {
            ecosystem: Ecosystem::Unknown,
            package: String::new(),
            release: String::new(),
            ..affected.clone()
        },
    };
    Some((key, write(&statement)))
}

/// A statement from its row.
pub(crate) fn read_statement(path: &Path, key: &[u8], value: &[u8]) -> Result<Statement, SegmentError> {
    let damaged = || SegmentError::Damaged { path: path.to_owned(), fault: "a statement has no name" };
    let (&ecosystem, names) = key.split_first().ok_or_else(damaged)?;
    let middle = names.iter().position(|&b| b == SEPARATOR).ok_or_else(damaged)?;
    let text = |bytes: &[u8]| str::from_utf8(bytes).map(str::to_owned).map_err(|_| damaged());
    let mut statement: Statement = read(path, value)?;
    statement.affected.ecosystem = Ecosystem::from_number(ecosystem);
    statement.affected.package = text(&names[..middle])?;
    statement.affected.release = text(&names[middle + 1..])?;
    Ok(statement)
}

/// A value as bytes.
pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    // Serialising to a vector fails only for types without a length or with a broken `Serialize`.
    postcard::to_stdvec(value).unwrap_or_default()
}

/// A value from bytes.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, value: &[u8]) -> Result<T, SegmentError> {
    let damaged = |_| SegmentError::Damaged {
        path: path.to_owned(),
        fault: "a row is not what its table holds; it is of a newer version, or was not made by this program",
    };
    postcard::from_bytes(value).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Range, Until};

    #[test]
    fn a_statement_comes_back_with_its_names() {
        let affected = Affected {
            ecosystem: Ecosystem::Debian,
            release: "12".into(),
            package: "openssl".into(),
            ranges: vec![Range { introduced: None, until: Until::Fixed("3.0.1-1".into()) }],
            ..Affected::default()
        };
        let advisory = Advisory { id: "DSA-1-1".into(), ..Advisory::default() };
        let (key, value) = write_statement(&advisory, &affected).expect("no NUL");
        assert_eq!(key, statement_key(Ecosystem::Debian, "openssl", "12"));
        let path = Path::new("x");
        let back = read_statement(path, &key, &value).expect("reads");
        assert_eq!((back.advisory.as_str(), &back.affected), ("DSA-1-1", &affected));
        for cut in 0..value.len() {
            assert!(read_statement(path, &key, &value[..cut]).is_err(), "cut at {cut}");
        }
        assert!(read_statement(path, b"\x01openssl", &value).is_err(), "no separator");
        let hostile = Affected { package: "a\0b".into(), ..affected };
        assert_eq!(write_statement(&advisory, &hostile), None);
    }
}
