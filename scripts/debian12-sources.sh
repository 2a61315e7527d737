#!/bin/sh
# Prints where Debian 12 comes from, as lines of a sources.list: debian12-sources.sh [release|security]...
# The mirrors are those that this machine's apt is set to; GABION_DEBIAN_MIRROR and GABION_DEBIAN_SECURITY_MIRROR
# name others.
set -eu
[ $# -gt 0 ] || set -- release security
mirror() {
    apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | sed -n "s/^$1 //p" | head -n 1
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for suite; do
    case $suite in
    release) codename=bookworm uri=${GABION_DEBIAN_MIRROR:-} ;;
    security) codename=bookworm-security uri=${GABION_DEBIAN_SECURITY_MIRROR:-} ;;
    *) echo "usage: debian12-sources.sh [release|security]..." >&2; exit 2 ;;
    esac
    uri=${uri:-$(mirror "$codename")}
    if [ -z "$uri" ]; then
        echo "apt knows no mirror of $codename here; set GABION_DEBIAN_MIRROR and GABION_DEBIAN_SECURITY_MIRROR" >&2
        exit 1
    fi
    echo "deb [signed-by=$keyring] $uri $codename main"
done
