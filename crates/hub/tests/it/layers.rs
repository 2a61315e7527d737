//! Each layer once per fleet: who is to read it, who waits, who is handed what was read, and what is not taken.

use crate::{
    agent::{Node, Session},
    hub::{Hub, runtime, until, with_present},
};
use gabion_api::agent::{
    Container, Facts, Fetch, Inventory, Layer, Offer, Report, Wanted, from_agent::Message, to_agent,
};
use gabion_image::{
    cache::{Cache, Kind, Pending},
    shared::{MAX_FACTS, MAX_PACKED, pack},
};
use gabion_model::{Digest, ScanReport, Target};
use reqwest::{Method, StatusCode};
use sha2::{Digest as _, Sha256};
use std::io::{Read, Write};

const BASE: u8 = 1;
const NOTHING: [Vec<u8>; 3] = [const { Vec::new() }; 3];

/// A node whose image the hub wants to be scanned.
struct Scanning {
    node: Node,
    session: Session,
    image: String,
}

impl Scanning {
    async fn start(hub: &Hub, name: &str) -> Self {
        let node = Node::join(hub, name).await;
        Self::again(hub, node, name).await
    }

    async fn again(hub: &Hub, node: Node, name: &str) -> Self {
        let mut session = node.session(hub.agents()).await.expect("a session");
        let image = format!("sha256:{}", Digest::sha256(Sha256::digest(name).into()).hex());
        let container = Container {
            id: format!("{name}-{}", "c0ffee".repeat(8)),
            name: name.to_owned(),
            workload: format!("shop/{name}"),
            runtime: "containerd".to_owned(),
            image_id: image.clone(),
            target: format!("containerd:{image}"),
            ..Container::default()
        };
        assert!(session.say(Message::Inventory(Inventory { time: 1, containers: vec![container] })).await);
        loop {
            if let to_agent::Message::Scan(scan) = session.heard().await.expect("goes on")
                && scan.image == image
            {
                assert!(scan.shares);
                break;
            }
        }
        Self { node, session, image }
    }

    async fn offer(&mut self, wanted: Wanted) -> Offer {
        let wanted = Wanted { image: self.image.clone(), ..wanted };
        assert!(self.session.say(Message::Wanted(wanted)).await);
        loop {
            if let to_agent::Message::Offer(offer) = self.session.heard().await.expect("goes on") {
                assert_eq!(offer.image, self.image);
                return offer;
            }
        }
    }

    /// What is here, what is to be read, and what others read.
    async fn lacks(&mut self, layers: &[u8]) -> [Vec<u8>; 3] {
        let lacks = layers.iter().map(|layer| named(*layer)).collect();
        told(self.offer(Wanted { lacks, ..Wanted::default() }).await)
    }

    async fn fetch(&mut self, layer: Layer, offset: u64) -> Facts {
        assert!(self.session.say(Message::Fetch(Fetch { layer: Some(layer), offset })).await);
        loop {
            if let to_agent::Message::Facts(facts) = self.session.heard().await.expect("goes on") {
                assert_eq!(facts.offset, offset);
                return facts;
            }
        }
    }

    /// All parts of it.
    async fn whole(&mut self, layer: Layer) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let facts = self.fetch(layer.clone(), whole.len() as u64).await;
            if !facts.failed.is_empty() {
                return None;
            }
            whole.extend(facts.part);
            if facts.last {
                assert_eq!(facts.digest, Sha256::digest(&whole).to_vec());
                return Some(whole);
            }
        }
    }

    /// Gives facts in parts, the last with this digest. What is asked next is answered after they were looked at.
    async fn give(&self, layer: Layer, parts: &[&[u8]], digest: &[u8]) {
        let mut offset = 0;
        for (at, part) in parts.iter().enumerate() {
            let last = at + 1 == parts.len();
            let facts = Facts {
                layer: Some(layer.clone()),
                offset,
                part: part.to_vec(),
                last,
                digest: if last { digest.to_vec() } else { Vec::new() },
                ..Facts::default()
            };
            offset += part.len() as u64;
            assert!(self.session.say(Message::Facts(facts)).await);
        }
    }

    async fn report(&self, layers: [u32; 3]) {
        let target = Target { source: "containerd".to_owned(), reference: self.image.clone(), image: None };
        let json = serde_json::to_vec(&ScanReport::new(target, jiff::Timestamp::UNIX_EPOCH)).expect("JSON");
        let [layers_read, layers_kept, layers_shared] = layers;
        let part = zstd::bulk::compress(&json, 1).expect("compresses");
        let image = self.image.clone();
        let report =
            Report { image, part, last: true, layers_read, layers_kept, layers_shared, ..Report::default() };
        assert!(self.session.say(Message::Report(report)).await);
    }
}

