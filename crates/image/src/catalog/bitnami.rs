//! Not written yet.

use super::{Candidate, Cataloger, Want};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::Aspect;

/// Not written yet.
#[derive(Debug)]
pub struct Bitnami;

impl Cataloger for Bitnami {
    fn name(&self) -> &'static str {
        "bitnami"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.bitnami")
    }

    fn want(&self, _file: &Candidate<'_>) -> Want {
        Want::No
    }

    fn read(&self, _file: &Candidate<'_>, _content: &Content<'_>, _out: &mut Facts) -> Result<(), ReadError> {
        Ok(())
    }
}
