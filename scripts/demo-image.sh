#!/bin/sh
# Builds a real image from distribution packages, to have something to scan: demo-image.sh DIR
# Debian 12 with a web server, and one careless layer on top. Needs root (or sudo) for the file owners.
set -eu
dir=${1:?usage: demo-image.sh DIR}
[ -f "$dir/done" ] && exit 0
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
$sudo rm -rf "$dir"
mkdir -p "$dir/work"
say() { printf 'demo image: %s\n' "$*" >&2; }
say "Debian 12 with nginx and python3 (about a minute)"
$sudo mmdebstrap --quiet --variant=minbase --include=nginx-light,python3-minimal,python3-requests bookworm "$dir/work/base.tar"
say "an application with a forgotten key"
mkdir -p "$dir/work/layer/srv/app"
{
    echo "[default]"
    printf 'aws_access_key_id = AKIA%s\n' "$(od -An -tx1 -N64 /dev/urandom | tr -dc 'a-f2-7' | tr a-f A-F | cut -c1-16)"
    printf 'aws_secret_access_key = %s\n' "$(head -c 30 /dev/urandom | base64)"
} > "$dir/work/layer/srv/app/credentials"
tar --owner=0 --group=0 -C "$dir/work/layer" -cf "$dir/work/app.tar" .
umoci --log=error init --layout "$dir/oci"
umoci --log=error new --image "$dir/oci:demo"
$sudo chmod a+r "$dir/work/base.tar"
umoci --log=error raw add-layer --image "$dir/oci:demo" --history.created_by 'ADD rootfs.tar /' "$dir/work/base.tar"
umoci --log=error raw add-layer --image "$dir/oci:demo" --history.created_by 'COPY . /srv/app # buildkit' "$dir/work/app.tar"
umoci --log=error config --image "$dir/oci:demo" --config.exposedports 80/tcp --config.entrypoint nginx \
    --config.env PATH=/usr/sbin:/usr/bin:/sbin:/bin
$sudo rm -rf "$dir/work"
touch "$dir/done"