fn key(layer: u8) -> Digest {
    Digest::sha256([layer; 32])
}

fn named(layer: u8) -> Layer {
    Layer { key: key(layer).as_bytes().to_vec(), stamp: Vec::new() }
}

fn stamped(layer: u8, stamp: u8) -> Layer {
    Layer { stamp: vec![stamp; 32], ..named(layer) }
}

fn told(offer: Offer) -> [Vec<u8>; 3] {
    let here = offer.here.into_iter().map(|layer| layer.key);
    [here.collect(), offer.yours, offer.busy]
        .map(|keys: Vec<Vec<u8>>| keys.into_iter().map(|key| key[0]).collect())
}

/// Facts that do not compress, and their digest.
fn facts(length: usize) -> (Vec<u8>, Vec<u8>) {
    let mut state = 7u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(length)
    .collect();
    let packed = pack(&noise[..]).expect("packs").expect("is short");
    let digest = Sha256::digest(&packed).to_vec();
    (packed, digest)
}

/// A number of `/metrics`.
async fn number(hub: &Hub, name: &str) -> u64 {
    let text = hub.bare(Method::GET, "/metrics").send().await.expect("answers").text().await.expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    assert!(line.is_some(), "{name} is not in {text}");
    line.and_then(|line| line.parse().ok()).expect("a number")
}

#[test]
fn a_layer_is_read_by_one_node_and_handed_to_the_others() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_present(directory.path()).await;
        let (mut one, mut two) = (Scanning::start(&hub, "one").await, Scanning::start(&hub, "two").await);
        assert_eq!(one.lacks(&[BASE, 2]).await, [vec![], vec![BASE, 2], vec![]]);
        // What it is to read stays so if it asks again.
        assert_eq!(one.lacks(&[BASE, 2]).await, [vec![], vec![BASE, 2], vec![]]);
        assert_eq!(two.lacks(&[BASE, 3]).await, [vec![], vec![], vec![BASE]], "it waits, and holds nothing");
        let at_once = Wanted { lacks: vec![named(BASE), named(3)], at_once: true, ..Wanted::default() };
        assert_eq!(told(two.offer(at_once).await), [vec![], vec![3], vec![BASE]]);
        assert_eq!(number(&hub, "gabion_layers_being_read").await, 3);

        let (packed, digest) = facts(3 << 20);
        one.give(named(BASE), &[&packed[..1000], &packed[1000..]], &digest).await;
        assert_eq!(one.whole(named(BASE)).await.as_ref(), Some(&packed));
        assert_eq!(two.lacks(&[BASE, 3]).await, [vec![BASE], vec![3], vec![]]);
        assert_eq!(two.whole(named(BASE)).await.as_ref(), Some(&packed));
        // Whoever has it need not be told of it; what it has and nobody else is wanted of it.
        let has = Wanted { lacks: vec![], has: vec![named(BASE), named(4)], ..Wanted::default() };
        assert_eq!(told(two.offer(has).await), [vec![], vec![4], vec![]]);

        one.report([2, 0, 0]).await;
        two.report([1, 1, 1]).await;
        until("the reports", async || {
            (number(&hub, "gabion_layers_scanned{read=\"elsewhere\"}").await == 1).then_some(())
        })
        .await;
        assert_eq!(number(&hub, "gabion_layers_scanned{read=\"now\"}").await, 3);
        assert_eq!(number(&hub, "gabion_layers_scanned{read=\"earlier\"}").await, 1);
        assert_eq!(number(&hub, "gabion_layer_facts{way=\"from_nodes\"}").await, 1);
        assert_eq!(number(&hub, "gabion_layer_facts_bytes{way=\"from_nodes\"}").await, packed.len() as u64);
        assert_eq!(number(&hub, "gabion_layer_facts{way=\"to_nodes\"}").await, 2);
        assert_eq!(number(&hub, "gabion_layer_waits").await, 1);
        drop((one, two));
        hub.stop().await;

        // It is there after a restart, too; leases are not.
        let hub = Hub::start_present(directory.path()).await;
        let mut three = Scanning::start(&hub, "three").await;
        assert_eq!(three.lacks(&[BASE, 2]).await, [vec![BASE], vec![2], vec![]]);
        assert_eq!(three.whole(named(BASE)).await.as_ref(), Some(&packed));
        hub.stop().await;
    });
}

