//! The forest of shared layers: a radix tree over the diffIDs of all images.
//!
//! ```text
//!   a:  1 2 3               1 2 ─┬─ 3          a
//!   b:  1 2 4 5      ──►         └─ 4 5 ─┬─    b
//!   c:  1 2 4 5 6                        └─ 6  c
//! ```
//!
//! A span is a maximal run of layers without a branch and without an end of an image inside. Equal diffIDs after
//! equal diffIDs are the same bytes in the same place, so no annotation is needed to know that one image
//! is built on another; annotations only give names, and tell when a base was rebuilt since.

use gabion_model::Layer;
use std::cmp::Reverse;

/// Layers `first..end` of the images that end here or below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) parent: Option<usize>,
    pub(crate) first: usize,
    pub(crate) end: usize,
    /// Images that end here, ascending.
    pub(crate) images: Vec<usize>,
    /// The first image that ends here or below.
    pub(crate) sample: usize,
    /// How many images end here or below.
    pub(crate) below: usize,
}

/// Builds the forest, parents before children; widest first, then in the order of the images. An image without layers
/// is a root of its own.
pub(crate) fn grow(images: &[&[Layer]]) -> Vec<Span> {
    let mut order: Vec<usize> = (0..images.len()).collect();
    let ids = |image: usize| images[image].iter().map(|layer| &layer.diff_id);
    order.sort_by(|&a, &b| ids(a).cmp(ids(b)).then(a.cmp(&b)));

    let mut spans: Vec<Span> = Vec::new();
    // The spans from the root to the image before.
    let mut open: Vec<usize> = Vec::new();
    let mut before: &[Layer] = &[];
    for image in order {
        let layers = images[image];
        if layers.is_empty() {
            spans.push(Span { images: vec![image], ..Span::default() });
            continue;
        }
        let shared = shared(before, layers);
        while open.last().is_some_and(|&top| spans[top].first >= shared) {
            open.pop();
        }
        if let Some(&top) = open.last()
            && spans[top].end > shared
        {
            // The image before goes on where this one branches off: what they share becomes a span of its own.
            let upper = Span { end: shared, images: Vec::new(), ..spans[top].clone() };
            spans.push(upper);
            let upper = spans.len() - 1;
            (spans[top].parent, spans[top].first) = (Some(upper), shared);
            open.pop();
            open.push(upper);
        }
        if layers.len() > shared {
            let parent = open.last().copied();
            spans.push(Span { parent, first: shared, end: layers.len(), ..Span::default() });
            open.push(spans.len() - 1);
        }
        if let Some(&top) = open.last() {
            spans[top].images.push(image);
        }
        before = layers;
    }
    in_order(spans, images.len())
}

fn shared(a: &[Layer], b: &[Layer]) -> usize {
    let same: fn(&(&Layer, &Layer)) -> bool = |(a, b)| a.diff_id == b.diff_id;
    a.iter().zip(b).take_while(same).count()
}

/// Numbers the spans in preorder, without recursion: a hostile set of images can be as deep as it is large.
fn in_order(mut spans: Vec<Span>, images: usize) -> Vec<Span> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut roots = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        span.parent.map_or(&mut roots, |parent| &mut children[parent]).push(at);
    }
    let mut order = Vec::with_capacity(spans.len());
    let mut todo = roots.clone();
    while let Some(at) = todo.pop() {
        order.push(at);
        todo.extend(&children[at]);
    }
    for &at in order.iter().rev() {
        let own = spans[at].images.iter().copied().min().unwrap_or(images);
        let samples = children[at].iter().map(|&child| spans[child].sample).chain([own]);
        spans[at].sample = samples.min().unwrap_or(own);
        let below: usize = children[at].iter().map(|&child| spans[child].below).sum();
        spans[at].below = below + spans[at].images.len();
    }

    let by_width = |spans: &[Span], nodes: &mut Vec<usize>| {
        // Popped from the end, so the last comes first.
        nodes.sort_by_key(|&at| (spans[at].below, Reverse(spans[at].sample)));
    };
    by_width(&spans, &mut roots);
    let mut number = vec![0; spans.len()];
    let mut sorted: Vec<Span> = Vec::with_capacity(spans.len());
    let mut todo = roots;
    while let Some(at) = todo.pop() {
        number[at] = sorted.len();
        let mut span = std::mem::take(&mut spans[at]);
        span.parent = span.parent.map(|parent| number[parent]);
        span.images.sort_unstable();
        sorted.push(span);
        let mut next = std::mem::take(&mut children[at]);
        by_width(&spans, &mut next);
        todo.append(&mut next);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_model::Digest;
    use proptest::{collection::vec, prelude::*};

    fn layers(ids: &[u8]) -> Vec<Layer> {
        let layer = |&id| Layer {
            diff_id: Digest::sha256([id; 32]),
            digest: None,
            size: 0,
            content_size: 0,
            entries: 0,
            created_by: None,
            created: None,
        };
        ids.iter().map(layer).collect()
    }

    fn grown(images: &[&[u8]]) -> Vec<Span> {
        let images: Vec<Vec<Layer>> = images.iter().map(|ids| layers(ids)).collect();
        grow(&images.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    #[test]
    fn a_span_ends_where_an_image_ends_or_branches_off() {
        let spans = grown(&[&[1, 2, 3], &[1, 2, 4, 5], &[1, 2, 4, 5, 6], &[1, 2, 4, 5]]);
        let short: Vec<_> =
            spans.iter().map(|s| (s.parent, s.first..s.end, s.images.clone(), s.below)).collect();
        let expected = [
            (None, 0..2, vec![], 4),
            (Some(0), 2..4, vec![1, 3], 3),
            (Some(1), 4..5, vec![2], 1),
            (Some(0), 2..3, vec![0], 1),
        ];
        assert_eq!(short, expected);
    }

    #[test]
    fn the_same_layer_on_another_base_is_another_span() {
        let spans = grown(&[&[1, 9], &[2, 9]]);
        assert!(spans.iter().all(|span| span.parent.is_none()));
    }

    #[test]
    fn an_image_without_layers_is_a_root_of_its_own() {
        let spans = grown(&[&[], &[1], &[]]);
        assert_eq!(spans.iter().map(|s| s.images.clone()).collect::<Vec<_>>(), [vec![0], vec![1], vec![2]]);
        assert!(spans.iter().all(|span| span.parent.is_none() && span.below == 1));
    }

    proptest! {
        #[test]
        fn the_way_to_an_image_spells_its_layers(images in vec(vec(0u8..3, 0..6), 0..12)) {
            let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
            let spans = grown(&images);
            let mut seen = 0;
            for (at, span) in spans.iter().enumerate() {
                prop_assert!(span.parent.is_none_or(|parent| parent < at && spans[parent].end == span.first));
                prop_assert!(span.first < span.end || images[span.sample].is_empty());
                prop_assert_eq!(
                    &images[span.sample][..span.end],
                    &images[span.images.first().copied().unwrap_or(span.sample)][..span.end]
                );
                for &image in &span.images {
                    prop_assert_eq!(images[image].len(), span.end);
                    seen += 1;
                }
                let branches = spans.iter().filter(|s| s.parent == Some(at)).count();
                prop_assert!(!span.images.is_empty() || branches > 1, "no boundary without a reason");
            }
            prop_assert_eq!(seen, images.len());
        }
    }
}
