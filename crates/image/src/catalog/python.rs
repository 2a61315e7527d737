//! Not written yet.

use super::{Candidate, Cataloger, Want};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::Aspect;

/// Not written yet.
#[derive(Debug)]
pub struct PythonMetadata;

impl Cataloger for PythonMetadata {
    fn name(&self) -> &'static str {
        "python"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.pypi")
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
pub struct PythonRecord;

impl Cataloger for PythonRecord {
    fn name(&self) -> &'static str {
        "python-record"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.pypi")
    }

    fn want(&self, _file: &Candidate<'_>) -> Want {
        Want::No
    }

    fn read(&self, _file: &Candidate<'_>, _content: &Content<'_>, _out: &mut Facts) -> Result<(), ReadError> {
        Ok(())
    }
}
