//! What a document is about, and the identifiers it needs: derived from the content, never drawn at random.

use gabion_model::{
    Aspect, Digest, Finding, Layer, Package, PackageKind, PackageRef, ScanReport, Verification,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::sha256(Sha256::digest(bytes).into())
}

/// A UUID for a document, made from what the document says, with its own place for the UUID left empty: the same
/// document has the same UUID wherever it is made, and two that differ, be it only in the time, have two. What a
/// report knows and the document does not tell (whether the blobs were hashed in this scan or in an earlier one) does
/// not count. Version 8 of RFC 9562, which leaves the content to the application: here 122 bits of SHA-256.
pub(crate) fn uuid(document: &impl Serialize) -> io::Result<String> {
    let mut hasher = Hasher(Sha256::new());
    serde_json::to_writer(&mut hasher, document)?;
    let hash: [u8; 32] = hasher.0.finalize().into();
    let [mut a, mut b] = [[0; 8]; 2];
    a.copy_from_slice(&hash[..8]);
    b.copy_from_slice(&hash[8..16]);
    let (a, b) = (u64::from_be_bytes(a), u64::from_be_bytes(b));
    Ok(format!(
        "{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0x3fff | 0x8000,
        b & 0xffff_ffff_ffff,
    ))
}

/// Hashes what is written to it, so that a document need not be held twice.
struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thing that was scanned, as an SBOM names it.
pub(crate) struct Subject<'a> {
    /// Repository name, or path.
    pub name: &'a str,
    /// Tag, if the name has one.
    pub tag: Option<&'a str>,
    /// Digest of the manifest, or else of the configuration.
    pub digest: Option<Digest>,
    /// `pkg:oci/…`; none without a manifest digest, which its type requires as the version.
    pub purl: Option<String>,
    /// Whether it is an image.
    pub is_image: bool,
}

impl<'a> Subject<'a> {
    /// Of a report.
    pub(crate) fn of(report: &'a ScanReport) -> Self {
        let target = &report.target;
        let Some(image) = &target.image else {
            return Self {
                name: &target.reference,
                tag: None,
                digest: None,
                purl: None,
                is_image: report.config.is_some(),
            };
        };
        let is_path = ["archive", "layout", "dir"].iter().any(|s| target.source.contains(s));
        let full = match image.tags.first() {
            Some(tag) if is_path => tag,
            _ => &target.reference,
        };
        let named = !is_path || !image.tags.is_empty();
        let (name, tag) = if named { split_reference(full) } else { (full.as_str(), None) };
        Self {
            name,
            tag,
            digest: Some(image.manifest.unwrap_or(image.config)),
            purl: image
                .manifest
                .filter(|_| named)
                .and_then(|manifest| oci_purl(name, tag, manifest, &image.platform)),
            is_image: true,
        }
    }
}

/// `host:5000/a/b:tag@sha256:…` into `host:5000/a/b` and `tag`.
fn split_reference(reference: &str) -> (&str, Option<&str>) {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !repository.is_empty() => (repository, Some(tag)),
        _ => (name, None),
    }
}

/// By the purl type definition `oci`: the name is the last part of the repository, lower-case; the version is
/// the manifest digest.
fn oci_purl(repository: &str, tag: Option<&str>, manifest: Digest, platform: &str) -> Option<String> {
    let name = repository.rsplit('/').next()?.to_lowercase();
    let mut purl = packageurl::PackageUrl::new("oci", name).ok()?;
    purl.with_version(manifest.to_string()).ok()?;
    purl.add_qualifier("repository_url", repository.to_lowercase()).ok()?;
    if let Some(tag) = tag {
        purl.add_qualifier("tag", tag).ok()?;
    }
    if let Some(arch) = platform.split('/').nth(1) {
        purl.add_qualifier("arch", arch).ok()?;
    }
    Some(purl.to_string())
}

/// The layer an index of the report points to, and its history line.
pub(crate) fn layer(report: &ScanReport, index: Option<u32>) -> Option<&Layer> {
    report.layers.get(usize::try_from(index?).ok()?)
}

/// Whether everything was looked at, vulnerabilities included: a report that does not even mention them has not.
pub(crate) fn everything_seen(report: &ScanReport) -> bool {
    report.coverage.is_full() && report.coverage.get(&Aspect::VULNERABILITIES).is_some()
}

/// The word for content that was not checked against the digests that the document gives for it; none where it was,
/// in this scan or an earlier one, which is the same claim.
pub(crate) fn unverified(report: &ScanReport) -> Option<&'static str> {
    match report.target.image.as_ref()?.verification {
        Verification::Verified | Verification::VerifiedEarlier => None,
        Verification::UnverifiedSnapshot => Some("unverified-snapshot"),
    }
}

/// Finds packages by name. Several may share one: two copies of a library.
pub(crate) struct Packages<'a>(BTreeMap<(PackageKind, &'a str, &'a str), Vec<usize>>);

impl<'a> Packages<'a> {
    /// Of a list.
    pub(crate) fn of(packages: &'a [Package]) -> Self {
        let mut index: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (i, p) in packages.iter().enumerate() {
            index.entry((p.kind, p.name.as_str(), p.version.as_str())).or_default().push(i);
        }
        Self(index)
    }

    fn copies<'s>(&'s self, reference: &'s PackageRef) -> &'s [usize] {
        let key = (reference.kind, reference.name.as_str(), reference.version.as_str());
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The place of the first in the list.
    pub(crate) fn find(&self, reference: &PackageRef) -> Option<usize> {
        self.copies(reference).first().copied()
    }

    /// The places of all that a finding is about, in order.
    pub(crate) fn affected(&self, finding: &Finding) -> Vec<usize> {
        let told = finding.vulnerability.iter().flat_map(|v| &v.packages);
        let shown = finding.evidence.iter().filter_map(|evidence| evidence.package.as_ref());
        let all: BTreeSet<usize> = told.chain(shown).flat_map(|r| self.copies(r)).copied().collect();
        all.into_iter().collect()
    }
}

/// Makes references within one document unique; two copies of a library have one purl.
#[derive(Default)]
pub(crate) struct Refs(BTreeMap<String, u64>);

impl Refs {
    /// The wish itself for whoever comes first, `wish#2` for the next. A purl of ours has no `#`.
    pub(crate) fn unique(&mut self, wish: &str) -> String {
        let mut candidate = wish.to_owned();
        while let Some(taken) = self.0.get_mut(&candidate) {
            *taken += 1;
            candidate = format!("{candidate}#{taken}");
        }
        self.0.insert(candidate.clone(), 1);
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_a_tag() {
        assert_eq!(split_reference("host:5000/a/b"), ("host:5000/a/b", None));
        assert_eq!(split_reference("host:5000/a/b:1@sha256:00"), ("host:5000/a/b", Some("1")));
        assert_eq!(split_reference("alpine"), ("alpine", None));
    }

    #[test]
    fn oci_purls_follow_their_type() {
        let digest = Digest::sha256([0xab; 32]);
        assert_eq!(
            oci_purl("registry.example/team/Shop", Some("1.4"), digest, "linux/arm64/v8").expect("valid"),
            format!(
                "pkg:oci/shop@sha256:{}?arch=arm64&repository_url=registry.example%2Fteam%2Fshop&tag=1.4",
                "ab".repeat(32)
            )
        );
    }

    #[test]
    fn references_stay_unique() {
        let mut refs = Refs::default();
        let all = ["a", "a", "a#2", "a"].map(|wish| refs.unique(wish));
        let mut sorted = all.to_vec();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), all.len(), "{all:?}");
    }
}
