//! What crosses from the worker, or from the cache, to the parent.

use gabion_image::{
    assemble::{Input, assemble},
    catalog::{ALL, Scope},
    layer::LayerFacts,
    manifest::Config,
    worker::{Message, receive},
};
use gabion_model::{Digest, FileIndex};

/// An index: whatever its numbers say, walking it ends.
pub fn file_index(data: &[u8]) {
    let Ok(index) = postcard::from_bytes::<FileIndex>(data) else {
        return;
    };
    let mut tree = FileIndex::default();
    for layer in 0..2 {
        tree.apply(&index, layer);
    }
    for tree in [&index, &tree] {
        for id in tree.ids() {
            let path = tree.path(id);
            let found = (tree.find(&path), tree.locate(&path), tree.resolve(&path));
            std::hint::black_box((found, tree.link(id), tree.digest(id), tree.capabilities(id)));
            assert!(tree.children(id).count() <= tree.len());
        }
        assert!(tree.children(FileIndex::ROOT).count() <= tree.len());
    }
    let kept = postcard::to_allocvec(&tree).expect("can be kept");
    let back: FileIndex = postcard::from_bytes(&kept).expect("and read again");
    assert_eq!(tree.len(), back.len());
}

/// What somebody else says of a layer, as the lowest of an image and above itself.
pub fn facts(data: &[u8]) {
    let layers: Vec<LayerFacts> = (0..2).filter_map(|_| LayerFacts::decode(data)).collect();
    let config = Config { diff_ids: vec![Digest::sha256([0; 32]); layers.len()], ..Config::default() };
    let digests = vec![None; layers.len()];
    let input = Input {
        config: Some(&config),
        digests: &digests,
        tags: &[],
        scope: Scope::Image,
        secrets: true,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    std::hint::black_box(assemble(layers, &input, ALL));
}

/// The worker's messages.
pub fn frames(mut data: &[u8]) {
    while let Ok(Some(message)) = receive(&mut data) {
        if let Message::Index = message {
            file_index(data);
        }
    }
}
