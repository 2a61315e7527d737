//! Images made at test time from distribution packages and registries.

use super::yardstick;
use crate::support::{cached, run};
use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

/// What [`debian`] needs.
pub(super) const DEBIAN_TOOLS: [&str; 6] = ["mmdebstrap", "umoci", "skopeo", "npm", "mvn", "tar"];

/// What [`go`] needs.
pub(super) const GO_TOOLS: [&str; 3] = ["go", "umoci", "skopeo"];

/// The jars of the application.
const JARS: [(&str, &str, &str); 5] = [
    ("com.google.guava", "guava", "32.1.3-jre"),
    ("org.apache.logging.log4j", "log4j-core", "2.17.1"),
    // Shaded: others' packages are inside.
    ("io.grpc", "grpc-netty-shaded", "1.59.0"),
    // No pom.xml inside; the manifest is all there is.
    ("org.springframework.boot", "spring-boot-loader", "3.2.0"),
    ("commons-codec", "commons-codec", "1.15"),
];

/// A Debian 12 with Python and Node, and an application of npm, PyPI and Maven packages: `image.tar` (docker archive),
/// `oci` (layout, tag `v1`) and `root` (unpacked).
pub(super) fn debian() -> PathBuf {
    cached("debian-1", |work| {
        let (base, app) = (work.join("base.tar"), work.join("app"));
        run(Command::new("mmdebstrap")
            .args(["--quiet", "--variant=minbase"])
            .arg("--include=ca-certificates,netbase,nodejs,python3,python3-six,python3-yaml,tzdata")
            .arg("bookworm")
            .arg(&base));
        application(&app);
        let layer = work.join("app.tar");
        run(Command::new("tar").arg("-cf").arg(&layer).arg("-C").arg(&app).arg("."));
        let root = work.join("root");
        fs::create_dir(&root).expect("a directory");
        for layer in [&base, &layer] {
            run(Command::new("tar").arg("-xf").arg(layer).arg("-C").arg(&root));
        }
        image(work, &[&base, &layer]);
        for file in [&base, &layer] {
            fs::remove_file(file).expect("removed");
        }
        fs::remove_dir_all(&app).expect("removed");
    })
}

/// Packages of three registries, where their package managers put them.
fn application(app: &Path) {
    let site = app.join("usr/local/lib/python3.11/dist-packages");
    run(Command::new(yardstick("pip"))
        .args([
            "install",
            "--quiet",
            "--no-compile",
            "--disable-pip-version-check",
            "--root-user-action=ignore",
        ])
        .args(["flask==3.0.0", "requests==2.31.0", "zope.event==5.0", "--target"])
        .arg(&site));

    let server = app.join("srv/app");
    fs::create_dir_all(&server).expect("a directory");
    let package = r#"{"name":"server","version":"1.2.3","private":true}"#;
    fs::write(server.join("package.json"), package).expect("written");
    run(Command::new("npm")
        .args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"])
        .args(["express@4.19.2", "@babel/core@7.23.0", "resolve@1.22.8"])
        .current_dir(&server));

    let jars = app.join("srv/lib");
    fs::create_dir_all(&jars).expect("a directory");
    let mut dependencies = String::new();
    for (group, artifact, version) in JARS {
        let _ = write!(
            dependencies,
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>\
             <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"
        );
    }
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>example</groupId><artifactId>app</artifactId>\
         <version>1</version><dependencies>{dependencies}</dependencies></project>"
    );
    let file = app.join("pom.xml");
    fs::write(&file, pom).expect("written");
    run(Command::new("mvn")
        .args(["--quiet", "--batch-mode", "dependency:copy-dependencies", "--file"])
        .arg(&file)
        .arg(format!("-DoutputDirectory={}", jars.display())));
    fs::remove_file(&file).expect("removed");
    executable_jar(&jars);
}

/// What Spring Boot's Maven plug-in makes: the loader's classes, and jars stored inside.
fn executable_jar(jars: &Path) {
    const MAKE: &str = "\
import os, sys, zipfile
jars = sys.argv[1]
manifest = '''Manifest-Version: 1.0\r
Implementation-Title: shop\r
Implementation-Version: 0.9.1\r
Main-Class: org.springframework.boot.loader.launch.JarLauncher\r
Start-Class: com.example.shop.Shop\r
Spring-Boot-Version: 3.2.0\r
Spring-Boot-Classes: BOOT-INF/classes/\r
Spring-Boot-Lib: BOOT-INF/lib/\r
\r
'''
with zipfile.ZipFile(os.path.join(jars, 'shop-0.9.1.jar'), 'w') as jar:
    jar.writestr('META-INF/MANIFEST.MF', manifest)
    with zipfile.ZipFile(os.path.join(jars, 'spring-boot-loader-3.2.0.jar')) as loader:
        for name in loader.namelist():
            if name.endswith('.class'):
                jar.writestr(name, loader.read(name))
    codec = os.path.join(jars, 'commons-codec-1.15.jar')
    jar.write(codec, 'BOOT-INF/lib/commons-codec-1.15.jar')
    os.remove(codec)
";
    run(Command::new("python3").args(["-c", MAKE]).arg(jars));
}

