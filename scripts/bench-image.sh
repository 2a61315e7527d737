#!/bin/sh
# Builds the image of the benchmark from distribution packages, as a docker archive and as an OCI layout.
#
#   scripts/bench-image.sh DIR
#
# Three gzip layers, about 850 MB unpacked: Debian 12 minbase; python3, pip, nodejs, npm, nginx, a JRE and curl;
# an application with npm and PyPI packages and a shaded jar. Needs root, mmdebstrap, umoci and skopeo.
set -eu
dir=${1:?usage: bench-image.sh DIR}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
# One that another version of this script built is built again.
version=$(sha256sum < "$0")
[ "$(cat "$dir/done" 2>/dev/null)" = "$version" ] && exit 0
work=$dir/work
rm -rf "$work" "$dir/done" "$dir/oci" "$dir/bench.tar" "$dir/rootfs"
mkdir -p "$work"
say() { printf 'bench image: %s\n' "$*" >&2; }

say "layer 1: Debian 12 minbase"
mmdebstrap --quiet --variant=minbase bookworm "$work/base.tar"
umoci --log=error init --layout "$dir/oci"
umoci --log=error new --image "$dir/oci:bench"
umoci --log=error raw add-layer --image "$dir/oci:bench" \
    --history.created_by '/bin/sh -c #(nop) ADD file:rootfs in / ' "$work/base.tar"

umoci --log=error unpack --image "$dir/oci:bench" "$work/bundle"
root=$work/bundle/rootfs
cleanup() { umount "$root/proc" 2>/dev/null || true; }
trap cleanup EXIT
# What a RUN step does: a chroot with the host's resolver and /proc, none of which stays.
run() {
    mount -t proc proc "$root/proc"
    cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LANG=C sh -c "$1"
    umount "$root/proc"
    : > "$root/etc/resolv.conf"
}
say "layer 2: python3 pip nodejs npm nginx JRE curl"
step='apt-get -qq update && apt-get -qq install -y --no-install-recommends ca-certificates python3 python3-pip nodejs npm nginx default-jre-headless curl && apt-get clean && rm -rf /var/lib/apt/lists/*'
run "$step" >/dev/null 2>&1
umoci --log=error repack --refresh-bundle --image "$dir/oci:bench" \
    --history.created_by "RUN /bin/sh -c $step # buildkit" "$work/bundle"

say "layer 3: an application"
app=$root/srv/app
mkdir -p "$app"
(cd "$app" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund \
    express@4.19.2 lodash@4.17.20 axios@1.6.0 react@18.2.0 webpack@5.90.0 typescript@5.3.3 @babel/core@7.23.0 jest@29.7.0)
python3 -m pip install --quiet --no-compile --disable-pip-version-check --root-user-action=ignore --target "$root/usr/local/lib/python3.11/dist-packages" \
    django==4.2.7 flask==3.0.0 requests==2.31.0 boto3==1.33.0 numpy==1.26.2 psycopg2-binary==2.9.9
mkdir -p "$app/lib"
for gav in io.grpc:grpc-netty-shaded:1.59.0 com.google.guava:guava:32.1.3-jre org.apache.logging.log4j:log4j-core:2.17.1; do
    mvn -q dependency:copy -Dartifact="$gav" -DoutputDirectory="$app/lib" >/dev/null
done
printf 'DATABASE_URL=postgres://app:%s@db/app\n' "$(echo bench-image | sha256sum | cut -c1-24)" > "$app/.env"
cat > "$app/server.js" <<'JS'
require('express')().get('/', (_, response) => response.send('ok')).listen(8080)
JS
umoci --log=error repack --image "$dir/oci:bench" --history.created_by 'COPY . /srv/app # buildkit' "$work/bundle"
umoci --log=error config --image "$dir/oci:bench" --config.exposedports 8080/tcp --config.workingdir /srv/app \
    --config.env PATH=/usr/sbin:/usr/bin:/sbin:/bin --config.entrypoint node --config.cmd server.js
skopeo --insecure-policy copy -q "oci:$dir/oci:bench" "docker-archive:$dir/bench.tar:gabion/bench:latest"
mv "$root" "$dir/rootfs"
rm -rf "$work"
du -sm "$dir/rootfs" "$dir/bench.tar" >&2
echo "$version" > "$dir/done"
