#!/bin/bash
# Fetches DuckDB from PyPI, by which the tests of the hub read what it exports:
#
#   scripts/fetch-duckdb.sh [DIR]      DIR defaults to $HOME/.cache/gabion/duckdb
#
# It is at the version of crates/hub/tests/duckdb.txt, with its hashes; nothing is built.
set -euo pipefail

dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/gabion/duckdb}
wanted=$(dirname "$0")/../crates/hub/tests/duckdb.txt
[ -x "$dir/bin/python" ] && cmp -s "$wanted" "$dir/done" && exit 0
rm -rf "$dir"
python3 -m venv "$dir"
"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r "$wanted" >&2
cp "$wanted" "$dir/done"
