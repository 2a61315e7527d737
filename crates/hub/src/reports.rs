//! Reports of images: their vulnerabilities are found, and they are kept, whoever has made them.

use crate::Hub;
use gabion_model::ScanReport;
use std::collections::{BTreeMap, BTreeSet};

impl Hub {
    /// A report as a scan has written it, with its vulnerabilities.
    pub(crate) async fn evaluated(&self, json: Vec<u8>) -> anyhow::Result<ScanReport> {
        let (hub, now) = (self.clone(), self.now());
        let evaluate = move || {
            let mut report: ScanReport = serde_json::from_slice(&json)?;
            drop(json);
            hub.matcher.evaluate(&mut report, now)?;
            Ok(report)
        };
        tokio::task::spawn_blocking(evaluate).await?
    }

    /// What an image is called, and who answers for it.
    async fn owned(&self, image: &str, report: &ScanReport) -> anyhow::Result<(String, Option<String>)> {
        let name = self.state.image_name(image).await?.unwrap_or_else(|| image.to_owned());
        let namespaces = self.state.namespaces_of(image).await?;
        let owner = self.owner_of(&name, report, &namespaces);
        Ok((name, owner))
    }

    /// Who answers for an image by this name that runs in these namespaces.
    pub(crate) fn owner_of(&self, name: &str, report: &ScanReport, namespaces: &[String]) -> Option<String> {
        let empty = BTreeMap::new();
        let labels = report.config.as_ref().map_or(&empty, |config| &config.labels);
        self.matcher.owner(&[name.to_owned()], labels, namespaces)
    }

    /// Keeps an evaluated report of one who has seen the image itself.
    pub(crate) async fn keep_report(&self, image: &str, report: &ScanReport) -> anyhow::Result<()> {
        let (name, owner) = self.owned(image, report).await?;
        self.state.keep_report(image, &name, report, owner.as_deref(), self.now()).await?;
        self.keep_names(image, report).await?;
        Ok(self.state.seen_itself(image).await?)
    }

    /// Keeps the names by which what is new in the database finds an image.
    pub(crate) async fn keep_names(&self, image: &str, report: &ScanReport) -> anyhow::Result<()> {
        Ok(self.state.keep_known_as(image, &known_as(report)).await?)
    }
}

/// By which names advisories know what is in an image: numbers of ecosystems, and names.
pub(crate) fn known_as(report: &ScanReport) -> BTreeSet<(u8, String)> {
    let names = gabion_advisory::evaluate::asked(report);
    names.into_iter().map(|(ecosystem, name)| (ecosystem.number(), name)).collect()
}
