//! The rule language: that of Falco, whose rule files are read as they are.

pub mod condition;
