//! `composer.lock`.

use super::{Format, Listing, json};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::Deserialize;

pub(super) const FORMAT: Format = Format {
    name: "composer-lock",
    kind: PackageKind::Composer,
    matches: |name| name == b"composer.lock",
    parse,
};

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    #[serde(default)]
    license: License,
    dist: Option<Dist>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum License {
    One(String),
    Several(Vec<String>),
}

impl Default for License {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

#[derive(Deserialize)]
struct Dist {
    r#type: Option<String>,
}

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Lock {
        packages: Option<Vec<Locked>>,
        packages_dev: Option<Vec<Locked>>,
    }
    let lock: Lock = json(text)?;
    for (packages, dev) in [(lock.packages, false), (lock.packages_dev, true)] {
        for package in packages.into_iter().flatten() {
            // A directory of the tree.
            if package.dist.and_then(|dist| dist.r#type).as_deref() == Some("path") {
                continue;
            }
            let licenses = match package.license {
                License::One(license) => vec![license],
                License::Several(licenses) => licenses,
            };
            list.add_licensed(package.name, package.version, dev, licenses);
        }
    }
    Ok(())
}
