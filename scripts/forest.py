#!/usr/bin/env python3
"""Builds a forest of real images, and rebuilds some of it.

    forest.py build DIR [PLAN]       6 bases and 50 applications on them, from the release of Debian 12 alone
    forest.py rebuild DIR OUT TAG... the same forest after the images TAG... were rebuilt with the security suite

    base-1  Debian 12 ─┬─ base-2  python ─┬─ app-01 … app-12        base-5  Debian 12 with TLS and Perl
                       │                  └─ app-13 … app-16          ├─ app-39 … app-42
                       ├─ base-3  nginx ──── app-17 … app-24          └─ base-6  PHP ── app-43 … app-50
                       ├─ base-4  Node.js ── app-25 … app-34
                       └─ app-35 … app-38

DIR/oci is one OCI layout with the tags base-1 to base-6 and app-01 to app-50; DIR/forest.json says for each the image it
is FROM and its steps, and is the form of a PLAN for other images. A layer is made once, so what two images have in common is the same blob with the same diffID.
Some name their base in org.opencontainers.image.base.name, as annotations and labels are never everywhere.

A rebuild does what a team would do with a plan: the steps of TAG are run again with the security suite on (an image that
is FROM nothing is installed anew), and every image FROM it is built again on the result, with the versions of the release
where apt finds a way, so that only what was planned changes. What is not above TAG keeps its blobs.

Needs root and mmdebstrap; layers are the upper directories of overlay mounts on a tmpfs.
"""

import argparse
import concurrent.futures
import contextlib
import functools
import gzip
import hashlib
import itertools
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
OCI = "application/vnd.oci.image."
BASE_NAME = "org.opencontainers.image.base.name"
WORKERS = 2
# Where packages come from is said by the sources.list that is mounted, and by nothing in the image.
APT = "-o APT::Sandbox::User=root -o Dir::Etc::sourceparts=/dev/null -o DPkg::Options::=--force-unsafe-io"

# FROM nothing: the packages beside the essential ones.
ROOTS = {"base-1": "", "base-5": "ca-certificates openssl perl"}
# FROM another: what each layer installs.
BASES = {
    "base-2": ("base-1", ["ca-certificates python3"]),
    "base-3": ("base-1", ["ca-certificates", "nginx-light"]),
    "base-4": ("base-1", ["nodejs"]),
    "base-6": ("base-5", ["php8.2-cli"]),
}
# FROM, how many applications, and steps for them in turn; a step that two have at the same place is one layer of both.
APPS = [
    ("base-2", 12, [["python3-aiohttp"], ["python3-lxml", "python3-django"], ["python3-dnspython"], ["libssh2-1"]]),
    ("base-2", 4, [["git"], ["git", "python3-git"]]),
    ("base-3", 8, [["redis-server"], ["memcached"], ["libmagickwand-6.q16-6"], ["libpng-tools", "rsync"]]),
    ("base-4", 10, [["node-lodash"], ["node-tar"], ["jq"], ["rsync", "zip"], ["postgresql-client-15"]]),
    ("base-1", 4, [["haproxy"], ["unzip", "bind9-dnsutils"]]),
    ("base-5", 4, [["libdbi-perl"], ["libnet-dns-perl", "libio-compress-perl"]]),
    ("base-6", 8, [["php8.2-gd"], ["php8.2-xml"], ["poppler-utils"], ["imagemagick"]]),
]


def say(text):
    print(f"forest: {text}", file=sys.stderr, flush=True)


def plan():
    """Tag -> what it is FROM and its steps; a base always comes before what is FROM it."""
    forest = {tag: {"from": None, "steps": [f"debian {packages}".strip()]} for tag, packages in ROOTS.items()}
    for tag, (base, steps) in BASES.items():
        forest[tag] = {"from": base, "steps": [f"install {packages}" for packages in steps]}
    number = 0
    for base, count, choices in APPS:
        for i in range(count):
            number += 1
            tag = f"app-{number:02}"
            installs = [f"install {packages}" for packages in choices[i % len(choices)]]
            forest[tag] = {"from": base, "steps": [*installs, f"copy {tag}"], "named": number % 3 == 0}
    return forest


