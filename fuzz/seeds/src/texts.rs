//! Text formats.

/// A `dpkg/status`.
pub const DPKG_STATUS: &str = "Package: base\nStatus: install ok installed\nArchitecture: amd64\nSource: src (1.0)\nVersion: 1:1.0-2\nDescription: a\n b\n .\nConffiles:\n /etc/a 0123\n\nPackage: more\nStatus: deinstall ok config-files\nVersion: 2\n";
/// A `package.json`.
pub const PACKAGE_JSON: &str = r#"{"name":"@a/b","version":"1.2.3","license":"MIT","licenses":[{"type":"ISC"}],"repository":{"url":"x"}}"#;
/// Python metadata.
pub const PYTHON: &str = "Metadata-Version: 2.1\nName: A.b_c\nVersion: 1.0\nLicense: MIT\nClassifier: License :: OSI Approved :: MIT License\n\nbody\n";
/// What `cargo auditable` writes.
pub const CRATES: &str = r#"{"packages":[{"name":"a","version":"1.0.0","source":"crates.io","kind":"runtime","dependencies":[1]},{"name":"b","version":"0.1.0","source":"local","root":true}]}"#;
/// An image configuration.
pub const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{"User":"u","Env":["PATH=/bin","X=y"],"Entrypoint":["/a"],"ExposedPorts":{"80/tcp":{}},"Labels":{"a":"b"},"Healthcheck":{"Test":["CMD","x"]}},"rootfs":{"type":"layers","diff_ids":["sha256:0101010101010101010101010101010101010101010101010101010101010101"]},"history":[{"created":"2026-01-01T00:00:00Z","created_by":"RUN x"}]}"#;

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0101010101010101010101010101010101010101010101010101010101010101","size":7},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:0101010101010101010101010101010101010101010101010101010101010101","size":7}]}"#;
const INDEX: &str = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:0101010101010101010101010101010101010101010101010101010101010101","size":7,"platform":{"os":"linux","architecture":"arm64","variant":"v8"},"annotations":{"org.opencontainers.image.ref.name":"a"}}]}"#;
const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"container","name":"a"}},"components":[{"type":"operating-system","name":"debian","version":"12"},{"type":"library","bom-ref":"x","name":"a","version":"1","purl":"pkg:deb/debian/a@1?arch=amd64&distro=debian-12","licenses":[{"license":{"id":"MIT"}},{"expression":"A OR B"}],"components":[{"type":"library","name":"b","version":"2","purl":"pkg:npm/%40s/b@2"}]}]}"#;
const SPDX: &str = r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","packages":[{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1","licenseConcluded":"MIT","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:pypi/a@1"}]}],"relationships":[]}"#;
const ATTESTATION: &str = r#"{"payloadType":"application/vnd.in-toto+json","payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCJwcmVkaWNhdGUiOnt9fQ==","signatures":[]}"#;

const LOCKS: [&str; 16] = [
    r#"{"lockfileVersion":3,"packages":{"":{"name":"x"},"node_modules/a":{"version":"1.0.0","resolved":"u","integrity":"s","license":"MIT"},"node_modules/a/node_modules/@b/c":{"version":"2.0.0","dev":true}},"dependencies":{"a":{"version":"1.0.0","dependencies":{"b":{"version":"2"}}}}}"#,
    "# yarn lockfile v1\n\na@^1.0.0, a@^1.1.0:\n  version \"1.1.0\"\n  resolved \"u\"\n  dependencies:\n    b \"^2\"\n\n\"@c/d@npm:^1\":\n  version: 1.0.0\n  resolution: \"@c/d@npm:1.0.0\"\n",
    "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: x}\n  '@b/c@2.0.0(d@1.0.0)':\n    dev: true\nsnapshots:\n  a@1.0.0: {}\n",
    "[[package]]\nname = \"a\"\nversion = \"1\"\ncategory = \"dev\"\n[package.dependencies]\nb = {version = \"*\"}\n[metadata]\nlock-version = \"2.0\"\n",
    "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { registry = \"x\" }\n[[package]]\nname = \"me\"\nversion = \"0\"\nsource = { virtual = \".\" }\n",
    "[[package]]\nname = \"a\"\nversion = \"1\"\ngroups = [\"default\"]\n",
    "lock-version = \"1.0\"\n[[packages]]\nname = \"a\"\nversion = \"1\"\n",
    "a==1.0 --hash=sha256:0 \\\n  --hash=sha256:1\nb[x,y]==2.0; python_version<'3' # c\n-r other.txt\nd>=1\n",
    r#"{"_meta":{},"default":{"a":{"version":"==1.0","hashes":[]}},"develop":{"b":{"version":"==2"}}}"#,
    "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+https://x\"\ndependencies = [\"b\"]\n",
    "module example.com/m\n\ngo 1.22\n\nrequire (\n\ta.b/c v1.0.0 // indirect\n\td.e/f v2.0.0+incompatible\n)\nreplace a.b/c => ../c\nreplace d.e/f v2.0.0 => g/h v1.0.0\n",
    "<project><groupId>g</groupId><artifactId>a</artifactId><version>${v}</version><properties><v>1</v><w>${v}.${v}</w></properties><dependencies><dependency><groupId>x</groupId><artifactId>y</artifactId><version>${w}</version><scope>test</scope></dependency></dependencies></project>",
    "# comment\na.b:c:1.0=compileClasspath,runtimeClasspath\nempty=annotationProcessor\n",
    "GEM\n  remote: https://x/\n  specs:\n    a (1.0.0)\n      b (>= 1)\n    b (2.0.0-x86_64-linux)\n\nPLATFORMS\n  ruby\n",
    r#"{"packages":[{"name":"a/b","version":"v1.0","license":["MIT"]}],"packages-dev":[{"name":"c/d","version":"2"}]}"#,
    r#"{"version":1,"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0.0"},"B":{"type":"Project"}}}}"#,
];

