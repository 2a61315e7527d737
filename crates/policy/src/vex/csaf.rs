//! Reads CSAF 2.0 (profile VEX and advisories that have the same parts).
//!
//! A relationship (`openssl` as a component of `shop-api`) is the product `shop-api` with the subcomponent `openssl`. A
//! product that has no package URL and no hash, but a CPE, is none that we could recognise.

use super::{Budget, Product, Statement, VexDocument, VexStatus, time};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Csaf {
    document: Document,
    #[serde(default)]
    product_tree: Tree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    publisher: Publisher,
    tracking: Tracking,
}

#[derive(Default, Deserialize)]
struct Publisher {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    #[serde(default)]
    current_release_date: Option<String>,
}

#[derive(Default, Deserialize)]
struct Tree {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    full_product_names: Vec<FullName>,
    #[serde(default)]
    relationships: Vec<Relationship>,
    #[serde(default)]
    product_groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default)]
    branches: Vec<Branch>,
    #[serde(default)]
    product: Option<FullName>,
}

#[derive(Deserialize)]
struct FullName {
    product_id: String,
    #[serde(default)]
    product_identification_helper: Helper,
}

#[derive(Default, Deserialize)]
struct Helper {
    #[serde(default)]
    purl: Option<String>,
    /// Of CSAF 2.1.
    #[serde(default)]
    purls: Vec<String>,
    #[serde(default)]
    hashes: Vec<Hashes>,
}

#[derive(Deserialize)]
struct Hashes {
    #[serde(default)]
    file_hashes: Vec<Hash>,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: FullName,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ids: Vec<OtherId>,
    #[serde(default)]
    product_status: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    flags: Vec<Remark>,
    #[serde(default)]
    threats: Vec<Remark>,
}

#[derive(Deserialize)]
struct OtherId {
    text: String,
}

/// A flag or a threat: something said of some of the products.
#[derive(Deserialize)]
struct Remark {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    category: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    product_ids: Vec<String>,
    #[serde(default)]
    group_ids: Vec<String>,
}

impl Csaf {
    pub(super) fn read(self, _file: &str) -> Result<VexDocument, String> {
        let Self { document, product_tree, vulnerabilities } = self;
        let groups: BTreeMap<&str, &[String]> = product_tree
            .product_groups
            .iter()
            .map(|group| (group.group_id.as_str(), group.product_ids.as_slice()))
            .collect();
        let products = product_tree.products();
        let timestamp = time(document.tracking.current_release_date.as_ref());
        let mut budget = Budget::default();
        let mut statements = Vec::new();
        for vulnerability in &vulnerabilities {
            let Vulnerability { cve, ids, product_status, flags, threats } = vulnerability;
            let names: Vec<String> = cve.iter().chain(ids.iter().map(|id| &id.text)).cloned().collect();
            let flags = by_product(flags, &groups, |flag| flag.label.as_deref());
            let impacts = by_product(threats, &groups, |threat| {
                threat.details.as_deref().filter(|_| threat.category.as_deref() == Some("impact"))
            });
            for (word, ids) in product_status {
                let Some(status) = status(word) else { continue };
                for id in ids {
                    let Some(product) = products.get(id.as_str()) else { continue };
                    budget.spend(product.ids.len() + product.subcomponents.len())?;
                    statements.push(Statement {
                        vulnerabilities: names.clone(),
                        products: vec![product.clone()],
                        status,
                        justification: flags.get(id.as_str()).map(|&label| label.to_owned()),
                        impact: impacts.get(id.as_str()).map(|&text| text.to_owned()),
                        timestamp,
                    });
                }
            }
        }
        Ok(VexDocument {
            id: document.tracking.id,
            author: document.publisher.name,
            statements,
            ignored: Vec::new(),
        })
    }
}

fn status(word: &str) -> Option<VexStatus> {
    match word {
        "known_not_affected" => Some(VexStatus::NotAffected),
        "fixed" | "first_fixed" => Some(VexStatus::Fixed),
        "known_affected" | "first_affected" | "last_affected" => Some(VexStatus::Affected),
        "under_investigation" => Some(VexStatus::UnderInvestigation),
        _ => None,
    }
}

/// What was remarked of each product, itself or by a group that it is in; the first counts.
fn by_product<'a>(
    remarks: &'a [Remark],
    groups: &BTreeMap<&str, &'a [String]>,
    text: impl Fn(&'a Remark) -> Option<&'a str>,
) -> BTreeMap<&'a str, &'a str> {
    let mut map = BTreeMap::new();
    for remark in remarks {
        let Some(text) = text(remark) else { continue };
        let grouped = remark.group_ids.iter().filter_map(|id| groups.get(id.as_str())).copied().flatten();
        for product in remark.product_ids.iter().chain(grouped) {
            map.entry(product.as_str()).or_insert(text);
        }
    }
    map
}

impl Tree {
    fn products(&self) -> BTreeMap<&str, Product> {
        let mut products = BTreeMap::new();
        let mut waiting: Vec<&Branch> = self.branches.iter().collect();
        while let Some(branch) = waiting.pop() {
            waiting.extend(&branch.branches);
            if let Some(name) = &branch.product {
                products.insert(name.product_id.as_str(), Product { ids: name.ids(), ..Product::default() });
            }
        }
        for name in &self.full_product_names {
            products.insert(name.product_id.as_str(), Product { ids: name.ids(), ..Product::default() });
        }
        for relationship in &self.relationships {
            let Relationship { full_product_name, product_reference, relates_to_product_reference } =
                relationship;
            let ids = |id: &str| products.get(id).map(|product: &Product| product.ids.clone());
            let (Some(component), Some(parent)) = (ids(product_reference), ids(relates_to_product_reference))
            else {
                continue;
            };
            let product = Product { ids: parent, subcomponents: vec![component] };
            products.insert(full_product_name.product_id.as_str(), product);
        }
        products
    }
}

impl FullName {
    fn ids(&self) -> Vec<String> {
        let Helper { purl, purls, hashes } = &self.product_identification_helper;
        let hashes = hashes.iter().flat_map(|hashes| &hashes.file_hashes);
        let digests =
            hashes.filter(|hash| hash.algorithm == "sha256").map(|hash| format!("sha256:{}", hash.value));
        purl.iter().chain(purls).cloned().chain(digests).collect()
    }
}
