#!/usr/bin/env python3
r"""Writes OSV records of what the security suite of Debian 12 fixes beyond the release: debian12-records.py [--without NAME]... OUT

    release      openssl 3.0.20-1~deb12u2 ┐        changelog of 3.0.22-1~deb12u2
                                          ├ newer? ── entries above the release's ── CVE ids ──► one record a CVE
    security     openssl 3.0.22-1~deb12u2 ┘

Everything comes from the packages themselves: their versions from the indexes of the two suites, the CVEs from the
changelog in a binary package. The rules:

- A CVE is fixed in the lowest entry that names it. If that entry was made for another suite (the package followed a
  newer upstream or unstable), Debian 12 got the fix with the next entry made for Debian 12.
- A CVE that an entry of the release's version, or one below it, names already was fixed there; a later entry that
  names it again mends the mend. Where the changelog does not lead down to the release's version, the changelog of
  the release's own package is read, too.
- An item that speaks of a regression mends a mend, and does not count; of one that begins with a CVE (`CVE-…: text`),
  what the text names does not.
- A package under two source names (linux, and linux-signed-amd64 made of it) is told by the name it is built from.

The output is sorted, one compact record a line; the same packages give the same bytes. The indexes and the changelogs
that were read are kept in $HOME/.cache/gabion/debian12. crates/advisory/starter/debian-12.jsonl is written without the
browsers, which would be half of it:

    scripts/debian12-records.py --without chromium --without firefox-esr --without thunderbird \
        crates/advisory/starter/debian-12.jsonl
"""

import argparse
import functools
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import timezone
from email.utils import parsedate_to_datetime

HERE = pathlib.Path(__file__).resolve().parent
CVE = re.compile(r"\bCVE[-\u2010-\u2015]((?:19|20)\d\d)[-\u2010-\u2015](\d{4,7})\b(?!\[)", re.IGNORECASE)
ITEM = re.compile(r"\n(?=\s+(?:[*+-] |CVE-\d+-\d+\s*:))")
# An item about a CVE; others that its text names are for comparison.
ABOUT = re.compile(r"\s*(?:[*+-]\s+)?(?:fix(?:es)?\s+(?:for\s+)?)?CVE-[^:]*:", re.IGNORECASE)
# What is mended there is the mend, in this package or in its tests.
MENDED = re.compile(r"\bregression\b(?! test)|\bfollow-up fix", re.IGNORECASE)
HEADER = re.compile(r"^(\S+) \(([^)]+)\) ([^;]*);")
TRAILER = re.compile(r"^ -- .*?  (.+)$")
# An entry for Debian 12, whatever way it took.
OURS = ("bookworm", "oldstable")


def say(text):
    print(f"debian 12 records: {text}", file=sys.stderr, flush=True)


@functools.cache
def older(a, b):
    """Whether version a is older than b: dpkg itself says so."""
    return subprocess.run(["dpkg", "--compare-versions", a, "lt", b]).returncode == 0


def order(a, b):
    return 0 if a == b else -1 if older(a, b) else 1


NEWEST = functools.cmp_to_key(order)


class Apt:
    """An apt of its own, with one suite, apart from that of the machine."""

    def __init__(self, cache, suite):
        self.root = cache / suite
        self.debs = self.root / "debs"
        for part in ("lists/partial", "archives/partial", "debs"):
            (self.root / part).mkdir(parents=True, exist_ok=True)
        sources = self.root / "sources.list"
        sources.write_text(subprocess.check_output([HERE / "debian12-sources.sh", suite], text=True))
        settings = {
            "APT::Sandbox::User": "root",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "Acquire::Languages": "none",
            "Dir::Cache": self.root,
            "Dir::State::lists": self.root / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
        }
        self.options = [f"-o{name}={value}" for name, value in settings.items()]

    def run(self, *arguments, cwd=None):
        environment = {**os.environ, "TMPDIR": str(self.root)}
        command = ["apt-get", "-qq", *self.options, *arguments]
        return subprocess.check_output(command, cwd=cwd, env=environment, text=True, stderr=subprocess.STDOUT)

    def packages(self):
        """Source name -> version -> binary packages (size, name, version)."""
        self.run("update")
        target = ["indextargets", "--format", "$(FILENAME)", "Created-By: Packages"]
        files = self.run(*target).split()
        found = {}
        for file in files:
            text = subprocess.check_output(["/usr/lib/apt/apt-helper", "cat-file", file], text=True)
            for paragraph in text.split("\n\n"):
                fields = dict(re.findall(r"^(Package|Source|Version|Size): (.*)$", paragraph, re.MULTILINE))
                if not fields:
                    continue
                name, version = fields["Package"], fields["Version"]
                source, _, other = fields.get("Source", name).partition(" ")
                of_source = found.setdefault(source, {})
                of_source.setdefault(other.strip("()") or version, []).append((int(fields["Size"]), name, version))
        return found

    def changelogs(self, wanted, cache):
        """(source, version) -> text, from the smallest binary package that carries it."""
        found, rest = {}, {}
        for source, (version, binaries) in wanted.items():
            kept = cache / f"{source}_{version.replace(':', '%3a')}.gz"
            if kept.exists():
                found[source] = gzip.decompress(kept.read_bytes()).decode()
            else:
                rest[source] = (version, sorted(binaries), kept)
        while rest:
            names = [f"{binaries[0][1]}={binaries[0][2]}" for _, binaries, _ in rest.values()]
            say(f"downloading {len(names)} packages for their changelogs")
            self.run("download", *names, cwd=self.debs)
            for source, (version, binaries, kept) in list(rest.items()):
                _, name, of_binary = binaries.pop(0)
                escaped = of_binary.replace(":", "%3a")
                [deb] = [deb for deb in self.debs.glob(f"{name}_*.deb") if deb.name.startswith(f"{name}_{escaped}_")]
                text = changelog(deb, source)
                deb.unlink()
                if text is not None:
                    kept.write_bytes(gzip.compress(text.encode(), mtime=0))
                    found[source] = text
                    del rest[source]
                elif not binaries:
                    say(f"no binary package of {source} {version} carries a changelog")
                    del rest[source]
        return found


