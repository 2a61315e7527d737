//! Not written yet.

use super::{Candidate, Cataloger, Want};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::Aspect;

/// Not written yet.
#[derive(Debug)]
pub struct PacmanDesc;

impl Cataloger for PacmanDesc {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.os")
    }

    fn want(&self, _file: &Candidate<'_>) -> Want {
        Want::No
    }

    fn read(&self, _file: &Candidate<'_>, _content: &Content<'_>, _out: &mut Facts) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Not written yet.
#[derive(Debug)]
pub struct PacmanFiles;

impl Cataloger for PacmanFiles {
    fn name(&self) -> &'static str {
        "pacman-files"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.os")
    }

    fn want(&self, _file: &Candidate<'_>) -> Want {
        Want::No
    }

    fn read(&self, _file: &Candidate<'_>, _content: &Content<'_>, _out: &mut Facts) -> Result<(), ReadError> {
        Ok(())
    }
}
