#!/bin/bash
# bench-entries.sh GABION DIRECTORY [ENTRIES]
#
# Makes an image with one layer of 3 million entries below DIRECTORY, once, and scans it: without a cache, filling
# one, and with it. Prints wall time and peak memory of the process tree.
set -eu -o pipefail
gabion=$1 directory=$2 entries=${3:-3000000}
image=$directory/entries-$entries

if [[ ! -e $image/oci-layout ]]; then
    mkdir -p "$image/blobs/sha256"
    python3 - "$entries" "$image" <<'PYTHON'
import gzip, hashlib, json, os, sys

entries, image = int(sys.argv[1]), sys.argv[2]
blobs = os.path.join(image, "blobs", "sha256")

# One ustar header for all; only name and checksum change.
header = bytearray(512)
header[100:124] = b"0000644\0" + b"0000000\0" * 2  # mode, owner, group
header[124:148] = b"00000000000\0" * 2  # size, time
header[148:156] = b" " * 8  # the checksum counts itself as blanks
header[156:265] = b"0".ljust(101, b"\0") + b"ustar\00000"
base = sum(header)

def blocks():
    some = bytearray()
    for n in range(entries):
        name = b"srv/data/%04d/file-%07d.bin" % (n // 1000, n)
        checksum = b"%06o\0 " % (base + sum(name))
        some += name + header[len(name):148] + checksum + header[156:]
        if len(some) > 1 << 20:
            yield bytes(some)
            some.clear()
    yield bytes(some) + bytes(1024)

diff_id, path = hashlib.sha256(), os.path.join(image, "layer")
with gzip.GzipFile(path, "wb", compresslevel=1, mtime=0) as layer:
    for block in blocks():
        diff_id.update(block)
        layer.write(block)
size = os.path.getsize(path)
with open(path, "rb") as layer:
    digest = hashlib.file_digest(layer, "sha256").hexdigest()
os.rename(path, os.path.join(blobs, digest))

def put(document, kind):
    text = json.dumps(document).encode()
    name = hashlib.sha256(text).hexdigest()
    with open(os.path.join(blobs, name), "wb") as file:
        file.write(text)
    return {"mediaType": kind, "digest": "sha256:" + name, "size": len(text)}

oci = "application/vnd.oci.image."
config = {"architecture": "amd64", "os": "linux", "config": {},
          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + diff_id.hexdigest()]}}
manifest = {"schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
            "config": put(config, oci + "config.v1+json"),
            "layers": [{"mediaType": oci + "layer.v1.tar+gzip", "digest": "sha256:" + digest, "size": size}]}
index = {"schemaVersion": 2, "manifests": [put(manifest, oci + "manifest.v1+json")]}
for name, document in (("index.json", index), ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
    with open(os.path.join(image, name), "w") as file:
        json.dump(document, file)
PYTHON
fi

cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
scan() {
    printf '%-14s ' "$1"
    "$gabion" scan "oci:$image" --stats --quiet --format json "${@:2}" 2>&1 >/dev/null
}
echo "$entries entries"
scan 'no cache' --no-cache
scan 'empty cache' --cache-dir "$cache"
scan 'cached' --cache-dir "$cache"
