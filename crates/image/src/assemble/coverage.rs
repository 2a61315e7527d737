//! What was looked at, and what could not be.

use super::{Input, Told, Visible};
use crate::{
    catalog::{Cataloger, Scope, lock},
    facts::Fact,
};
use gabion_model::{Aspect, Coverage, FileIndex, OsRelease, Reason, Status, path::display};

pub(super) fn coverage(
    input: &Input<'_>,
    told: &[Told],
    catalogers: &[&dyn Cataloger],
    visible: &[Visible<'_>],
    tree: &FileIndex,
    os: Option<&OsRelease>,
) -> Coverage {
    let mut coverage = Coverage::default();
    coverage.full(Aspect::FILES);
    coverage.full(Aspect::SECRETS);
    match input.scope {
        Scope::Image => {
            let aspects = catalogers.iter().map(|cataloger| cataloger.aspect());
            aspects.filter(|aspect| *aspect != lock::ASPECT).for_each(|aspect| coverage.full(aspect));
        }
        Scope::SourceTree => {
            for name in lock::ECOSYSTEMS {
                coverage.full(Aspect::named(name));
            }
            for aspect in [Aspect::OS, Aspect::PACKAGES_OS, Aspect::CONFIG, Aspect::PACKAGES_BINARY] {
                coverage.set(aspect, Status::NotEvaluated { reason: "the target is a source tree".into() });
            }
        }
    }
    for layer in told {
        for (aspect, reason) in &layer.gaps {
            coverage.gap(Aspect::new(aspect.clone()), reason.clone());
        }
        for reason in &layer.skipped {
            coverage.skip(Aspect::FILES, reason.clone());
        }
        let binary = layer.stats.binary;
        if binary > 0 {
            coverage.skip(
                Aspect::SECRETS,
                Reason {
                    text: "binary files are not searched for secrets".into(),
                    path: None,
                    count: binary,
                },
            );
        }
    }
    for file in visible {
        for fact in file.facts {
            let at = |reason: &String| Reason::at(display(file.path), reason.clone());
            match fact {
                Fact::Gap { aspect, reason } => coverage.gap(aspect.clone(), at(reason)),
                Fact::Skipped { aspect, reason } => coverage.skip(aspect.clone(), at(reason)),
                _ => {}
            }
        }
    }
    if input.scope == Scope::Image {
        for (place, manager) in UNKNOWN_MANAGERS {
            if tree.resolve(place.as_bytes()).is_some_and(|id| tree.children(id).next().is_some()) {
                let reason = format!("packages of {manager} are not read");
                coverage.gap(Aspect::PACKAGES_OS, Reason::at(*place, reason));
            }
        }
    }
    let records = |fact: &Fact| matches!(fact, Fact::Package { package, .. } if package.kind.is_os());
    if let (Scope::Image, Some(os)) = (input.scope, os)
        && !visible.iter().flat_map(|file| file.facts).any(records)
    {
        let reason = format!("{} without a package database: what is installed is not known", os.name);
        coverage.gap(Aspect::PACKAGES_OS, Reason::at(&*os.path, reason));
    }
    coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
    coverage
}

/// Package managers whose records no cataloger reads.
const UNKNOWN_MANAGERS: &[(&str, &str)] = &[
    ("var/db/pkg", "Portage"),
    ("nix/store", "Nix"),
    ("gnu/store", "Guix"),
    ("var/db/xbps", "XBPS"),
    ("var/lib/pkgtools/packages", "Slackware"),
    ("usr/lib/opkg/info", "opkg"),
    ("var/lib/opkg/info", "opkg"),
    ("var/lib/snapd/snaps", "snap"),
    ("var/lib/flatpak/app", "Flatpak"),
    ("home/linuxbrew/.linuxbrew/Cellar", "Homebrew"),
];