const RECORDS: [&str; 7] = [
    "# stub: a 1.0 ruby lib\nGem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.version = \"1.0\"\n  s.licenses = [\"MIT\".freeze, \"X\"]\n  s.platform = %q{java}\nend\n",
    r#"{"packages":[{"name":"a/b","version":"v1.0","license":["MIT"]},{"name":""}],"dev":true}"#,
    r#"{"runtimeTarget":{"name":"x"},"targets":{"x":{"A/1.0":{"runtime":{"a.dll":{}}},"b/1":{"dependencies":{}}}},"libraries":{"A/1.0":{"type":"package"},"runtimepack.B/2":{"type":"runtimepack"}}}"#,
    r#"{"name":"a","version":"1","build":"0","channel":"https://conda.anaconda.org/forge/linux-64","subdir":"linux-64","fn":"a-1-0.conda","license":"MIT","files":["lib/a.py"]}"#,
    r#"{"redis":{"arch":"amd64","distro":"debian-12","type":"NAMI","version":"7.2.1-0"}}"#,
    r#"{"SPDXID":"SPDXRef-DOCUMENT","packages":[{"SPDXID":"SPDXRef-a","name":"redis","versionInfo":"7.2.1","licenseConcluded":"BSD"},{"SPDXID":"SPDXRef-b","name":"x","versionInfo":"1"}],"relationships":[{"spdxElementId":"SPDXRef-a","relatedSpdxElement":"SPDXRef-b","relationshipType":"CONTAINS"}],"files":[]}"#,
    "base\t1.0-1.el9\t1700000000\t1700000000\tVendor\t(none)\t100\tx86_64\t0\tbase-1.0-1.el9.src.rpm\n",
];

/// A seed of a target that chooses by the first byte.
pub fn chosen(which: u8, text: &str) -> Vec<u8> {
    [&[which][..], text.as_bytes()].concat()
}

fn each(texts: &[&str]) -> Vec<Vec<u8>> {
    (0..).zip(texts).map(|(which, text)| chosen(which, text)).collect()
}

fn plain(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// Assembled, so that this file does not look as if it leaked something.
fn secrets() -> Vec<Vec<u8>> {
    let (letters, digits) = ("Q3IAZQDE5KTUXWBN", "7f3a9c4be18d02657f3a9c4be18d0265");
    let text = format!(
        "xaws_key = {}{letters}\ntoken: gh{}{letters}{letters}aB3d\n-----BEGIN {} KEY-----\nMIIEow{digits}\n-----END\nhttps://u:{digits}@h/\npassword={digits}\nxox{}-123456789012-123456789012-{digits}\n",
        "AKIA", "p_", "RSA PRIVATE", "b"
    );
    vec![text.clone().into_bytes(), format!("yy{}", text.repeat(40)).into_bytes()]
}

/// Seeds by target.
pub fn seeds() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let apk =
        "C:Q1x=\nP:base\nV:1.0-r0\nA:x86_64\nL:MIT\no:src\nF:usr/bin\nR:a\nZ:Q1y=\nR:b\n\nP:more\nV:2\n";
    let copyright = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: MIT or GPL-2+\n text\n\n/usr/share/common-licenses/GPL-2\n";
    let dpkg = [
        DPKG_STATUS,
        DPKG_STATUS,
        "/.\n/usr\n/usr/bin/a\n",
        "0123456789abcdef0123456789abcdef  usr/bin/a\n",
        copyright,
    ];
    let pacman = "%NAME%\nbase\n\n%VERSION%\n1-1\n\n%BASE%\nsrc\n\n%ARCH%\nany\n\n%LICENSE%\nMIT\n\n";
    let os = "NAME=\"Debian\"\nID=debian\nVERSION_ID='12'\nPRETTY_NAME=\"a \\\"b\\\"\"\nID_LIKE=x\nCPE_NAME=cpe:/o:x\n";
    let release = "CentOS Linux release 7.9.2009 (Core)\n";
    let lsb = "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\n";
    let suse = "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 4\n";
    let alpine = "3.20.1\n";
    let oses = [
        os, os, alpine, release, release, release, release, release, release, release, suse, lsb, "",
        "12.5\n",
    ];
    vec![
        (
            "accounts",
            each(&[
                "root:x:0:0:root:/root:/bin/sh\nnobody::65534:65534::/:/sbin/nologin\n",
                "root:$6$a$b:19000:0:99999:7:::\nu:!:::::::\n",
            ]),
        ),
        ("apk", plain(&[apk])),
        ("dpkg", each(&dpkg)),
        ("locks", each(&LOCKS)),
        ("manifest", plain(&[MANIFEST, INDEX, CONFIG])),
        ("npm", each(&[PACKAGE_JSON, PACKAGE_JSON])),
        ("os_release", each(&oses)),
        ("pacman", each(&[pacman, "%FILES%\nusr/\nusr/bin/a\n\n%BACKUP%\netc/a\t0\n"])),
        ("records", each(&RECORDS)),
        ("sbom", plain(&[CYCLONEDX, SPDX, ATTESTATION])),
        ("secrets", secrets()),
    ]
}
