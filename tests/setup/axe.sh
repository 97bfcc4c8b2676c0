#!/bin/sh
# Fetches axe-core, which the tests run on every page of the console, into a cache folder outside the tree.
# Idempotent; MALOTE_AXE names a file of one's own. Prints the file on success.
set -eu

version=4.10.3
if [ -n "${MALOTE_AXE:-}" ]; then
    echo "$MALOTE_AXE"
    exit 0
fi
cache="${XDG_CACHE_HOME:-$HOME/.cache}/malote/axe-$version"
if [ -e "$cache/axe.min.js" ]; then
    echo "$cache/axe.min.js"
    exit 0
fi
command -v npm >/dev/null || {
    echo "axe.sh: npm is missing; pages are tested without axe-core" >&2
    exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
(cd "$work" && npm pack --silent "axe-core@$version" >/dev/null && tar -xzf "axe-core-$version.tgz" package/axe.min.js)
mkdir -p "$cache"
mv "$work/package/axe.min.js" "$cache/axe.min.js.part"
mv "$cache/axe.min.js.part" "$cache/axe.min.js"
echo "$cache/axe.min.js"
