//! Layers as a container runtime has unpacked them: directories, without digests.

use super::{
    Message, Unpacked, WorkError, Worker,
    known::{Origins, read_facts},
};
use crate::{
    catalog::Scope,
    file_pass::FilePass,
    layer::{Counters, LayerFacts},
    manifest::Config,
    tree::{Layout, Root},
};
use gabion_model::{Aspect, Digest, ImageIdentity, Isolation, Reason, ScanReport, Verification};
use sha2::{Digest as _, Sha256};

impl Worker<'_> {
    pub(super) fn snapshots(
        &self,
        image: Unpacked,
        passes: &mut [FilePass],
        isolation: Isolation,
    ) -> Result<ScanReport, WorkError> {
        let Unpacked { config, manifest, roots, tags } = image;
        let config_digest = Digest::sha256(Sha256::digest(&config).into());
        let config = Config::parse(&config)?;
        let facts = self.snapshot_layers(&config, &roots, passes)?;
        let identity = ImageIdentity {
            config: config_digest,
            manifest: Some(manifest),
            index: None,
            bases: Vec::new(),
            tags: tags.clone(),
            platform: config.platform.clone(),
            verification: Verification::UnverifiedSnapshot,
        };
        let digests = vec![None; facts.len()];
        let assembled = self.assemble(facts, Some(&config), &digests, &tags, Scope::Image);
        let (mut report, tree) = self.report(assembled, Some(identity), Some(&config), isolation);
        self.send_index(&tree)?;
        let reason = "layers: unverified (snapshot): read as a runtime unpacked them, here or elsewhere, without digests";
        report.coverage.skip(Aspect::FILES, Reason::new(reason));
        Ok(report)
    }

    /// Facts of all layers, known already or read now.
    fn snapshot_layers(
        &self,
        config: &Config,
        roots: &[Root],
        passes: &mut [FilePass],
    ) -> Result<Vec<LayerFacts>, WorkError> {
        let revision = self.revision();
        let sources = self.sources();
        // Without a diffID for each there is no name under which anything could be known.
        let keys = self.snapshot_keys(&config.diff_ids, &revision);
        let has_names = keys.len() == roots.len();
        let mut origins = Origins::default();
        let mut all = Vec::new();
        let known_layers = Counters::default();
        for (at, root) in roots.iter().enumerate() {
            let key = keys.get(at).copied().filter(|_| has_names);
            let is_within =
                |facts: &LayerFacts| known_layers.admit_layer("", facts, &self.job.limits).is_ok();
            let known = key.and_then(|key| {
                sources.iter().find_map(|(source, origin)| {
                    read_facts(source, key).filter(is_within).map(|facts| (facts, *origin))
                })
            });
            origins.count(known.as_ref().map(|(_, origin)| *origin));
            let facts = if let Some((facts, _)) = known {
                facts
            } else {
                let facts = self.tree(root, Layout::Overlay, Scope::Image, passes)?;
                // What could not be looked at now may be there the next time.
                if let Some(key) = key.filter(|_| self.job.cache.is_some() && facts.gaps.is_empty()) {
                    self.store_facts(key, &facts)?;
                }
                facts
            };
            all.push(facts);
        }
        self.out.send(&Message::Origins(origins))?;
        Ok(all)
    }
}
