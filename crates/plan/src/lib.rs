//! plan
#![forbid(unsafe_code)]
pub mod optimum;
