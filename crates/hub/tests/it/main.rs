//! A whole hub over its ports: what browsers and programs are told, and what they are not.

mod access;
mod hub;
mod lists;
mod opensearch;
mod pages;
mod sinks;
mod oidc;
mod pages;
mod reports;
