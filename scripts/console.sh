#!/bin/bash
# The console: `console.sh build` into console/dist, `console.sh check` also looks at types, form and units, `console.sh tour BINARY [SHOTS]`
# opens every page of a hub of its own in a browser. Needs npm; where node is too old, a newer one comes from npm.
set -euo pipefail
cd "$(dirname "$0")/../console"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/gabion
recent() { node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; }
if ! recent; then
    command -v npm >/dev/null || { echo "There is no npm here: install it (Debian: npm), then try again." >&2; exit 1; }
    [ -x "$cache/node/node_modules/node/bin/node" ] || npm install --silent --no-save --prefix "$cache/node" node@24 >&2
    PATH=$cache/node/node_modules/node/bin:$PATH
fi
stamp=node_modules/.gabion-lock
if ! cmp -s package-lock.json "$stamp"; then
    npm ci --silent --no-audit --no-fund >&2
    cp package-lock.json "$stamp"
fi
case ${1:-} in
build)
    # Unchanged sources need no new build.
    sum=$(find src public scripts index.html package-lock.json vite.config.ts tsconfig.json -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
    if [ "$(cat dist/.sources 2>/dev/null)" != "$sum" ]; then
        npm run --silent build >&2
        echo "$sum" >dist/.sources
    fi
    ;;
check)
    npm run --silent check
    npm run --silent test
    ;;
tour)
    binary=$(realpath "$2")
    shots=${3:-$(mktemp -d)}
    state=$(mktemp -d)
    trap '"$binary" down --demo --state "$state" --purge >/dev/null 2>&1 || true; rm -rf "$state"' EXIT
    # With root there is something to see: containers, findings, an incident, somebody to respond to.
    if [ "$(id -u)" = 0 ]; then
        what=--demo
    elif [ "${CI:-}" = true ]; then
        echo "not run: the demo needs root" >&2
        exit 1
    else
        what=--no-agent
    fi
    "$binary" up --detach $what --state "$state" --listen 127.0.0.1:0 --agents 127.0.0.1:0 >&2
    url=$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' "$state/up.json")
    token=$(cat "$state/hub/admin-token")
    if [ $what = --demo ]; then
        any() { curl -sf --noproxy '*' -H "Authorization: Bearer $token" "$url/api/v1/$1" | grep -q '"id"'; }
        for _ in $(seq 120); do
            if any 'incidents?state=open&q=shop' && any 'findings?repository=demo/shop-web'; then break; fi
            sleep 0.5
        done
        node test/paths.mjs "$url" "$token" "$shots"
        # One of each that the demo does not bring, so that its page is opened.
        make() {
            curl -sSf --noproxy '*' -o /dev/null -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$url/api/v1/$1" -d "$2"
        }
        make policies '{"text": "version: 1\nname: production\nrules:\n  - id: no-known-exploited\n    action: fail\n    finding: {exploited: true}\n", "reason": "nothing that is attacked already"}'
        make configurations '{"rules": "- rule: Package manager in a container\n  desc: Images are built, not changed\n  condition: evt.type = execve and container.id != host and proc.name in (apt, pip)\n  output: \"%proc.cmdline\"\n  priority: WARNING\n", "reason": "images are built, not changed"}'
        make registries '{"name": "main", "url": "http://127.0.0.1:9", "repositories": ["shop/web"]}'
        make sinks '{"name": "file", "target": {"kind": "file"}, "records": ["alerts"], "least": "high"}'
        make notification-rules '{"name": "shop", "sink": "file", "owners": ["shop"], "least": "high", "running": false}'
        make exceptions "{\"kind\": \"deferral\", \"rule\": \"CVE-2023-38545\", \"owner\": \"shop\", \"reason\": \"with the next base\", \"expires\": $(($(date +%s) + 2592000))000}"
    fi
    node test/signin.mjs "$url" "$token" "$shots"
    node test/tour.mjs "$url" "$token" "$shots" "$what"
    ;;
*)
    echo "usage: console.sh build|check|tour BINARY [SHOTS]" >&2
    exit 2
    ;;
esac
