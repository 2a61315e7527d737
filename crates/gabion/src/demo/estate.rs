//! The images of the demo: a tree of them, so that a base that is fixed can be seen to fix others.
//!
//! ```text
//!   demo/base ──► demo/runtime ──┬─► demo/shop-web    the pages of the shop
//!    curl, libwebp, OpenSSL      ├─► demo/shop-api    its orders
//!                 log4j          └─► demo/payments    root, and a key that nobody should have left there
//! ```
//! Of all there is a tag `1`, whose base has packages with known vulnerabilities, and a tag `2`, in which they are fixed.

use super::{
    image::{Built, Layer, Layout, Recipe, Step},
    jar::jar,
    packages::{Dpkg, INSTALLED, ROOT},
};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// One of the containers, which is called so and runs the image of that name.
pub(super) struct App {
    pub(super) name: &'static str,
    /// Who may do what in it.
    pub(super) user: u32,
    team: &'static str,
    start: &'static str,
}

/// The containers, in the order in which they need each other, the last first.
pub(super) const APPS: [App; 3] = [
    App { name: "payments", user: 0, team: "payments", start: include_str!("files/serve") },
    App { name: "shop-api", user: 10001, team: "shop", start: include_str!("files/serve") },
    App { name: "shop-web", user: 10001, team: "shop", start: include_str!("files/web-start") },
];

/// Where servers look for a token of Kubernetes.
pub(super) const TOKEN: &str = "/run/secrets/kubernetes.io/serviceaccount/token";

/// By which names busybox is called, and in which directory these are.
const APPLETS: [(&str, &str); 3] = [
    ("bin", "cat chmod cp echo grep ls mkdir mv ps rm sh sleep"),
    ("usr/bin", "env head id nc printf test timeout tr wget whoami"),
    ("usr/sbin", "httpd"),
];

const OS_RELEASE: &str = "\
PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"
NAME=\"Debian GNU/Linux\"
VERSION_ID=\"12\"
VERSION=\"12 (bookworm)\"
VERSION_CODENAME=bookworm
ID=debian
";

/// Builds all images of a tag, and gives those that run, in the order of [`APPS`].
pub(super) fn build(layout: &mut Layout, fixed: bool) -> anyhow::Result<Vec<Built>> {
    let tag = if fixed { 2 } else { 1 };
    let created = if fixed { "2026-10-15T08:00:00Z" } else { "2026-10-01T08:00:00Z" };
    let base = base(layout, fixed, tag, created)?;
    let runtime = runtime(layout, &base, tag, created)?;
    APPS.iter().map(|app| application(layout, app, &runtime, tag, created)).collect()
}

fn step(line: &str, layer: Layer) -> Step {
    Step { line: line.to_owned(), layer: Some(layer) }
}

fn note(line: &str) -> Step {
    Step { line: line.to_owned(), layer: None }
}

/// The labels by which an image names its base.
fn on(base: &Built) -> Value {
    json!({
        "org.opencontainers.image.base.name": base.name,
        "org.opencontainers.image.base.digest": base.manifest.to_string(),
    })
}

fn base(layout: &mut Layout, fixed: bool, tag: u8, created: &str) -> anyhow::Result<Built> {
    let dpkg = Dpkg::of_host()?;
    let mut root = Layer::default();
    for directory in ["dev", "proc", "sys", "run", "var/tmp"] {
        root.directory(directory, 0o755);
    }
    root.directory("tmp", 0o1777);
    root.directory("root", 0o700);
    dpkg.install(&mut root, ROOT)?;
    root.file("bin/busybox", 0o755, busybox()?);
    for (directory, names) in APPLETS {
        for name in names.split(' ') {
            root.link(&format!("{directory}/{name}"), "/bin/busybox");
        }
    }
    root.file("etc/os-release", 0o644, OS_RELEASE);
    root.file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\napp:x:10001:10001::/app:/bin/false\n");
    root.file("etc/group", 0o644, "root:x:0:\napp:x:10001:\n");
    root.file("etc/shadow", 0o640, "root:*:20000:0:99999:7:::\napp:!:20000:0:99999:7:::\n");
    root.file("var/lib/dpkg/status", 0o644, dpkg.status(ROOT.iter(), fixed));

    // What `apt-get install` would have left: its packages, and the records of all.
    let mut installed = Layer::default();
    dpkg.install(&mut installed, INSTALLED)?;
    let records = dpkg.status(ROOT.iter().chain(INSTALLED), fixed);
    installed.file("var/lib/dpkg/status", 0o644, records);
    layout.build(Recipe {
        name: format!("demo/base:{tag}"),
        created,
        on: None,
        steps: vec![
            step("ADD rootfs.tar.xz / # buildkit", root),
            step(
                "RUN /bin/sh -c apt-get install -y --no-install-recommends curl libwebp7 openssl # buildkit",
                installed,
            ),
            note("CMD [\"/bin/sh\"]"),
        ],
        run: json!({
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Cmd": ["/bin/sh"],
            "Labels": {"team": "platform", "org.opencontainers.image.title": "base"},
        }),
    })
}

