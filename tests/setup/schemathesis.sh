#!/bin/sh
# Fetches schemathesis, which the tests hold the API's description against, into a cache folder outside the tree.
# Idempotent; MALOTE_SCHEMATHESIS names a program of one's own. Prints the program on success.
set -eu

version=4.32.5
if [ -n "${MALOTE_SCHEMATHESIS:-}" ]; then
    echo "$MALOTE_SCHEMATHESIS"
    exit 0
fi
cache="${XDG_CACHE_HOME:-$HOME/.cache}/malote/schemathesis-$version"
if [ -e "$cache/.complete" ]; then
    echo "$cache/bin/schemathesis"
    exit 0
fi
rm -rf "$cache"
mkdir -p "$(dirname "$cache")"
python3 -m venv "$cache" || {
    echo "schemathesis.sh: python3 has no venv; the API's description will not be held against the API" >&2
    exit 1
}
"$cache/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" >&2
touch "$cache/.complete"
echo "$cache/bin/schemathesis"
