//! Compiles the programs of the sensor, of enforcement and of isolation, which the crate carries as one object each.
//!
//! Any clang from 14 on will do; `CLANG` names another. The headers of libbpf are those that libbpf-sys brings.

#![allow(clippy::print_stdout, reason = "this is how a build script talks to cargo")]

use std::{env, ffi::OsString, path::Path, process::Command};

const COMPILERS: [&str; 7] =
    ["clang", "clang-16", "clang-19", "clang-18", "clang-17", "clang-15", "clang-14"];

fn main() -> Result<(), String> {
    let variable = |name: &str| env::var_os(name).unwrap_or_default();
    let directory = Path::new(&variable("CARGO_MANIFEST_DIR")).join("bpf");
    println!("cargo:rerun-if-changed={}", directory.display());
    println!("cargo:rerun-if-env-changed=CLANG");
    let registers = match env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("x86_64") => "-D__TARGET_ARCH_x86",
        Ok("aarch64") => "-D__TARGET_ARCH_arm64",
        other => {
            return Err(format!("the sensor knows the registers of x86_64 and aarch64, not of {other:?}"));
        }
    };
    let clang = compiler().ok_or(
        "the programs of the sensor need clang from 14 on: install clang-16 (scripts/install.sh build does), or name one in CLANG",
    )?;
    for object in ["sensor", "enforce", "isolate"] {
        let status = Command::new(&clang)
            .args([
                "-g",
                "-O2",
                "-target",
                "bpf",
                "-mcpu=v3",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-Wno-unused-parameter",
            ])
            // No path of this machine in what is built.
            .arg(format!("-ffile-prefix-map={}=bpf", directory.display()))
            .args([registers, "-I"])
            .arg(variable("DEP_BPF_INCLUDE"))
            .arg("-c")
            .arg(directory.join(format!("{object}.bpf.c")))
            .arg("-o")
            .arg(Path::new(&variable("OUT_DIR")).join(format!("{object}.bpf.o")))
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => {
                return Err(format!("{} could not compile {object}.bpf.c: {status}", clang.display()));
            }
            Err(error) => return Err(format!("{} could not be started: {error}", clang.display())),
        }
    }
    Ok(())
}

/// The first compiler that can make BPF.
fn compiler() -> Option<OsString> {
    let named = env::var_os("CLANG").into_iter();
    named.chain(COMPILERS.map(OsString::from)).find(|name| {
        let answer = Command::new(name).arg("--print-targets").output();
        answer.is_ok_and(|answer| String::from_utf8_lossy(&answer.stdout).contains("bpf"))
    })
}
