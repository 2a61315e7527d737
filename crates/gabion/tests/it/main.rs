//! The whole program, run as users run it, against real targets and the tools they know.
//!
//! A test whose tools are missing says so and passes; with `CI=true` it fails.

mod compare;
mod support;
