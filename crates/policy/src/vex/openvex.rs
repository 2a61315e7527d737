//! Reads OpenVEX 0.2, and the form before it, in which vulnerability and products are plain strings.

use super::{Budget, Product, Statement, VexDocument, VexStatus, time};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(rename = "@id", default)]
    id: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
    #[serde(default)]
    statements: Vec<Wire>,
}

#[derive(Deserialize)]
struct Wire {
    vulnerability: Vulnerability,
    #[serde(default)]
    products: Vec<Component>,
    /// Of the form before 0.2.
    #[serde(default)]
    subcomponents: Vec<Component>,
    status: VexStatus,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    impact_statement: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vulnerability {
    Name(String),
    Full {
        #[serde(default)]
        name: String,
        #[serde(default)]
        aliases: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Component {
    Name(String),
    Full {
        #[serde(rename = "@id", default)]
        id: Option<String>,
        #[serde(default)]
        identifiers: BTreeMap<String, String>,
        #[serde(default)]
        hashes: BTreeMap<String, String>,
        #[serde(default)]
        subcomponents: Vec<Component>,
    },
}

impl Document {
    pub(super) fn read(self, file: &str) -> Result<VexDocument, String> {
        let Self { id, author, timestamp, last_updated, statements } = self;
        let document_time = time(last_updated.as_ref()).or(time(timestamp.as_ref()));
        let mut budget = Budget::default();
        let mut read = Vec::with_capacity(statements.len());
        let mut baseless = 0;
        for wire in statements {
            let Wire {
                vulnerability,
                products,
                subcomponents,
                status,
                justification,
                impact_statement,
                timestamp,
                last_updated,
            } = wire;
            let within: Vec<_> = subcomponents.into_iter().map(|component| component.product().ids).collect();
            let mut products: Vec<_> = products.into_iter().map(Component::product).collect();
            for product in &mut products {
                product.subcomponents.extend(within.iter().cloned());
                budget.spend(product.subcomponents.len())?;
            }
            let vulnerabilities = match vulnerability {
                Vulnerability::Name(name) => vec![name],
                Vulnerability::Full { name, aliases } => std::iter::once(name).chain(aliases).collect(),
            };
            // The specification asks for one of them: that it cannot be exploited is no reason of its own.
            let says = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
            if status == VexStatus::NotAffected && !says(&justification) && !says(&impact_statement) {
                baseless += 1;
                continue;
            }
            read.push(Statement {
                vulnerabilities,
                products,
                status,
                justification,
                impact: impact_statement,
                timestamp: time(last_updated.as_ref()).or(time(timestamp.as_ref())).or(document_time),
            });
        }
        let id = if id.is_empty() { file.to_owned() } else { id };
        let ignored = (baseless > 0).then(|| {
            let (s, verb) = if baseless == 1 { ("", "says") } else { ("s", "say") };
            format!(
                "{baseless} statement{s} {verb} not_affected without a justification or an impact statement"
            )
        });
        Ok(VexDocument { id, author, statements: read, ignored: ignored.into_iter().collect() })
    }
}

impl Component {
    fn product(self) -> Product {
        match self {
            Self::Name(name) => Product { ids: vec![name], subcomponents: Vec::new() },
            Self::Full { id, identifiers, hashes, subcomponents } => {
                let purl = identifiers.into_iter().filter(|(kind, _)| kind == "purl").map(|(_, purl)| purl);
                let digest = hashes.into_iter().filter(|(kind, _)| kind == "sha-256");
                let ids = id.into_iter().chain(purl).chain(digest.map(|(_, hex)| format!("sha256:{hex}")));
                let within = subcomponents.into_iter().map(|component| component.product().ids);
                Product { ids: ids.collect(), subcomponents: within.collect() }
            }
        }
    }
}
