#!/bin/bash
# Fetches DuckDB from PyPI, by which the tests of the hub read what it exports:
#
#   scripts/fetch-duckdb.sh [DIR]      DIR defaults to $HOME/.cache/gabion/duckdb
#
# A wheel of this version is taken and nothing is built. Without Python 3.10 nothing is fetched, and the test says that it did not run.
set -euo pipefail

version=2.0.0
dir=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/gabion/duckdb}
[ "$(cat "$dir/done" 2>/dev/null)" = "$version" ] && exit 0
rm -rf "$dir"
python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --target "$dir" "duckdb==$version" >&2
printf '%s' "$version" > "$dir/done"
