#!/bin/sh
# Installs the Debian packages that are missing: `install.sh build` what building needs,
# `install.sh test` what the tests need as well. Does nothing where all is there.
set -eu
build="gcc make pkg-config clang-16 llvm-16 libelf-dev zlib1g-dev npm"
test="$build mmdebstrap umoci chromium binutils busybox-static containerd runc skopeo docker-registry apache2-utils openssl rpm db5.3-util
    docker.io podman iproute2 procps maven python3-venv golang-go zstd libxml2-utils minisign postgresql sysdig nginx-light redis-server qemu-system-x86 systemd util-linux"
case ${1:-} in
build) wanted=$build ;;
test) wanted=$test ;;
*) echo "usage: install.sh build|test" >&2; exit 2 ;;
esac
missing=
for package in $wanted; do
    # A tool from elsewhere (a newer Go, say) counts, too.
    case $package in
    golang-go) command -v go >/dev/null && continue ;;
    maven) command -v mvn >/dev/null && continue ;;
    npm) command -v npm >/dev/null && continue ;;
    python3*) python3 -c 'import venv, ensurepip' 2>/dev/null && continue ;;
    esac
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if ! command -v cargo >/dev/null; then
    echo "There is no Rust toolchain here. Install Rust 1.95 or newer (see rustup), then try again." >&2
    exit 1
fi
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "Please install, with your package manager:$missing" >&2
    exit 1
fi
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
echo "installing:$missing" >&2
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