#[test]
fn what_a_lost_session_was_to_read_is_free() {
    with_present(async |hub| {
        let (mut one, mut two) = (Scanning::start(hub, "one").await, Scanning::start(hub, "two").await);
        assert_eq!(one.lacks(&[BASE]).await[1], [BASE]);
        assert_eq!(two.lacks(&[BASE]).await[2], [BASE]);
        let Scanning { node, session, .. } = one;
        drop(session);
        until("the lease to end", async || (two.lacks(&[BASE]).await[1] == [BASE]).then_some(())).await;
        // What comes late, by a session that was not told to, is not taken.
        let mut one = Scanning::again(hub, node, "one").await;
        let (packed, digest) = facts(100);
        one.give(named(BASE), &[&packed], &digest).await;
        assert_eq!(one.whole(named(BASE)).await, None);
        two.give(named(BASE), &[&packed], &digest).await;
        assert_eq!(two.whole(named(BASE)).await, Some(packed));
    });
}

#[test]
fn what_is_damaged_or_too_much_is_refused_and_the_layer_is_free() {
    with_present(async |hub| {
        let (mut one, mut two) = (Scanning::start(hub, "one").await, Scanning::start(hub, "two").await);
        let (packed, digest) = facts(100);
        let of = |bytes: &[u8]| Sha256::digest(bytes).to_vec();
        let mut long = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
        std::io::copy(&mut std::io::repeat(0).take(MAX_FACTS + 1), &mut long).expect("compresses");
        let long = long.finish().expect("compresses");
        let half = vec![0; MAX_PACKED / 3];
        let wrong: [(&[&[u8]], Vec<u8>); 6] = [
            (&[&packed], of(b"something else")),
            (&[&packed], Vec::new()),
            // The same part twice.
            (&[&packed[..50], &packed[..50], &packed[50..]], digest.clone()),
            (&[b"no zstd"], of(b"no zstd")),
            (&[&long], of(&long)),
            (&[&half, &half, &half, b"..."], Vec::new()),
        ];
        for (at, (parts, digest)) in wrong.iter().enumerate() {
            assert_eq!(one.lacks(&[BASE]).await[1], [BASE], "{at}");
            one.give(named(BASE), parts, digest).await;
            assert_eq!(one.whole(named(BASE)).await, None, "{at}");
            assert_eq!(two.lacks(&[BASE]).await[1], [BASE], "{at}: it is free");
            let failed = Facts { layer: Some(named(BASE)), failed: "no".to_owned(), ..Facts::default() };
            assert!(two.session.say(Message::Facts(failed)).await);
            assert_eq!(two.whole(named(BASE)).await, None);
        }
        assert_eq!(number(hub, "gabion_layer_facts_refused").await, wrong.len() as u64);
        assert!(hub.notes().contains("is not kept: it has changed on the way"), "{}", hub.notes());

        // It goes on as if nothing had been; what is there is not replaced.
        assert_eq!(one.lacks(&[BASE]).await[1], [BASE]);
        one.give(named(BASE), &[&packed], &digest).await;
        let (other, of_other) = facts(200);
        one.give(named(BASE), &[&other], &of_other).await;
        assert_eq!(one.whole(named(BASE)).await, Some(packed));

        // Nobody waits for what cannot be shared.
        assert_eq!(one.lacks(&[5]).await[1], [5]);
        let large =
            Facts { layer: Some(named(5)), failed: "long".to_owned(), large: true, ..Facts::default() };
        assert!(one.session.say(Message::Facts(large)).await);
        assert_eq!(one.lacks(&[5]).await, NOTHING);
        assert_eq!(two.lacks(&[5]).await, NOTHING);
    });
}

#[test]
fn only_what_a_node_is_to_scan_is_shared_and_only_by_its_key() {
    with_present(async |hub| {
        let mut one = Scanning::start(hub, "one").await;
        let (packed, digest) = facts(100);
        // What it was not told to read.
        one.give(named(BASE), &[&packed], &digest).await;
        assert_eq!(one.whole(named(BASE)).await, None);
        assert!(
            !one.fetch(Layer { key: b"../../hub.db".to_vec(), stamp: Vec::new() }, 0).await.failed.is_empty()
        );
        // An image that it was not asked for; too many layers; what is no key.
        let image = std::mem::replace(&mut one.image, "sha256:another".to_owned());
        assert_eq!(one.lacks(&[BASE]).await, NOTHING);
        one.image = image;
        let many = (0..513u32).map(|at| {
            let mut layer = named(9);
            layer.key[..4].copy_from_slice(&at.to_le_bytes());
            layer
        });
        let many = Wanted { lacks: many.collect(), ..Wanted::default() };
        assert_eq!(told(one.offer(many).await), NOTHING);
        let short = Layer { key: vec![1], stamp: Vec::new() };
        let short = Wanted { lacks: vec![short, named(BASE)], ..Wanted::default() };
        assert_eq!(told(one.offer(short).await), [vec![], vec![BASE], vec![]]);
        assert!(one.fetch(named(BASE), u64::MAX).await.last.then_some(()).is_none());
    });
}

