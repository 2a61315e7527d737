#!/bin/bash
# Fetches schemathesis from PyPI, with which the tests of the hub try its API:
#
#   scripts/fetch-schemathesis.sh [DIR]        DIR defaults to $HOME/.cache/gabion/schemathesis
#
# What it needs is at the versions of crates/hub/tests/schemathesis.txt, each with its hash; nothing is built.
set -euo pipefail

dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/gabion/schemathesis}
wanted=$(dirname "$0")/../crates/hub/tests/schemathesis.txt
cmp -s "$wanted" "$dir/done" && exit 0
rm -rf "$dir"
python3 -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r "$wanted" >&2
cp "$wanted" "$dir/done"
