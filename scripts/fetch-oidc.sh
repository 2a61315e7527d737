#!/bin/bash
# Fetches oidc-provider from npm, against which the tests of the hub log in:
#
#   scripts/fetch-oidc.sh [DIR]        DIR defaults to $HOME/.cache/gabion/oidc
#
# The versions and their hashes are those of crates/hub/tests/oidc/package-lock.json. No script of a package is run.
set -euo pipefail

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gabion
dir=${1:-$cache/oidc}
from=$(dirname "$0")/../crates/hub/tests/oidc
cmp -s "$from/package-lock.json" "$dir/done" && exit 0
recent() { node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }
recent || [ -x "$cache/node/node_modules/node/bin/node" ] || npm install --silent --no-save --prefix "$cache/node" node@24 >&2
mkdir -p "$dir"
cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$dir"
npm ci --silent --ignore-scripts --prefix "$dir" >&2
cp "$dir/package-lock.json" "$dir/done"
