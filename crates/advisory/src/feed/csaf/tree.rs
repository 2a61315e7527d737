//! The products of a CSAF document, and the packages in them.

use crate::{
    Ecosystem,
    feed::{Broken, distribution, purl::Purl},
};
use serde::Deserialize;
use std::collections::HashMap;

/// Branches in branches, and components of components.
const DEPTH: usize = 32;
/// Architectures of RPM.
const ARCHES: &[&str] = &[
    "x86_64",
    "aarch64",
    "noarch",
    "src",
    "nosrc",
    "ppc64le",
    "ppc64",
    "ppc",
    "s390x",
    "s390",
    "i686",
    "i586",
    "i386",
    "ia64",
    "armv7hl",
    "riscv64",
    "x86_64_v2",
];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ProductTree {
    branches: Vec<Branch>,
    full_product_names: Vec<Product>,
    relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
struct Branch {
    #[serde(default)]
    name: String,
    #[serde(default)]
    product: Option<Product>,
    #[serde(default)]
    branches: Vec<Branch>,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    name: String,
    #[serde(rename = "product_id")]
    id: String,
    #[serde(default, rename = "product_identification_helper")]
    helper: Helper,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Helper {
    cpe: Option<String>,
    purl: Option<String>,
}

#[derive(Deserialize)]
struct Relationship {
    full_product_name: Name,
    product_reference: String,
    relates_to_product_reference: String,
}

#[derive(Deserialize)]
struct Name {
    product_id: String,
}

/// A distribution and its release, as OSV has them.
pub(super) type Platform = (Ecosystem, String);

/// A package in a product.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) name: String,
    /// It is what was built, not the source.
    pub(super) binary: bool,
    /// The module stream, at most one.
    pub(super) modules: Vec<String>,
    /// Epoch, version and release, where the state is about one.
    pub(super) version: Option<String>,
    pub(super) arch: Option<String>,
}

/// Why a combination is not found.
pub(super) enum Lost {
    /// A product that is no distribution known here.
    Unknown(String),
    /// The document contradicts itself.
    Broken(&'static str),
}

/// All products by id.
pub(super) struct Tree {
    products: HashMap<String, Product>,
    /// A combination, to component and product.
    parts: HashMap<String, (String, String)>,
}

impl Tree {
    pub(super) fn new(tree: ProductTree) -> Result<Self, Broken> {
        let ProductTree { branches, full_product_names, relationships } = tree;
        let mut products = HashMap::new();
        for product in full_product_names {
            products.insert(product.id.clone(), product);
        }
        let mut left: Vec<(Branch, usize)> = branches.into_iter().map(|branch| (branch, 0)).collect();
        while let Some((branch, depth)) = left.pop() {
            if depth > DEPTH {
                return Err("its product tree is too deep".into());
            }
            if let Some(mut product) = branch.product {
                if product.name.is_empty() {
                    product.name = branch.name;
                }
                products.insert(product.id.clone(), product);
            }
            left.extend(branch.branches.into_iter().map(|branch| (branch, depth + 1)));
        }
        let parts = relationships.into_iter().map(|relationship| {
            let Relationship { full_product_name, product_reference, relates_to_product_reference } =
                relationship;
            (full_product_name.product_id, (product_reference, relates_to_product_reference))
        });
        Ok(Self { products, parts: parts.collect() })
    }

    /// The product and the package in it. None for what is no package of a distribution: a container image, or the
    /// product as a whole. `fixed` if the state is about a version.
    pub(super) fn find(&self, id: &str, fixed: bool) -> Result<Option<(Platform, Component)>, Lost> {
        let Some((reference, mut platform)) = self.parts.get(id).map(|(a, b)| (a.as_str(), b.as_str()))
        else {
            return if self.products.contains_key(id) {
                Ok(None)
            } else {
                Err(Lost::Broken("the product is not in the tree"))
            };
        };
        // A component can itself be a combination, of a package and a module; a product, of a module and a product.
        let mut modules = Vec::new();
        let mut depth = 0;
        let mut package = reference;
        while let Some((inner, around)) = self.parts.get(package) {
            modules.extend(self.module(around));
            package = inner;
            depth += 1;
            if depth > DEPTH {
                return Err(Lost::Broken("the relationships form a circle"));
            }
        }
        while let Some((module, around)) = self.parts.get(platform) {
            modules.extend(self.module(module));
            platform = around;
            depth += 1;
            if depth > DEPTH {
                return Err(Lost::Broken("the relationships form a circle"));
            }
        }
        let Some(product) = self.products.get(platform) else {
            return Err(Lost::Broken("the product is not in the tree"));
        };
        let purl = self.products.get(package).and_then(|p| p.helper.purl.as_deref());
        let mut component = match purl.map(Purl::parse) {
            Some(Some(purl)) if purl.kind == "rpm" => from_purl(&purl, package),
            Some(Some(_)) => return Ok(None),
            Some(None) | None => {
                from_text(package, fixed).ok_or(Lost::Broken("the component has no version"))?
            }
        };
        if fixed && component.version.is_none() {
            return Err(Lost::Broken("the component has no version"));
        }
        if let Some(module) = modules.pop() {
            component.modules = vec![module];
        }
        let release = release(product).ok_or_else(|| Lost::Unknown(product.name.clone()))?;
        Ok(Some((release, component)))
    }

    /// The stream, if a product is a module: `pkg:rpmmod/redhat/nodejs@18:8060…`.
    fn module(&self, id: &str) -> Option<String> {
        let purl = self.products.get(id)?.helper.purl.as_deref()?;
        let purl = Purl::parse(purl).filter(|purl| purl.kind == "rpmmod")?;
        let stream = purl.version.split(':').next().filter(|stream| !stream.is_empty())?;
        Some(format!("{}:{stream}", purl.name))
    }
}

/// The release that a product is: by its CPE for Red Hat (`enterprise_linux:9::baseos`), by its name for others.
fn release(product: &Product) -> Option<Platform> {
    let cpe = product.helper.cpe.as_deref().unwrap_or_default();
    let red_hat = ["cpe:/o:redhat:", "cpe:/a:redhat:"].iter().find_map(|start| cpe.strip_prefix(start));
    if let Some(release) = red_hat {
        return (!release.is_empty()).then(|| (Ecosystem::RedHat, release.to_owned()));
    }
    distribution::parse(&product.name)
}

fn from_purl(purl: &Purl, id: &str) -> Component {
    let arch = Some(purl.qualifier("arch")).filter(|arch| !arch.is_empty());
    let source = matches!(arch, Some("src" | "nosrc"));
    // `nodejs:18:8060020230906:ad008a3a`, of which name and stream count; older documents have it in the id only.
    let rpmmod = purl.qualifier("rpmmod");
    let module =
        if rpmmod.is_empty() { id.split_once("::").map_or("", |(_, module)| module) } else { rpmmod };
    let mut parts = module.splitn(3, ':');
    let module = match (parts.next(), parts.next()) {
        (Some(name), Some(stream)) if !name.is_empty() && !stream.is_empty() => {
            Some(format!("{name}:{stream}"))
        }
        _ => None,
    };
    Component {
        name: purl.name.clone(),
        binary: !source,
        modules: module.into_iter().collect(),
        version: (!purl.version.is_empty()).then(|| with_epoch(purl.qualifier("epoch"), &purl.version)),
        arch: arch.filter(|_| !source).map(str::to_owned),
    }
}

/// `1:3.0.7-1`; an epoch of 0 is none.
fn with_epoch(epoch: &str, version: &str) -> String {
    if epoch.is_empty() || epoch == "0" { version.to_owned() } else { format!("{epoch}:{version}") }
}

/// A component without a package URL: `openssl-1:3.0.7-27.el9.x86_64` if it has a version, else `nodejs:18/nodejs` or
/// `openssl`.
fn from_text(text: &str, fixed: bool) -> Option<Component> {
    if !fixed {
        let (module, name) = text.rsplit_once('/').unwrap_or(("", text));
        return Some(Component {
            name: name.to_owned(),
            binary: false,
            modules: (!module.is_empty()).then(|| module.to_owned()).into_iter().collect(),
            version: None,
            arch: None,
        });
    }
    let (text, module) = text.split_once("::").unwrap_or((text, ""));
    let (rest, arch) = match text.rsplit_once('.') {
        Some((rest, arch)) if ARCHES.contains(&arch) => (rest, Some(arch)),
        _ => (text, None),
    };
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let (epoch, version) = version.split_once(':').unwrap_or(("", version));
    let source = matches!(arch, Some("src" | "nosrc"));
    (!name.is_empty()).then(|| Component {
        name: name.to_owned(),
        binary: !source,
        modules: (!module.is_empty()).then(|| module.to_owned()).into_iter().collect(),
        version: Some(with_epoch(epoch, &format!("{version}-{release}"))),
        arch: arch.filter(|_| !source).map(str::to_owned),
    })
}
