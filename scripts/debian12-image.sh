#!/bin/sh
# Builds an image of Debian 12 as it was released, without the security suite, and what must be found in it:
#
#   scripts/debian12-image.sh DIR [RECORDS]      RECORDS defaults to crates/advisory/starter/debian-12.jsonl
#
# DIR/oci is the image (tag debian12): a server with web servers, databases, languages and a compiler, in two layers.
# DIR/expected.json is what dpkg itself says is affected: see debian12-expected.py. Needs root, mmdebstrap and umoci.
set -eu
dir=${1:?usage: debian12-image.sh DIR [RECORDS]}
here=$(cd "$(dirname "$0")" && pwd)
records=${2:-$here/../crates/advisory/starter/debian-12.jsonl}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
say() { printf 'Debian 12 as released: %s\n' "$*" >&2; }

# What the security suite has mended since is chosen on purpose; the rest comes with it.
packages=ca-certificates,curl,openssl,openssh-server,gnupg,git,rsync,zip,unzip,jq,bind9-dnsutils
packages=$packages,nginx,apache2,haproxy,squid,memcached,redis-server,postgresql-15,mariadb-server
packages=$packages,python3,python3-aiohttp,python3-django,python3-lxml,php8.2-cli,php8.2-fpm,nodejs,ruby,perl
packages=$packages,openjdk-17-jre-headless,tomcat10,imagemagick,ghostscript,poppler-utils,ffmpeg,gcc,libc6-dev

if [ ! -f "$dir/image-done" ]; then
    rm -rf "$dir/work" "$dir/oci"
    mkdir -p "$dir/work"
    "$here/debian12-sources.sh" release > "$dir/work/sources.list"
    say "layer 1: the essential packages"
    # apt runs as root, so that it can write to any directory for temporary files.
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Sandbox::User "root"' \
        bookworm "$dir/work/base.tar" "$dir/work/sources.list"
    umoci --log=error init --layout "$dir/oci"
    umoci --log=error new --image "$dir/oci:debian12"
    umoci --log=error raw add-layer --image "$dir/oci:debian12" --history.created_by 'ADD rootfs.tar /' "$dir/work/base.tar"
    say "layer 2: a server"
    umoci --log=error unpack --image "$dir/oci:debian12" "$dir/work/bundle"
    root=$dir/work/bundle/rootfs
    mount -t proc proc "$root/proc"
    trap 'umount "$root/proc" 2>/dev/null || true' EXIT
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
    chmod +x "$root/usr/sbin/policy-rc.d"
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LANG=C sh -c "
        set -e
        apt-get -qq -o APT::Sandbox::User=root update
        apt-get -qq -o APT::Sandbox::User=root -o DPkg::Options::=--force-unsafe-io install -y --no-install-recommends $(echo "$packages" | tr , ' ')
        apt-get clean
        rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d" > "$dir/work/log" 2>&1 || { tail -n 20 "$dir/work/log" >&2; exit 1; }
    umount "$root/proc"
    : > "$root/etc/resolv.conf"
    umoci --log=error repack --image "$dir/oci:debian12" --history.created_by 'RUN apt-get install -y a server # buildkit' "$dir/work/bundle"
    cp "$root/var/lib/dpkg/status" "$dir/status"
    rm -rf "$dir/work"
    touch "$dir/image-done"
fi
"$here/debian12-expected.py" "$records" "$dir/status" "$dir/expected.json"
