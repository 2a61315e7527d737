#!/bin/sh
# Asks Trivy about an image with the same advisories as Gabion: trivy-match.sh YARDSTICKS IMAGE OUT RECORDS...
#
#   scripts/debian12-image.sh DIR
#   scripts/trivy-match.sh ~/.cache/gabion/yardsticks DIR/oci@debian12 DIR/trivy crates/advisory/starter/debian-12.jsonl
#
# YARDSTICKS is what fetch-yardsticks.sh made, IMAGE an OCI layout and a tag in it, RECORDS are OSV records as JSON
# lines (.zst as well). OUT/report.json is Trivy's report; if there is an expected.json beside the layout, what dpkg says of
# the tag is compared with it. Needs Go.
set -eu
yardsticks=${1:?usage: trivy-match.sh YARDSTICKS IMAGE OUT RECORDS...}
image=${2:?LAYOUT@TAG}
out=${3:?a directory}
shift 3
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
for records; do
    case $records in
    *.zst) zstd -qdc "$records" ;;
    *) cat "$records" ;;
    esac
done > "$out/records.jsonl"
(cd "$here/../xtask/trivy-db" && go run . "$out" "$out/records.jsonl") >&2
rm "$out/records.jsonl"
# Jars are left out: without its Java database Trivy ends with an error at the first one.
TMPDIR=$out "$yardsticks/venv/bin/trivy" --quiet --cache-dir "$out" image --skip-db-update --skip-java-db-update --offline-scan \
    --scanners vuln --skip-files '**/*.jar' --format json --output "$out/report.json" --input "${image%@*}:${image##*@}"
python3 - "$out/report.json" "${image%@*}/../expected.json" "${image##*@}" <<'PYTHON'
import collections, json, pathlib, sys

report, expected, tag = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
found, kinds = set(), collections.Counter()
for result in json.loads(report.read_text()).get("Results", []):
    for one in result.get("Vulnerabilities", []):
        kinds[result["Type"]] += 1
        if result["Class"] == "os-pkgs":
            found.add((one["VulnerabilityID"], one["PkgName"], one["InstalledVersion"], one.get("FixedVersion", "")))
print(", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items())) or "nothing")
if expected.exists():
    wanted = {tuple(pair) for pair in json.loads(expected.read_text())[tag]["binaries"]}
    print(f"dpkg says {len(wanted)}; {len(wanted - found)} of them Trivy does not tell, and {len(found - wanted)} more")
PYTHON