class Layout:
    """An OCI layout that is written to, from several threads."""

    def __init__(self, path):
        self.path, self.tags, self.lock = path, {}, threading.Lock()
        (path / "blobs/sha256").mkdir(parents=True, exist_ok=True)

    def put(self, document, kind):
        text = json.dumps(document, separators=(",", ":")).encode()
        digest = hashlib.sha256(text).hexdigest()
        (self.path / "blobs/sha256" / digest).write_bytes(text)
        return {"mediaType": f"{OCI}{kind}+json", "digest": f"sha256:{digest}", "size": len(text)}

    def get(self, descriptor):
        return json.loads(self.blob(descriptor).read_bytes())

    def blob(self, descriptor):
        return self.path / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")

    def unpack(self, descriptor, target):
        """A layer as a lower directory of overlayfs."""
        subprocess.run(["tar", "-xzf", self.blob(descriptor), "-C", target, "--numeric-owner"], check=True)
        for white in sorted(target.rglob(".wh.*")):
            white.unlink()
            if white.name == ".wh..wh..opq":
                os.setxattr(white.parent, "trusted.overlay.opaque", b"y")
            else:
                os.mknod(white.with_name(white.name.removeprefix(".wh.")), stat.S_IFCHR, 0)

    def layer(self, write):
        """A layer from what `write` writes as a tar; its descriptor and diffID."""
        part = self.path / f"layer.{threading.get_ident()}"
        diff = hashlib.sha256()

        class Tee:
            def write(self, some):
                diff.update(some)
                return packed.write(some)

        with gzip.GzipFile(part, "wb", compresslevel=1, mtime=0) as packed:
            write(Tee())
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = part.stat().st_size
        part.rename(self.path / "blobs/sha256" / digest)
        return {"mediaType": f"{OCI}layer.v1.tar+gzip", "digest": f"sha256:{digest}", "size": size}, f"sha256:{diff.hexdigest()}"

    def image(self, tag, layers, labels):
        """`layers`: (descriptor, diffID, step) of each."""
        diff_ids = [diff_id for _, diff_id, _ in layers]
        history = [{"created_by": command(step)} for *_, step in layers]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], **({"Labels": labels} if labels else {})},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{OCI}manifest.v1+json",
            "config": self.put(config, "config.v1"),
            "layers": [descriptor for descriptor, *_ in layers],
        }
        name = {"org.opencontainers.image.ref.name": tag}
        descriptor = self.put(manifest, "manifest.v1")
        with self.lock:
            self.tags[tag] = {**descriptor, "annotations": name}

    def close(self):
        """Writes the index, and drops what no image of it needs any more."""
        needed = set()
        for descriptor in self.tags.values():
            manifest = self.get(descriptor)
            needed.update(self.blob(part) for part in [descriptor, manifest["config"], *manifest["layers"]])
        for blob in set((self.path / "blobs/sha256").iterdir()) - needed:
            blob.unlink()
        index = {"schemaVersion": 2, "manifests": [self.tags[tag] for tag in sorted(self.tags)]}
        (self.path / "index.json").write_text(json.dumps(index))
        (self.path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def command(step):
    verb, _, rest = step.partition(" ")
    return {
        "debian": "ADD rootfs.tar / # buildkit",
        "install": f"RUN /bin/sh -c apt-get install -y --no-install-recommends {rest} # buildkit",
        "copy": f"COPY {rest} /srv/{rest} # buildkit",
    }[verb]


def add_tree(top, out):
    """An upper directory of overlayfs as the tar of a layer: what is gone becomes a whiteout."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for folder, folders, files in os.walk(top):
            folders.sort()
            for name in sorted([*folders, *files]):
                path = pathlib.Path(folder, name)
                inside = path.relative_to(top)
                info = path.lstat()
                if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:
                    tar.addfile(tarfile.TarInfo(str(inside.parent / f".wh.{name}")))
                    continue
                tar.add(path, inside, recursive=False)
                if stat.S_ISDIR(info.st_mode) and "trusted.overlay.opaque" in os.listxattr(path, follow_symlinks=False):
                    tar.addfile(tarfile.TarInfo(str(inside / ".wh..wh..opq")))


@contextlib.contextmanager
def mounts():
    """Mounts that end with the block, the last first."""
    done = []

    def mount(*arguments):
        subprocess.run(["mount", *map(str, arguments)], check=True)
        done.append(arguments[-1])

    try:
        yield mount
    finally:
        for target in reversed(done):
            subprocess.run(["umount", "--lazy", str(target)], check=False)


class Builder:
    def __init__(self, work, layout):
        self.work, self.layout = work, layout
        # A chain of steps -> the layer that the last of them gives; made once, it is the same for all.
        self.made, self.lock, self.fetching = {}, threading.Lock(), threading.Lock()
        self.local, self.count, self.fallbacks = threading.local(), itertools.count(), []

    def image(self, tag, entry, below):
        """Builds an image on the chain `below`, and gives its own chain."""
        chain = below
        for step in entry["steps"]:
            chain = (*chain, (step, entry["secure"]))
            slot = self.slot(chain)
            with slot["lock"]:
                if "layer" not in slot:
                    slot["upper"] = self.folder("upper")
                    self.step(chain, slot["upper"])
                    slot["layer"] = (*self.layout.layer(functools.partial(add_tree, slot["upper"])), step)
        labels = {BASE_NAME: f"forest.example/{entry['from']}"} if entry["named"] else {}
        self.layout.image(tag, [self.slot(chain[: i + 1])["layer"] for i in range(len(chain))], labels)
        return chain

    def known(self, entry, below, descriptor):
        """Takes an image as it is, to build on it."""
        chain = below
        manifest = self.layout.get(descriptor)
        diff_ids = self.layout.get(manifest["config"])["rootfs"]["diff_ids"]
        for step in entry["steps"]:
            place = len(chain)
            chain = (*chain, (step, entry["secure"]))
            self.slot(chain)["layer"] = (manifest["layers"][place], diff_ids[place], step)
        return chain

    def slot(self, chain):
        with self.lock:
            return self.made.setdefault(chain, {"lock": threading.Lock()})

    def folder(self, name):
        path = self.work / f"{name}-{next(self.count)}"
        path.mkdir()
        return path

    def lower(self, chain):
        """The directory of the layer at the end of a chain."""
        slot = self.slot(chain)
        with slot["lock"]:
            if "upper" not in slot:
                slot["upper"] = self.folder("lower")
                self.layout.unpack(slot["layer"][0], slot["upper"])
            return str(slot["upper"])

    def step(self, chain, upper):
        step, secure = chain[-1]
        verb, _, rest = step.partition(" ")
        if verb == "debian":
            self.debian(upper, rest, secure)
        elif verb == "install":
            self.install(chain, upper, rest)
        else:
            (upper / "srv" / rest).mkdir(parents=True)
            (upper / "srv" / rest / "run.sh").write_text(f"#!/bin/sh\necho {rest}\n")

    def debian(self, target, packages, secure):
        include = [f"--include={','.join(packages.split())}"] if packages else []
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--skip=output/dev", *include]
        command += ['--aptopt=APT::Sandbox::User "root"', "--dpkgopt=force-unsafe-io", "bookworm", target]
        environment = {**os.environ, "TMPDIR": str(self.work)}
        subprocess.run([*command, self.sources(secure)], check=True, env=environment)
        # What is installed later comes from lists beside the image.
        (target / "etc/apt/sources.list").write_text("")

    def sources(self, secure):
        """A sources.list: the release, and with `secure` the security suite."""
        folder = self.work / f"apt-{secure}"
        (folder / "lists/partial").mkdir(parents=True, exist_ok=True)
        suites = ["release", "security"] if secure else ["release"]
        text = subprocess.check_output([HERE / "debian12-sources.sh", *suites], text=True)
        (folder / "sources.list").write_text(text)
        return folder / "sources.list"

    def install(self, chain, upper, packages):
        newer = any(secure for _, secure in chain)
        try:
            self.apt(chain, upper, packages, chain[-1][1])
        except RuntimeError:
            if chain[-1][1] or not newer:
                raise
            # A package of the release that wants exactly its version of one that is newer below.
            self.fallbacks.append(packages)
            shutil.rmtree(upper)
            upper.mkdir()
            self.apt(chain, upper, packages, True)

    def apt(self, chain, upper, packages, secure):
        with self.fetching:
            # What apt knows of the suites is fetched once.
            fresh = not (self.work / f"apt-{secure}").exists() or not (self.work / f"apt-{secure}/fetched").exists()
            if fresh:
                self.sources(secure)
                self.within(chain, self.folder("upper"), secure, f"apt-get -qq {APT} update")
                (self.work / f"apt-{secure}/fetched").touch()
        script = f"apt-get -qq {APT} install -y --no-install-recommends {packages}"
        self.within(chain, upper, secure, f"{script}; rm -rf /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old")

    def within(self, chain, upper, secure, script):
        """Runs a script in the image below, as a RUN step would; what it changes goes to `upper`."""
        if not hasattr(self.local, "cache"):
            # One for each thread, as apt locks it.
            self.local.cache = self.folder("cache")
            (self.local.cache / "archives/partial").mkdir(parents=True)
        root, scratch = self.folder("root"), self.folder("scratch")
        lower = ":".join(self.lower(chain[:i]) for i in range(len(chain) - 1, 0, -1))
        options = f"lowerdir={lower},upperdir={upper},workdir={scratch},redirect_dir=off,metacopy=off,index=off"
        apt = self.work / f"apt-{secure}"
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C"}
        with mounts() as mount:
            mount("-t", "overlay", "-o", options, "overlay", root)
            mount("-t", "proc", "proc", root / "proc")
            mount("--bind", "/dev", root / "dev")
            mount("--bind", apt / "lists", root / "var/lib/apt/lists")
            mount("--bind", apt / "sources.list", root / "etc/apt/sources.list")
            mount("--bind", self.local.cache, root / "var/cache/apt")
            # No service is started while packages are installed.
            (root / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
            (root / "usr/sbin/policy-rc.d").chmod(0o755)
            if pathlib.Path("/etc/resolv.conf").exists():
                (root / "etc/resolv.conf").unlink(missing_ok=True)
                shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
            outcome = subprocess.run(
                ["chroot", root, "sh", "-ec", script],
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
            (root / "usr/sbin/policy-rc.d").unlink()
            (root / "etc/resolv.conf").write_text("")
        if outcome.returncode:
            raise RuntimeError(f"{script}\n{outcome.stdout[-2000:]}")


def build(forest, out, stay):
    """Builds the images of a forest; those in `stay` (tag -> descriptor) are in the layout already."""
    start = time.monotonic()
    forest = {tag: {"named": False, "secure": False, **entry} for tag, entry in forest.items()}
    layout, work = Layout(out / "oci"), out / "work"
    work.mkdir(exist_ok=True)
    with mounts() as mount:
        mount("-t", "tmpfs", "-o", "size=80%,mode=755", "tmpfs", work)
        builder, chains = Builder(work, layout), {}

        def one(tag):
            entry, below = forest[tag], chains.get(forest[tag]["from"], ())
            if tag in stay:
                layout.tags[tag] = stay[tag]
                chains[tag] = builder.known(entry, below, stay[tag])
            else:
                chains[tag] = builder.image(tag, entry, below)

        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            rest = list(forest)
            while rest:
                ready = [tag for tag in rest if forest[tag]["from"] is None or forest[tag]["from"] in chains]
                list(pool.map(one, ready))
                made = [tag for tag in ready if tag not in stay]
                say(f"{len(made)} images built: {' '.join(made)}; {time.monotonic() - start:.0f} s so far")
                rest = [tag for tag in rest if tag not in ready]
    work.rmdir()
    layout.close()
    (out / "forest.json").write_text(json.dumps(forest, indent=1) + "\n")
    if builder.fallbacks:
        say(f"not to be had with the versions of the release: {', '.join(sorted(set(builder.fallbacks)))}")
    blobs = list((layout.path / "blobs/sha256").iterdir())
    size = sum(blob.stat().st_size for blob in blobs) >> 20
    say(f"{len(layout.tags)} images, {len(blobs)} blobs, {size} MiB in {time.monotonic() - start:.0f} s")


def rebuild(old, out, tags):
    """The forest after the images `tags` were rebuilt."""
    forest = json.loads((old / "forest.json").read_text())
    if unknown := [tag for tag in tags if tag not in forest]:
        sys.exit(f"the forest has no {', '.join(unknown)}")
    changed = set(tags)
    for tag, entry in forest.items():
        entry["secure"] |= tag in tags
        if entry["from"] in changed:
            changed.add(tag)
    say(f"{len(tags)} to rebuild, {len(changed) - len(tags)} above them, {len(forest) - len(changed)} stay")
    shutil.copytree(old / "oci", out / "oci", copy_function=os.link)
    (out / "oci/index.json").unlink()
    (out / "oci/oci-layout").unlink()
    index = json.loads((old / "oci/index.json").read_text())
    tagged = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry for entry in index["manifests"]}
    build(forest, out, {tag: entry for tag, entry in tagged.items() if tag not in changed})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    building = commands.add_parser("build")
    building.add_argument("dir", type=pathlib.Path)
    building.add_argument("plan", type=pathlib.Path, nargs="?")
    rebuilding = commands.add_parser("rebuild")
    rebuilding.add_argument("dir", type=pathlib.Path)
    rebuilding.add_argument("out", type=pathlib.Path)
    rebuilding.add_argument("tags", nargs="+", metavar="TAG")
    arguments = parser.parse_args()
    out = arguments.dir if arguments.command == "build" else arguments.out
    if (out / "oci/index.json").exists():
        say(f"{out} is there")
        return
    shutil.rmtree(out / "oci", ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    if arguments.command == "build":
        forest = json.loads(arguments.plan.read_text()) if arguments.plan else plan()
        build(forest, out.resolve(), {})
    else:
        rebuild(arguments.dir.resolve(), out.resolve(), arguments.tags)


if __name__ == "__main__":
    main()
