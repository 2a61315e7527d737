//! Go programs: the modules they were built from, and the functions that are in them.
//!
//! Every Go program since 1.13 carries what `go version -m` prints, and the table of its functions; neither
//! goes away when it is stripped.
//!
//! ```text
//!  .go.buildinfo ─► build_info ─► module text ─► modules   packages: stdlib, main module, dependencies
//!  .gopclntab ───► functions ─► names ─► symbols            evidence that a function is there at all
//! ```
//!
//! A program is told from any other by its section names alone, so that the other programs of an image
//! cost three small reads each.

mod build_info;
mod functions;
mod modules;
mod symbols;
mod version_flags;

use super::{Candidate, Cataloger, Want, elf::Elf};
use crate::{
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::Aspect;

/// Go programs in ELF files.
#[derive(Debug)]
pub struct GoBinary;

impl Cataloger for GoBinary {
    fn name(&self) -> &'static str {
        "go-binary"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.golang")
    }

    fn revision(&self) -> u32 {
        2
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.is_program() { Want::Elf } else { Want::No }
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let Some(elf) = Elf::open(content)? else {
            return Ok(());
        };
        let Some(info) = build_info::find(content, &elf)? else {
            return Ok(());
        };
        let text = modules::parse(&info.modules);
        for package in modules::packages(&info.go, &text, self.name()) {
            out.package(package, Vec::new());
        }
        match functions::names(content, &elf)? {
            functions::Names::Told(names) => out.push(Fact::Functions(symbols::of(&names, &text))),
            functions::Names::TooMany => out.push(Fact::Skipped {
                aspect: self.aspect(),
                reason: "it has more functions than names are kept of".to_owned(),
            }),
            functions::Names::Absent => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
