#!/bin/sh
# Builds an image of Debian 12 as it was released, without the security suite, and what must be found in it:
#
#   scripts/debian12-image.sh DIR [RECORDS]      RECORDS defaults to crates/advisory/starter/debian-12.jsonl
#
# DIR/oci is the image (tag debian12): a server with web servers, databases, languages and a compiler, above a base.
# DIR/expected.json is what dpkg itself says is affected (see debian12-expected.py). Needs what forest.py needs.
set -eu
dir=${1:?usage: debian12-image.sh DIR [RECORDS]}
here=$(cd "$(dirname "$0")" && pwd)
records=${2:-$here/../crates/advisory/starter/debian-12.jsonl}
mkdir -p "$dir"

# What the security suite has mended since is chosen on purpose; the rest comes with it.
packages="ca-certificates curl openssl openssh-server gnupg git rsync zip unzip jq bind9-dnsutils"
packages="$packages nginx apache2 haproxy squid memcached redis-server postgresql-15 mariadb-server"
packages="$packages python3 python3-aiohttp python3-django python3-lxml php8.2-cli php8.2-fpm nodejs ruby perl"
packages="$packages openjdk-17-jre-headless tomcat10 imagemagick ghostscript poppler-utils ffmpeg gcc libc6-dev"
cat > "$dir/plan.json" <<JSON
{
  "debian12-base": {"from": null, "steps": ["debian"]},
  "debian12": {"from": "debian12-base", "steps": ["install $packages"]}
}
JSON
"$here/forest.py" build "$dir" "$dir/plan.json"
"$here/debian12-expected.py" "$records" "$dir/oci" "$dir/expected.json"
