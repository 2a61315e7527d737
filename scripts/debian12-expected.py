#!/usr/bin/env python3
"""Says which records apply to the images of an OCI layout, by dpkg itself: debian12-expected.py RECORDS LAYOUT OUT

    {"debian12": {                                                                   the tag
       "sources": [["CVE-…", "openssl", "3.0.20-1~deb12u2", "3.0.22-1~deb12u1"], ...],   CVE, source, its version, fixed
       "binaries": [["CVE-…", "libssl3", "3.0.20-1~deb12u2", "3.0.22-1~deb12u1"], ...]}  CVE, package, its version, fixed

A yardstick for the matcher, so it shares nothing with it: it asks `dpkg --compare-versions` for each pair of versions.
"""

import functools
import json
import pathlib
import re
import subprocess
import sys
import tarfile


@functools.cache
def older(a, b):
    return subprocess.run(["dpkg", "--compare-versions", a, "lt", b]).returncode == 0


def installed(status):
    """(binary, version, source, version of the source) of each installed package."""
    for paragraph in status.split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Source|Version): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            source, _, other = fields.get("Source", name).partition(" ")
            yield name, version, source, other.strip("()") or version


def statuses(layout):
    """(tag, dpkg's status) of each image: the file of the highest layer that has it."""
    blobs, cache = layout / "blobs", {}

    def load(descriptor):
        return json.loads((blobs / descriptor["digest"].replace(":", "/")).read_text())

    def of_layer(digest):
        if digest not in cache:
            with tarfile.open(blobs / digest.replace(":", "/")) as layer:
                found = [member for member in layer if member.name.removeprefix("./") == "var/lib/dpkg/status"]
                cache[digest] = layer.extractfile(found[0]).read().decode() if found else None
        return cache[digest]

    for image in json.loads((layout / "index.json").read_text())["manifests"]:
        layers = [layer["digest"] for layer in load(image)["layers"]]
        status = next((status for digest in reversed(layers) if (status := of_layer(digest))), "")
        yield image["annotations"]["org.opencontainers.image.ref.name"], status


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__.splitlines()[0])
    records, layout, out = map(pathlib.Path, sys.argv[1:])
    fixes = {}
    for line in records.read_text().splitlines():
        record = json.loads(line)
        for affected in record["affected"]:
            [spans] = affected["ranges"]
            [first, last] = spans["events"]
            assert (affected["package"]["ecosystem"], first) == ("Debian:12", {"introduced": "0"}), record["id"]
            fixes.setdefault(affected["package"]["name"], []).append((record["upstream"][0], last["fixed"]))
    expected = {}
    for tag, status in statuses(layout):
        sources, binaries, packages = set(), set(), 0
        for name, version, source, of_source in installed(status):
            packages += 1
            for cve, fixed in fixes.get(source, []):
                if older(of_source, fixed):
                    sources.add((cve, source, of_source, fixed))
                    binaries.add((cve, name, version, fixed))
        expected[tag] = {"sources": sorted(sources), "binaries": sorted(binaries)}
        affected = len({source for _, source, _, _ in sources})
        print(
            f"{tag}: {packages} packages; {len({cve for cve, *_ in sources})} CVEs in {affected} source packages:"
            f" {len(sources)} pairs of CVE and source, {len(binaries)} of CVE and package"
        )
    out.write_text(json.dumps(expected, indent=0) + "\n")


if __name__ == "__main__":
    main()
