#!/bin/sh
# Licences, banned crates and sources, with cargo-deny; installed once into the cache.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gabion
version=0.20.2
if ! "$cache/tools/bin/cargo-deny" --version 2>/dev/null | grep -q " $version$"; then
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
        cargo install --quiet --locked --root "$cache/tools" --target-dir "$cache/tools/target" "cargo-deny@$version"
    rm -rf "$cache/tools/target"
fi
"$cache/tools/bin/cargo-deny" --all-features check bans licenses sources