/// Five packages as a distroless image has them: their files, a record each in `status.d`, and no package manager.
pub(super) fn distroless(to: &Path) {
    let debian = debian().join("root");
    let records = to.join("var/lib/dpkg/status.d");
    fs::create_dir_all(&records).expect("a directory");
    for link in ["bin", "lib", "lib64", "sbin"] {
        fs::create_dir_all(to.join("usr").join(link)).expect("a directory");
        symlink(format!("usr/{link}"), to.join(link)).expect("a link");
    }
    let info = debian.join("var/lib/dpkg/info");
    let status = fs::read_to_string(debian.join("var/lib/dpkg/status")).expect("a status");
    for name in ["base-files", "ca-certificates", "libc6", "netbase", "tzdata"] {
        let header = format!("Package: {name}\n");
        let record = status.split("\n\n").find(|record| record.starts_with(&header));
        let record = record.expect("is installed").replace("Status: install ok installed\n", "");
        fs::write(records.join(name), record + "\n").expect("written");
        let of = |kind: &str| {
            let file = |name: &str| info.join(format!("{name}.{kind}"));
            fs::read(file(name)).or_else(|_| fs::read(file(&format!("{name}:amd64"))))
        };
        let sums = of("md5sums").expect("has sums");
        fs::write(records.join(format!("{name}.md5sums")), sums).expect("written");
        let files = String::from_utf8(of("list").expect("has files")).expect("text");
        for file in files.lines().map(|file| file.trim_start_matches('/')) {
            let from = debian.join(file);
            if from.is_file() && !from.is_symlink() {
                let to = to.join(file);
                fs::create_dir_all(to.parent().expect("has one")).expect("a directory");
                fs::copy(from, to).expect("copied");
            }
        }
    }
    // The one link that matters: it tells the distribution.
    fs::create_dir_all(to.join("etc")).expect("a directory");
    symlink("../usr/lib/os-release", to.join("etc/os-release")).expect("a link");
}

/// An image with nothing but a Go program of two modules and the standard library: `image.tar`.
pub(super) fn go() -> PathBuf {
    const MODULE: &str = "module example.com/compare\n\ngo 1.19\n\n\
        require (\n\tgithub.com/google/uuid v1.6.0\n\tgolang.org/x/text v0.14.0\n)\n";
    const SUMS: &str = "\
github.com/google/uuid v1.6.0 h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=
github.com/google/uuid v1.6.0/go.mod h1:TIyPZe4MgqvfeYDBFedMoGGpEw/LqOeaOT+nhxU+yHo=
golang.org/x/text v0.14.0 h1:ScX5w1eTa3QqT8oi6+ziP7dTV1S2+ALU0bI+0zXKWiQ=
golang.org/x/text v0.14.0/go.mod h1:18ZOQIKpY8NJVqYksKHtTdi31H5itFRjB5/qKTNYzSU=
";
    const PROGRAM: &str = "\
package main

import (
	\"fmt\"

	\"github.com/google/uuid\"
	\"golang.org/x/text/cases\"
	\"golang.org/x/text/language\"
)

var version = \"unknown\"

func main() {
	fmt.Println(cases.Title(language.English).String(version), uuid.Nil)
}
";
    cached("go-1", |work| {
        let source = work.join("source");
        fs::create_dir(&source).expect("a directory");
        for (name, text) in [("go.mod", MODULE), ("go.sum", SUMS), ("main.go", PROGRAM)] {
            fs::write(source.join(name), text).expect("written");
        }
        let root = work.join("root");
        fs::create_dir(&root).expect("a directory");
        run(Command::new("go")
            .args(["build", "-buildvcs=false", "-ldflags=-s -w -X main.version=v4.5.6", "-o"])
            .arg(root.join("app"))
            .arg(".")
            .current_dir(&source)
            .env("CGO_ENABLED", "0"));
        let layer = work.join("app.tar");
        run(Command::new("tar").arg("-cf").arg(&layer).arg("-C").arg(&root).arg("app"));
        image(work, &[&layer]);
    })
}

/// An image of these layers: the layout `oci` with tag `v1`, and `image.tar`, a docker archive of it.
pub(super) fn image(at: &Path, layers: &[&PathBuf]) {
    let umoci = |arguments: &[&str]| run(Command::new("umoci").args(arguments).current_dir(at));
    umoci(&["init", "--layout", "oci"]);
    umoci(&["new", "--image", "oci:v1"]);
    for layer in layers {
        umoci(&["raw", "add-layer", "--image", "oci:v1", layer.to_str().expect("text")]);
    }
    run(Command::new("skopeo")
        .args(["copy", "--quiet", "--insecure-policy"])
        .arg(format!("oci:{}:v1", at.join("oci").display()))
        .arg(format!("docker-archive:{}:compare:v1", at.join("image.tar").display())));
}
