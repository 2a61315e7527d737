//! Builds the hub again once there is a console to put into it, or another one.

use std::path::Path;

fn main() {
    let built = "../../console/dist/index.html";
    // What is not there counts as changed each time: then whatever there is beside it is watched.
    let watched = if Path::new(built).exists() { built } else { "../../console" };
    println!("cargo::rerun-if-changed={watched}");
}
