//! What crosses from the worker, or from the cache, to the parent.

use gabion_image::worker::{Message, receive};
use gabion_model::FileIndex;

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

/// The worker's messages.
pub fn frames(mut data: &[u8]) {
    while let Ok(Some(message)) = receive(&mut data) {
        if let Message::Index = message {
            file_index(data);
        }
    }
}
