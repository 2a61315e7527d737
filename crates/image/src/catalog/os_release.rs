//! Not written yet.

use super::{Candidate, Cataloger, Want};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::Aspect;

/// Not written yet.
#[derive(Debug)]
pub struct OsReleaseCataloger;

impl Cataloger for OsReleaseCataloger {
    fn name(&self) -> &'static str {
        "os-release"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("os")
    }

    fn want(&self, _file: &Candidate<'_>) -> Want {
        Want::No
    }

    fn read(&self, _file: &Candidate<'_>, _content: &Content<'_>, _out: &mut Facts) -> Result<(), ReadError> {
        Ok(())
    }
}