#[test]
fn what_a_stored_layer_inflates_to_goes_along_only_if_it_was_seen() {
    with_present(async |hub| {
        let (mut one, mut two) = (Scanning::start(hub, "one").await, Scanning::start(hub, "two").await);
        let (packed, digest) = facts(100);
        assert_eq!(one.lacks(&[BASE, 2]).await[1], [BASE, 2]);
        one.give(stamped(BASE, 7), &[&packed], &digest).await;
        one.give(named(2), &[&packed], &digest).await;
        assert!(one.whole(named(2)).await.is_some());
        let wants = |layer: Layer| Wanted { lacks: vec![layer], ..Wanted::default() };
        let offer = two.offer(wants(stamped(BASE, 7))).await;
        assert_eq!(offer.here, [stamped(BASE, 7)]);
        // Stored in another way, or by somebody who has not seen it: it has to be read, and is no help to anybody.
        for layer in [stamped(BASE, 8), stamped(2, 7)] {
            assert_eq!(told(two.offer(wants(layer)).await), NOTHING);
        }
        // A layer that is not compressed needs none.
        assert_eq!(two.offer(wants(named(BASE))).await.here, [named(BASE)]);
    });
}

#[test]
fn what_the_hub_has_read_itself_comes_first() {
    with_present(async |hub| {
        let (mut one, mut two) = (Scanning::start(hub, "one").await, Scanning::start(hub, "two").await);
        let (packed, digest) = facts(100);
        assert_eq!(one.lacks(&[BASE]).await[1], [BASE]);
        one.give(stamped(BASE, 7), &[&packed], &digest).await;
        assert_eq!(one.whole(stamped(BASE, 7)).await, Some(packed));
        // As a scan of an image of a registry keeps it.
        let cache = Cache::new(hub.directory().join("registries/cache"));
        cache.create().expect("creates");
        let mut entry = cache.begin(Kind::Layer, key(BASE)).expect("begins");
        entry.write_all(b"read by the hub").expect("writes");
        entry.finish().expect("finishes");
        let inflated = |packed: Option<Vec<u8>>| {
            let mut facts = Vec::new();
            gabion_image::shared::unpack(&packed.expect("is there"), &mut facts).expect("unpacks");
            facts
        };
        assert_eq!(two.lacks(&[BASE]).await[0], [BASE]);
        assert_eq!(inflated(two.whole(named(BASE)).await), b"read by the hub");
        // It has not seen what the stored layer inflates to.
        let wants = || Wanted { lacks: vec![stamped(BASE, 7)], ..Wanted::default() };
        assert_eq!(told(two.offer(wants()).await), NOTHING);
        cache.begin(Kind::Stamp, Digest::sha256([7; 32])).and_then(Pending::finish).expect("is seen");
        assert_eq!(two.offer(wants()).await.here, [stamped(BASE, 7)]);
        assert_eq!(inflated(two.whole(stamped(BASE, 7)).await), b"read by the hub");
    });
}

#[test]
fn what_a_removed_node_has_given_is_removed_too() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |layer: u8| directory.path().join("registries/cache/layers/given").join(key(layer).hex());
    runtime().block_on(async {
        let hub = Hub::start_present(directory.path()).await;
        let (mut one, mut two) = (Scanning::start(&hub, "one").await, Scanning::start(&hub, "two").await);
        let (packed, digest) = facts(100);
        for (scanning, layer) in [(&mut one, BASE), (&mut two, 2)] {
            assert_eq!(scanning.lacks(&[layer]).await[1], [layer]);
            scanning.give(named(layer), &[&packed], &digest).await;
            assert!(scanning.whole(named(layer)).await.is_some());
        }
        assert!(file(BASE).exists() && file(2).exists());
        let path = format!("/api/v1/nodes/{}", one.node.id);
        let removed = hub.by(&hub.token, Method::DELETE, &path).send().await.expect("answers");
        assert_eq!(removed.status(), StatusCode::NO_CONTENT);
        assert_eq!(two.lacks(&[BASE, 2]).await, [vec![2], vec![BASE], vec![]], "at once");
        until("the file to go", async || (!file(BASE).exists()).then_some(())).await;
        assert!(file(2).exists());
        hub.stop().await;
    });
}
