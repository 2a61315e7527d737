//! Package URLs as CSAF writes them: `pkg:rpm/redhat/openssl@3.0.7-25.el9_2?arch=x86_64&epoch=1`.
//!
//! Read leniently: SUSE writes `pkg:rpm/suse/libopenssl3@?upstream=openssl-3.src.rpm`.

/// The parts that matter here.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Purl {
    /// `rpm`, `oci`, ...
    pub(super) kind: String,
    pub(super) name: String,
    /// Empty if there is none.
    pub(super) version: String,
    qualifiers: Vec<(String, String)>,
}

impl Purl {
    /// Takes a package URL apart; none if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?;
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = path.rsplit_once('@').unwrap_or((path, ""));
        let (kind, path) = path.split_once('/')?;
        let name = decode(path.rsplit('/').next()?);
        let pairs = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
        (!name.is_empty()).then(|| Self {
            kind: kind.to_ascii_lowercase(),
            name,
            version: decode(version),
            qualifiers: pairs.map(|(key, value)| (key.to_owned(), decode(value))).collect(),
        })
    }

    /// The value of a qualifier; empty if there is none.
    pub(super) fn qualifier(&self, name: &str) -> &str {
        let found = self.qualifiers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

/// `%2B` is `+`; what is no such code stays.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        rest = if code.is_some() { &after[2..] } else { after };
        out.push(code.unwrap_or(first));
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_red_hat_and_suse_are_read() {
        let purl = Purl::parse(
            "pkg:rpm/redhat/perl-libs@5.32.1-473.module%2Bel8.10.0?arch=x86_64&epoch=4&rpmmod=perl:5.32",
        )
        .unwrap();
        assert_eq!((purl.kind.as_str(), purl.name.as_str()), ("rpm", "perl-libs"));
        assert_eq!(purl.version, "5.32.1-473.module+el8.10.0");
        assert_eq!((purl.qualifier("epoch"), purl.qualifier("rpmmod")), ("4", "perl:5.32"));
        let purl = Purl::parse("pkg:rpm/suse/libopenssl3@?upstream=openssl-3.src.rpm").unwrap();
        assert_eq!((purl.name.as_str(), purl.version.as_str()), ("libopenssl3", ""));
        assert_eq!(Purl::parse("pkg:rpm/redhat/gcc?arch=src").unwrap().qualifier("arch"), "src");
        assert_eq!(Purl::parse("pkg:rpm/redhat/100%").unwrap().name, "100%");
        for text in ["", "pkg:", "pkg:rpm", "pkg:rpm/", "rpm/redhat/gcc"] {
            assert_eq!(Purl::parse(text), None, "{text}");
        }
    }
}
