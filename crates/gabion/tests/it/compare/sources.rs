//! A source tree: a lock file of each package manager, one in each folder.

use super::targets;
use std::{fs, path::Path};

/// Lock files written here; what is in them is real.
const LOCKS: [(&str, &str); 7] = [
    (
        "pip/requirements.txt",
        "flask==3.0.0\nrequests[socks]==2.31.0 ; python_version > \"3.7\"\n# a comment\nDjango>=4\n\
         Zope.Event == 5.0 --hash=sha256:00\n",
    ),
    (
        "poetry/poetry.lock",
        "[[package]]\nname = \"Certifi\"\nversion = \"2023.7.22\"\noptional = false\npython-versions = \"*\"\nfiles = []\n\n\
         [[package]]\nname = \"typing_extensions\"\nversion = \"4.8.0\"\noptional = false\npython-versions = \"*\"\n\
         files = []\n\n[metadata]\nlock-version = \"2.0\"\npython-versions = \"^3.11\"\ncontent-hash = \"00\"\n",
    ),
    (
        "ruby/Gemfile.lock",
        "GEM\n  remote: https://rubygems.org/\n  specs:\n    concurrent-ruby (1.2.2)\n    i18n (1.14.1)\n      \
         concurrent-ruby (~> 1.0)\n    nokogiri (1.15.4-x86_64-linux)\n    rake (13.0.6)\n\nPLATFORMS\n  x86_64-linux\n\n\
         DEPENDENCIES\n  i18n\n  nokogiri\n  rake\n\nBUNDLED WITH\n   2.4.10\n",
    ),
    (
        "php/composer.lock",
        "{\"packages\": [{\"name\": \"monolog/monolog\", \"version\": \"3.4.0\"}, {\"name\": \"psr/log\", \
         \"version\": \"v3.0.0\"}],\n \"packages-dev\": [{\"name\": \"phpunit/phpunit\", \"version\": \"10.3.2\"}]}\n",
    ),
    (
        "yarn/yarn.lock",
        "# yarn lockfile v1\n\n\n\"@babel/parser@^7.23.0\":\n  version \"7.23.0\"\n  resolved \
         \"https://registry.yarnpkg.com/@babel/parser/-/parser-7.23.0.tgz#da950e622420bf96ca0d0f2909cdddac3acd8719\"\n\n\
         lodash@^4.17.20, lodash@^4.17.21:\n  version \"4.17.21\"\n  resolved \
         \"https://registry.yarnpkg.com/lodash/-/lodash-4.17.21.tgz#679591c564c3bffaae8454cf0b3df370c3d6911c\"\n",
    ),
    (
        "pnpm/pnpm-lock.yaml",
        "lockfileVersion: '6.0'\n\ndependencies:\n  left-pad:\n    specifier: ^1.3.0\n    version: 1.3.0\n\npackages:\n\n  \
         /left-pad@1.3.0:\n    resolution: {integrity: sha512-XI5MPzVNApjAyhQzphX8Bg==}\n    dev: false\n",
    ),
    (
        "nuget/packages.lock.json",
        "{\"version\": 1, \"dependencies\": {\"net8.0\": {\"Newtonsoft.Json\": {\"type\": \"Direct\", \"requested\": \
         \"[13.0.3, )\", \"resolved\": \"13.0.3\", \"contentHash\": \"00\"}}}}\n",
    ),
];

/// Writes the tree: [`LOCKS`], what npm and Go made for the other targets, and this repository's own `Cargo.lock`.
pub(super) fn tree(root: &Path) {
    for (path, text) in LOCKS {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("has one")).expect("a directory");
        fs::write(path, text).expect("written");
    }
    let (npm, go) = (targets::debian().join("root/srv/app"), targets::go().join("source"));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (from, to, files) in [
        (&npm, "npm", ["package.json", "package-lock.json"]),
        (&go, "go", ["go.mod", "go.sum"]),
        (&workspace, "cargo", ["Cargo.toml", "Cargo.lock"]),
    ] {
        fs::create_dir_all(root.join(to)).expect("a directory");
        for file in files {
            fs::copy(from.join(file), root.join(to).join(file)).expect("copied");
        }
    }
}
