//! Images of layers: what is known from earlier scans is taken from the cache, the rest is read.

use super::{
    Message, WorkError, Worker,
    known::{Origin, Origins, inflates_to, read_facts},
    write_report,
};
use crate::{
    archive::{LocalImage, Stamp},
    cache::{Cache, Kind, seal},
    catalog::Scope,
    file_pass::FilePass,
    layer::{self, Blob, Counters, LayerFacts},
};
use gabion_model::{Aspect, Digest, ImageIdentity, Isolation, Reason, ScanReport, Verification};
use sha2::{Digest as _, Sha256};
use std::{
    io,
    sync::{Mutex, mpsc},
};

impl Worker<'_> {
    /// None if the report was found in the cache and sent on as it is.
    pub(super) fn image(
        &self,
        image: &LocalImage,
        passes: &mut [FilePass],
        isolation: Isolation,
    ) -> Result<Option<ScanReport>, WorkError> {
        let key = self.image_key(image);
        let cache = self.cache().filter(|_| !self.job.verify);
        if let Some(cache) = &cache
            && image.layers.iter().flatten().all(|blob| stamped(cache, blob))
            && let Some(report) = cache.read_sealed(Kind::Image, key)
            && self.send_cached_index(cache, key)?
        {
            self.out.stream(&Message::EarlierReport(isolation), |out| out.write_all(&report))?;
            return Ok(None);
        }
        let counters = Counters::default();
        let (facts, verification, origins) = self.layers(image, passes, &counters)?;
        self.out.send(&Message::Origins(origins))?;
        let digests: Vec<_> = image.layers.iter().map(|l| l.as_ref().ok().and_then(|b| b.digest)).collect();
        let identity = ImageIdentity {
            config: image.config_digest,
            manifest: image.manifest,
            index: image.index,
            bases: image.said.bases.clone(),
            tags: image.tags.clone(),
            platform: image.config.platform.clone(),
            verification,
        };
        let assembled = self.assemble(facts, Some(&image.config), &digests, &image.tags, Scope::Image);
        let (mut report, tree) = self.report(assembled, Some(identity), Some(&image.config), isolation);
        for (at, layer) in image.layers.iter().enumerate() {
            if let Err(why) = layer {
                for aspect in report.coverage.iter().map(|(a, _)| a.clone()).collect::<Vec<_>>() {
                    report.coverage.gap(aspect, Reason::new(format!("layer {at}: {why}")));
                }
            }
        }
        for why in &image.said.unreadable {
            let text = format!("what it is built on may be said there: {why}");
            report.coverage.skip(Aspect::CONFIG, Reason::new(text));
        }
        self.send_index(&tree)?;
        // What others have told is believed for this scan only.
        if self.job.cache.is_some() && origins.given == 0 {
            self.out.stream(&Message::Store(Kind::Index, key), |out| {
                postcard::to_io(&tree, out).map(drop).map_err(io::Error::other)
            })?;
            self.out.stream(&Message::Store(Kind::Image, key), |out| {
                seal(out, |out| write_report(&report, out))
            })?;
        }
        Ok(Some(report))
    }

    /// All that a report depends on, but the content that the digests stand for. The clock counts by day:
    /// ages and ends of life are told in days.
    fn image_key(&self, image: &LocalImage) -> Digest {
        let day = self.job.now.as_second() / 86_400;
        let missing: Vec<_> = image.layers.iter().map(Result::is_err).collect();
        let text = format!(
            "{} {:?} {:?} {:?} {:?} {missing:?} {} {} {} {day} {}",
            image.config_digest,
            image.manifest,
            image.index,
            image.said,
            image.tags,
            self.job.source,
            self.job.reference,
            self.job.secrets,
            self.revision(),
        );
        Digest::sha256(Sha256::digest(text).into())
    }

    /// True if no index was asked for, or it was in the cache and is sent.
    fn send_cached_index(&self, cache: &Cache, key: Digest) -> Result<bool, WorkError> {
        if !self.job.index {
            return Ok(true);
        }
        let Some(mut index) = cache.open(Kind::Index, key) else {
            return Ok(false);
        };
        self.out.stream(&Message::Index, |out| io::copy(&mut index, out).map(drop))?;
        Ok(true)
    }

    /// Facts of all layers, from the cache or read now, several at once.
    fn layers(
        &self,
        image: &LocalImage,
        passes: &mut [FilePass],
        counters: &Counters,
    ) -> Result<(Vec<LayerFacts>, Verification, Origins), WorkError> {
        let revision = self.revision();
        let analyser = self.analyser(Scope::Image);
        let (mut facts, mut origins) = (Vec::new(), Origins::default());
        for layer in &image.layers {
            let Ok(blob) = layer else {
                facts.push(Some(LayerFacts::default()));
                continue;
            };
            let known = match self.known_layer(blob, &revision) {
                Some((layer, origin)) => match counters.admit_layer(&blob.name, &layer, &self.job.limits) {
                    Ok(()) => Some((layer, origin)),
                    // Whoever gave it may lie: the layer itself says whether it is too much.
                    Err(_) if origin == Origin::Given => None,
                    Err(error) => return Err(error.into()),
                },
                None => None,
            };
            origins.count(known.as_ref().map(|(_, origin)| *origin));
            facts.push(known.map(|(layer, _)| layer));
        }
        // What others have read nobody has inflated here.
        let verification = if origins.given > 0 || facts.iter().all(Option::is_some) {
            Verification::VerifiedEarlier
        } else {
            Verification::Verified
        };
        // The largest first, so that no thread is left with it at the end.
        let mut todo: Vec<(usize, &Blob)> =
            image.layers.iter().enumerate().filter_map(|(i, l)| Some((i, l.as_ref().ok()?))).collect();
        todo.retain(|(i, _)| facts[*i].is_none());
        todo.sort_by_key(|(_, blob)| std::cmp::Reverse(blob.len));
        let total = todo.iter().map(|(_, blob)| blob.len).sum();
        let todo = Mutex::new(todo.into_iter());
        let (running, finished) = mpsc::channel::<()>();
        let results = std::thread::scope(|scope| {
            let workers: Vec<_> = passes
                .iter_mut()
                .map(|pass| {
                    let (todo, analyser, running) = (&todo, &analyser, running.clone());
                    scope.spawn(move || {
                        let _running = running;
                        let mut done = Vec::new();
                        loop {
                            let next = todo.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
                            let Some((at, blob)) = next else { return done };
                            let result = layer::read(blob, analyser, pass, counters);
                            let failed = result.is_err();
                            done.push((at, blob, result));
                            if failed {
                                return done;
                            }
                        }
                    })
                })
                .collect();
            drop(running);
            self.report_progress(counters, total, &finished);
            workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        for worker in results {
            let done = worker.map_err(|_| io::Error::other("a reading thread panicked"))?;
            for (at, blob, result) in done {
                let layer = result?;
                self.store_layer(blob, &layer, &revision)?;
                facts[at] = Some(layer);
            }
        }
        Ok((facts.into_iter().map(Option::unwrap_or_default).collect(), verification, origins))
    }

    /// Facts that are known count only for bytes that were verified: the very file, unchanged, or one that hashes right.
    fn known_layer(&self, blob: &Blob, revision: &str) -> Option<(LayerFacts, Origin)> {
        let key = self.layer_key(blob.diff_id, revision);
        let sources = self.sources();
        let is_stamped = self.cache().is_some_and(|cache| stamped(&cache, blob));
        for (source, origin) in sources.iter().filter(|(source, _)| source.has(Kind::Layer, key)) {
            if !is_stamped {
                // The same content elsewhere: its stored digest is enough if that was seen to inflate to the diffID.
                let promised = blob.digest.unwrap_or(blob.diff_id);
                let known = blob.digest.is_none_or(|d| source.has(Kind::Stamp, inflates_to(d, blob.diff_id)));
                if !known || layer::stored_digest(blob).ok()? != promised {
                    continue;
                }
                // What others have seen is believed for this scan only.
                if *origin == Origin::Kept {
                    let stamp = Stamp::of(blob).ok()?.key(blob.digest, blob.diff_id);
                    self.out.stream(&Message::Store(Kind::Stamp, stamp), |_| Ok(())).ok()?;
                }
            }
            if let Some(facts) = read_facts(source, key) {
                return Some((facts, *origin));
            }
        }
        None
    }

    fn store_layer(&self, blob: &Blob, layer: &LayerFacts, revision: &str) -> Result<(), WorkError> {
        if self.job.cache.is_none() {
            return Ok(());
        }
        self.store_facts(self.layer_key(blob.diff_id, revision), layer)?;
        let mut stamps = vec![];
        stamps.extend(Stamp::of(blob).ok().map(|s| s.key(blob.digest, blob.diff_id)));
        stamps.extend(blob.digest.map(|d| inflates_to(d, blob.diff_id)));
        for stamp in stamps {
            self.out.stream(&Message::Store(Kind::Stamp, stamp), |_| Ok(()))?;
        }
        Ok(())
    }
}

pub(super) fn stamped(cache: &Cache, blob: &Blob) -> bool {
    Stamp::of(blob).is_ok_and(|stamp| cache.has(Kind::Stamp, stamp.key(blob.digest, blob.diff_id)))
}
