#!/bin/bash
# Runs every fuzz target for SECONDS, from small valid files on: `fuzz.sh SECONDS [TARGET...]`.
# One line for each target; exit 1 if one found a crash, a hang or a memory blow-up. What was learnt stays in fuzz/corpus.
# Needs only a stable toolchain: coverage comes from LLVM; there is no sanitizer, as there is no unsafe code.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?usage: fuzz.sh SECONDS [TARGET...]}
shift
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gabion
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$cache/target}
export PATH=$cache/tools/bin:$PATH
cargo=(cargo)
# Only rustup knows +TOOLCHAIN; elsewhere there is one toolchain.
command -v rustup >/dev/null && rustup toolchain list | grep -q '^stable' && cargo=(cargo +stable)

if ! cargo-fuzz --version 2>/dev/null | grep -q ' 0\.13\.'; then
    echo "installing cargo-fuzz" >&2
    "${cargo[@]}" install cargo-fuzz --version '^0.13' --locked --quiet --root "$cache/tools" --target-dir "$CARGO_TARGET_DIR/tools"
fi

"${cargo[@]}" run --quiet --locked --manifest-path fuzz/Cargo.toml --package gabion-fuzz-seeds -- fuzz/corpus
"${cargo[@]}" fuzz build --sanitizer none >&2
programs=$CARGO_TARGET_DIR/$(rustc -vV | sed -n 's/^host: //p')/release

[ $# -gt 0 ] || set -- $("${cargo[@]}" fuzz list)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
for target; do
    mkdir -p "fuzz/corpus/$target" "fuzz/artifacts/$target"
    # Formats are told by their first kilobytes; layers hold several files.
    case $target in
    layer | archive | tarball | report) longest=65536 ;;
    secrets) longest=200000 ;;
    *) longest=16384 ;;
    esac
    if "$programs/$target" "fuzz/corpus/$target" -max_total_time="$seconds" -rss_limit_mb=512 -malloc_limit_mb=256 \
        -timeout=10 -max_len=$longest -artifact_prefix="fuzz/artifacts/$target/" -print_final_stats=1 2>"$log"; then
        coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
        printf '%-12s %10s runs, %s, %s MiB\n' "$target" "$runs" "$coverage" "$peak"
    else
        failed=1
        input=$(grep -o "fuzz/artifacts/$target/[a-z]*-[0-9a-f]*" "$log" | tail -n 1 || true)
        printf '%-12s FAILED: %s: %s\n' "$target" "${input:-no input}" "$(grep -m 1 -A 1 -E 'panicked at|ERROR: libFuzzer' "$log" | tr '\n' ' ')"
    fi
done
exit $failed