def changelog(deb, source):
    """The changelog of Debian in a package, if it is that of the source."""
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    pattern = ["--wildcards", "./usr/share/doc/*/changelog*"]
    with tempfile.TemporaryDirectory(dir=deb.parent) as folder:
        subprocess.run(["tar", "-x", "-C", folder, *pattern], stdin=tar.stdout, stderr=subprocess.DEVNULL)
        tar.stdout.close()
        tar.wait()
        for name in ("changelog.Debian.gz", "changelog.gz", "changelog.Debian.amd64.gz"):
            for path in sorted(pathlib.Path(folder).glob(f"usr/share/doc/*/{name}")):
                if path.is_symlink():
                    continue
                text = gzip.decompress(path.read_bytes()).decode(errors="replace")
                if (first := HEADER.match(text.lstrip())) and first[1] == source:
                    return text
    return None


def entries(text):
    """(version, suites, CVEs, date) of each entry, from the top."""
    version = None
    for line in text.splitlines():
        if header := HEADER.match(line):
            version, suites, body = header[2], header[3].split(), []
        elif version is None:
            continue
        elif trailer := TRAILER.match(line):
            date = parsedate_to_datetime(trailer[1].strip()).astimezone(timezone.utc)
            items = [item for item in ITEM.split("\n".join(body)) if not MENDED.search(item)]
            named = [ABOUT.match(item)[0] if ABOUT.match(item) else item for item in items]
            cves = [f"CVE-{year}-{number}" for item in named for year, number in CVE.findall(item)]
            yield version, suites, list(dict.fromkeys(cves)), date
            version = None
        else:
            body.append(line)


def fixes(source, text, release, release_text):
    """CVE -> (version that fixed it in Debian 12, date of that entry)."""
    known = list(entries(text))
    versions = [version for version, *_ in known]
    if release in versions:
        # By place: 7.0.15-1 is below 7.0.15-1~deb12u1 in the changelog, and newer as a version.
        cut = versions.index(release)
    else:
        cut = next((i for i, version in enumerate(versions) if not older(release, version)), len(versions))
    newer, before = known[:cut], {cve for _, _, cves, _ in known[cut:] for cve in cves}
    if release_text:
        before.update(cve for _, _, cves, _ in entries(release_text) for cve in cves)
    top, _, _, date = newer[0]
    reached, found = (top, date), {}
    for version, suites, cves, date in newer:
        if any(suite.startswith(OURS) for suite in suites):
            reached = (version, date)
        # From the top down: what a lower entry says of a CVE comes last, and stands.
        found.update(dict.fromkeys(cves, reached))
    return {cve: fix for cve, fix in found.items() if cve not in before}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="a source package to leave out")
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    out = arguments.out
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache").resolve() / "gabion/debian12"
    logs = cache / "changelogs"
    logs.mkdir(parents=True, exist_ok=True)

    release, security = Apt(cache, "release"), Apt(cache, "security")
    old, new = release.packages(), security.packages()
    wanted, base = {}, {}
    for source, versions in sorted(new.items()):
        version = max(versions, key=NEWEST)
        # Not in the release at all: nothing of it can be installed from there.
        if source not in old or source.startswith("linux-signed-") or source in arguments.without:
            continue
        newest = max(old[source], key=NEWEST)
        if older(newest, version):
            wanted[source] = (version, versions[version])
            base[source] = (newest, old[source][newest])
    say(f"{len(wanted)} of {len(new)} source packages are newer in the security suite than in the release")

    texts = security.changelogs(wanted, logs)
    apart = {}
    for source, text in texts.items():
        if base[source][0] not in [version for version, *_ in entries(text)]:
            apart[source] = base[source]
    of_release = release.changelogs(apart, logs)

    records, pairs, silent = {}, 0, []
    for source, text in texts.items():
        found = fixes(source, text, base[source][0], of_release.get(source))
        if not found:
            silent.append(source)
        for cve, (version, date) in found.items():
            record = records.setdefault(cve, {"date": date, "affected": []})
            record["date"] = min(record["date"], date)
            record["affected"].append((source, version))
            pairs += 1
    say(f"{pairs} pairs of CVE and source package, {len(records)} CVEs; {len(silent)} packages name no new CVE:")
    say(" ".join(silent))

    with out.open("w") as file:
        for cve in sorted(records, key=lambda cve: tuple(map(int, cve.split("-")[1:]))):
            stamp = records[cve]["date"].strftime("%Y-%m-%dT%H:%M:%SZ")
            affected = [
                {
                    "package": {"ecosystem": "Debian:12", "name": source},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": version}]}],
                }
                for source, version in sorted(records[cve]["affected"])
            ]
            record = {
                "schema_version": "1.7.0",
                "id": f"DEBIAN-{cve}",
                "modified": stamp,
                "upstream": [cve],
                "affected": affected,
            }
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
    say(f"{out}: {out.stat().st_size} bytes")
    shutil.rmtree(release.debs, ignore_errors=True)
    shutil.rmtree(security.debs, ignore_errors=True)


if __name__ == "__main__":
    main()