fn runtime(layout: &mut Layout, base: &Built, tag: u8, created: &str) -> anyhow::Result<Built> {
    let mut library = Layer::default();
    let log4j = jar("org.apache.logging.log4j", "log4j-core", "2.14.1");
    library.file("opt/runtime/lib/log4j-core-2.14.1.jar", 0o644, log4j);
    let mut pages = Layer::default();
    pages.file("etc/httpd.conf", 0o644, "*.sh:/bin/sh\n");
    pages.file("app/www/diag.sh", 0o644, include_str!("files/diag.sh"));
    let mut labels = on(base);
    labels["org.opencontainers.image.title"] = json!("runtime");
    layout.build(Recipe {
        name: format!("demo/runtime:{tag}"),
        created,
        on: Some(base),
        steps: vec![
            step("COPY lib /opt/runtime/lib # buildkit", library),
            step("COPY httpd.conf www / # buildkit", pages),
        ],
        run: json!({ "Labels": labels }),
    })
}

fn application(
    layout: &mut Layout,
    app: &App,
    runtime: &Built,
    tag: u8,
    created: &str,
) -> anyhow::Result<Built> {
    let name = app.name;
    let mut layer = Layer::default();
    layer.file("app/start", 0o755, app.start);
    match name {
        "shop-web" => {
            layer.file("app/www/index.html", 0o644, include_str!("files/index.html"));
            for (module, version) in [("express", "4.17.1"), ("lodash", "4.17.20"), ("minimist", "1.2.5")] {
                let told = json!({"name": module, "version": version, "license": "MIT"}).to_string();
                layer.file(&format!("app/node_modules/{module}/package.json"), 0o644, told);
            }
        }
        "shop-api" => {
            layer.file("app/www/cgi-bin/orders", 0o755, include_str!("files/orders"));
            for (module, version) in [("requests", "2.30.0"), ("Jinja2", "3.1.4")] {
                let path = format!("usr/lib/python3/dist-packages/{module}-{version}.dist-info/METADATA");
                let told = format!("Metadata-Version: 2.1\nName: {module}\nVersion: {version}\n");
                layer.file(&path, 0o644, told);
            }
        }
        _ => {
            layer.file("app/www/cgi-bin/paid", 0o755, include_str!("files/paid"));
            let settings = format!("CURRENCY=EUR\nSTRIPE_SECRET_KEY={}\n", made_up_key());
            layer.file("app/config.env", 0o644, settings);
            let text = jar("org.apache.commons", "commons-text", "1.9");
            layer.file("app/lib/commons-text-1.9.jar", 0o644, text);
        }
    }
    let mut labels = on(runtime);
    labels["org.opencontainers.image.title"] = json!(name);
    labels["team"] = json!(app.team);
    let mut run = json!({"Cmd": ["/app/start"], "WorkingDir": "/app", "ExposedPorts": {"8080/tcp": {}}, "Labels": labels});
    let mut steps = vec![step("COPY app /app # buildkit", layer), note("EXPOSE map[8080/tcp:{}]")];
    if app.user != 0 {
        let user = format!("{0}:{0}", app.user);
        steps.push(note(&format!("USER {user}")));
        run["User"] = json!(user);
    }
    steps.push(note("CMD [\"/app/start\"]"));
    layout.build(Recipe { name: format!("demo/{name}:{tag}"), created, on: Some(runtime), steps, run })
}

/// A key as a payment service has them, of which no letter was ever given out. It is put together here, so that no file of this
/// repository looks like it leaks one.
fn made_up_key() -> String {
    let letters = b"GaBi0nDem0N0tAKeyStonesInWire123456789xyzQRSTUVW";
    let letter = |n: usize| char::from(letters[(n * 29 + n * n) % letters.len()]);
    ["sk", "live"].join("_") + "_" + &(0..48).map(letter).collect::<String>()
}

/// The busybox of this machine, which must need no libraries.
fn busybox() -> anyhow::Result<Vec<u8>> {
    let found = ["/bin/busybox", "/usr/bin/busybox"].iter().map(Path::new).find(|path| path.exists());
    let bytes = fs::read(found.context("there is no busybox\nhint: install busybox-static")?)?;
    // Where a program that needs libraries names its loader.
    let head = &bytes[..bytes.len().min(4096)];
    if head.windows(4).any(|part| part == b"/ld-") {
        bail!("the busybox of this machine needs libraries\nhint: install busybox-static");
    }
    Ok(bytes)
}
