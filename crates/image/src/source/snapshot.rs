//! Layers that are unpacked on this machine already: the directories under an overlay mount.
//!
//! A snapshotter keeps each layer in a directory, and tells where when asked how to mount them on top of
//! each other (`lowerdir=/top:/middle:/bottom`). Reading those directories saves all the inflating.

use gabion_api::containerd::types::Mount;
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// The directories of a mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stack {
    /// One for each layer, lowest first.
    pub(super) layers: Vec<PathBuf>,
    /// The writable one on top, of a container.
    pub(super) upper: Option<PathBuf>,
}

impl Stack {
    /// Reads the answer of a snapshotter; `None` if it is not of overlay's kind.
    pub(super) fn of(mounts: &[Mount]) -> Option<Self> {
        let [mount] = mounts else {
            return None;
        };
        let option =
            |name: &str| mount.options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
        match mount.r#type.as_str() {
            "overlay" => Some(Self {
                layers: lower_dirs(option("lowerdir")?),
                upper: option("upperdir").map(PathBuf::from),
            }),
            // A single layer needs no overlay; and without any layer there is only the writable one.
            "bind" if mount.options.iter().any(|option| option == "ro") => {
                Some(Self { layers: vec![PathBuf::from(&mount.source)], upper: None })
            }
            "bind" => Some(Self { layers: Vec::new(), upper: Some(PathBuf::from(&mount.source)) }),
            _ => None,
        }
    }
}

/// The directories of `lowerdir=`, which lists the top one first, turned round. A colon within a name is
/// escaped by a backslash.
pub(super) fn lower_dirs(option: &str) -> Vec<PathBuf> {
    let mut directories = vec![String::new()];
    let mut characters = option.chars();
    while let Some(c) = characters.next() {
        match (c, directories.last_mut()) {
            (':', _) => directories.push(String::new()),
            ('\\', Some(last)) => last.extend(characters.next()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    directories.into_iter().filter(|directory| !directory.is_empty()).map(PathBuf::from).rev().collect()
}

/// The name of a stack of layers (OCI image specification, "Layer ChainID"): the digest of its only layer,
/// or of the name of the stack below, a space, and the digest of its top layer.
pub(super) fn chain_id(diff_ids: &[Digest]) -> Option<Digest> {
    chain_ids(diff_ids).last()
}

/// The names of the stacks that end with each of the layers, lowest first.
pub(crate) fn chain_ids(diff_ids: &[Digest]) -> impl Iterator<Item = Digest> {
    diff_ids.iter().scan(None, |below, layer| {
        let chain = below.map_or(*layer, |chain: Digest| {
            Digest::sha256(Sha256::digest(format!("{chain} {layer}")).into())
        });
        *below = Some(chain);
        Some(chain)
    })
}

/// Whether this process may list the directory.
pub(super) fn readable(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(kind: &str, options: &[&str]) -> Vec<Mount> {
        vec![Mount {
            r#type: kind.to_owned(),
            source: "/s/1/fs".to_owned(),
            options: options.iter().map(|o| (*o).to_owned()).collect(),
        }]
    }

    #[test]
    fn layers_are_lowest_first() {
        let paths = |texts: &[&str]| texts.iter().map(PathBuf::from).collect::<Vec<_>>();
        let view =
            Stack::of(&mount("overlay", &["index=off", r"lowerdir=/s/3:/s/a\:b:/s/1"])).expect("overlay");
        assert_eq!(view.layers, paths(&["/s/1", "/s/a:b", "/s/3"]));
        assert_eq!(view.upper, None);
        let active =
            Stack::of(&mount("overlay", &["workdir=/w", "upperdir=/u", "lowerdir=/s/1"])).expect("active");
        assert_eq!((active.layers, active.upper), (paths(&["/s/1"]), Some("/u".into())));
        assert_eq!(Stack::of(&mount("bind", &["ro", "rbind"])).expect("one").layers, paths(&["/s/1/fs"]));
        assert_eq!(Stack::of(&mount("bind", &["rw", "rbind"])).expect("none").layers, paths(&[]));
        assert_eq!(Stack::of(&mount("btrfs", &["subvol=1"])), None);
        assert_eq!(Stack::of(&[]), None);
    }

    #[test]
    fn a_chain_is_named_as_the_specification_says() {
        let digest = |byte: u8| Digest::sha256([byte; 32]);
        assert_eq!(chain_id(&[]), None);
        assert_eq!(chain_id(&[digest(1)]), Some(digest(1)));
        let two = Digest::sha256(Sha256::digest(format!("{} {}", digest(1), digest(2))).into());
        assert_eq!(chain_id(&[digest(1), digest(2)]), Some(two));
        let three = Digest::sha256(Sha256::digest(format!("{two} {}", digest(3))).into());
        assert_eq!(chain_id(&[digest(1), digest(2), digest(3)]), Some(three));
    }
}
