//! Not written yet.

use super::{Candidate, Cataloger, Want};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::Aspect;

/// Not written yet.
#[derive(Debug)]
pub struct DpkgStatus;

impl Cataloger for DpkgStatus {
    fn name(&self) -> &'static str {
        "dpkg"
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
pub struct DpkgList;

impl Cataloger for DpkgList {
    fn name(&self) -> &'static str {
        "dpkg-list"
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
pub struct DpkgCopyright;

impl Cataloger for DpkgCopyright {
    fn name(&self) -> &'static str {
        "dpkg-copyright"
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
