//! An image with what the package managers that are not at hand leave behind: `RubyGems`, Composer, .NET, conda, Bitnami.

use super::targets::image;
use crate::support::run;
use std::{fs, path::Path, process::Command};

/// Records as the package managers write them, cut to what says something.
const RECORDS: [(&str, &str); 8] = [
    ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
    (
        "usr/local/bundle/specifications/rack-3.0.8.gemspec",
        "# stub: rack 3.0.8 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"rack\".freeze\n  s.version = \"3.0.8\"\n\n  \
         s.require_paths = [\"lib\".freeze]\n  s.licenses = [\"MIT\".freeze]\nend\n",
    ),
    (
        "usr/local/bundle/specifications/nokogiri-1.15.4-x86_64-linux.gemspec",
        "# stub: nokogiri 1.15.4 x86_64-linux lib\n\nGem::Specification.new do |s|\n  s.name = \"nokogiri\".freeze\n  \
         s.version = \"1.15.4\"\n  s.platform = \"x86_64-linux\".freeze\n  s.licenses = [\"MIT\".freeze]\nend\n",
    ),
    (
        "usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec",
        "# stub: json 2.6.1 ruby lib\n\nGem::Specification.new do |s|\n  s.name = \"json\".freeze\n  s.version = \"2.6.1\"\nend\n",
    ),
    (
        "srv/php/vendor/composer/installed.json",
        "{\"packages\": [{\"name\": \"monolog/monolog\", \"version\": \"3.4.0\"}, {\"name\": \"psr/log\", \
         \"version\": \"v3.0.0\"}], \"dev\": true, \"dev-package-names\": []}\n",
    ),
    (
        "srv/net/app.deps.json",
        "{\"runtimeTarget\": {\"name\": \".NETCoreApp,Version=v8.0\", \"signature\": \"\"},\n\
         \"targets\": {\".NETCoreApp,Version=v8.0\": {\n\
         \"app/1.0.0\": {\"dependencies\": {\"Serilog\": \"3.0.1\"}, \"runtime\": {\"app.dll\": {}}},\n\
         \"Serilog/3.0.1\": {\"runtime\": {\"lib/net7.0/Serilog.dll\": {}}}, \"Build.Tool/1.2.3\": {}}},\n\
         \"libraries\": {\"app/1.0.0\": {\"type\": \"project\", \"serviceable\": false, \"sha512\": \"\"},\n\
         \"Serilog/3.0.1\": {\"type\": \"package\", \"serviceable\": true, \"sha512\": \"sha512-0\"},\n\
         \"Build.Tool/1.2.3\": {\"type\": \"package\", \"serviceable\": true, \"sha512\": \"sha512-1\"}}}\n",
    ),
    (
        "opt/conda/envs/app/conda-meta/zlib-1.2.13-hd590300_5.json",
        "{\"name\": \"zlib\", \"version\": \"1.2.13\", \"build\": \"hd590300_5\", \"build_number\": 5, \"subdir\": \"linux-64\",\n\
         \"channel\": \"https://conda.anaconda.org/conda-forge/linux-64\", \"license\": \"Zlib\"}\n",
    ),
    (
        "opt/bitnami/redis/.spdx-redis.spdx",
        "{\"SPDXID\": \"SPDXRef-DOCUMENT\", \"spdxVersion\": \"SPDX-2.3\", \"name\": \"Redis\", \"dataLicense\": \"CC0-1.0\",\n\
         \"documentDescribes\": [\"SPDXRef-Package-redis\"], \"documentNamespace\": \"https://example.com/redis\",\n\
         \"creationInfo\": {\"created\": \"2024-01-01T00:00:00Z\", \"creators\": [\"Organization: VMware, Inc.\"]},\n\
         \"packages\": [{\"SPDXID\": \"SPDXRef-Package-redis\", \"name\": \"redis\", \"versionInfo\": \"7.2.4-0\",\n\
         \"downloadLocation\": \"NOASSERTION\", \"licenseConcluded\": \"BSD-3-Clause\", \"licenseDeclared\": \"BSD-3-Clause\",\n\
         \"filesAnalyzed\": false, \"copyrightText\": \"NOASSERTION\", \"externalRefs\": [{\"referenceCategory\": \
         \"PACKAGE-MANAGER\",\n\"referenceType\": \"purl\", \"referenceLocator\": \"pkg:bitnami/redis@7.2.4-0?arch=amd64\"}]}],\n\
         \"relationships\": []}\n",
    ),
];

/// Makes `image.tar` in `at`.
pub(super) fn make(at: &Path) {
    let root = at.join("root");
    for (path, text) in RECORDS {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("has one")).expect("a directory");
        fs::write(path, text).expect("written");
    }
    let layer = at.join("layer.tar");
    run(Command::new("tar").arg("-cf").arg(&layer).arg("-C").arg(&root).arg("."));
    image(at, &[&layer]);
}
