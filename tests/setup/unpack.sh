#!/bin/sh
# Unpacks one of Debian's mail servers into a cache folder outside the tree, without installing it: `unpack.sh cyrus`,
# `unpack.sh courier`. Debian's IMAP servers conflict as installed packages, and Dovecot is the installed one.
# Idempotent; MALOTE_CYRUS_ROOT and MALOTE_COURIER_ROOT choose other folders. Prints the folder on success.
set -eu

name="${1:-}"
case "$name" in
cyrus)
    wanted="cyrus-imapd cyrus-common"
    program=usr/lib/cyrus/bin/imapd
    chosen="${MALOTE_CYRUS_ROOT:-}"
    ;;
courier)
    wanted="courier-imap courier-authlib"
    program=usr/bin/imapd
    chosen="${MALOTE_COURIER_ROOT:-}"
    ;;
*)
    echo "unpack.sh: which server? cyrus or courier" >&2
    exit 2
    ;;
esac

cache="${chosen:-${XDG_CACHE_HOME:-$HOME/.cache}/malote/$name}"
complete="$cache/.complete"

if [ -e "$complete" ]; then
    echo "$cache"
    exit 0
fi

for tool in apt-get apt-cache dpkg ldd; do
    command -v "$tool" >/dev/null || {
        echo "unpack.sh: $tool is missing; $name can only be unpacked on Debian or Ubuntu" >&2
        exit 1
    }
done

# Direct dependencies of one package that are shared libraries: its scripts, MTA and cron are never run.
libraries_of() {
    apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$1" |
        sed -n 's/^ *|\{0,1\}Depends: \(lib[^ <>]*\)$/\1/p'
}

installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Walks the dependencies breadth first and stops at what the machine already has.
queue="$wanted"
while [ -n "$queue" ]; do
    next=""
    for package in $queue; do
        for library in $(libraries_of "$package"); do
            case " $wanted " in *" $library "*) continue ;; esac
            if ! installed "$library"; then
                wanted="$wanted $library"
                next="$next $library"
            fi
        done
    done
    queue="$next"
done

mkdir -p "$(dirname "$cache")"
staging="$(mktemp -d "$(dirname "$cache")/$name-staging.XXXXXX")"
trap 'rm -rf "$staging"' EXIT
mkdir "$staging/packages" "$staging/root"

# shellcheck disable=SC2086  # the package names are meant to be split
if ! (cd "$staging/packages" && apt-get download $wanted >"$staging/log" 2>&1); then
    cat "$staging/log" >&2
    echo "unpack.sh: download failed; 'apt-get update' may help" >&2
    exit 1
fi
for archive in "$staging"/packages/*.deb; do
    dpkg -x "$archive" "$staging/root"
done

# A library that is absent shows up here, at set-up time, and not as a server that dies in a test.
libraries="$(find "$staging/root" -name '*.so*' -exec dirname {} \; | sort -u | tr '\n' ':')"
missing="$(LD_LIBRARY_PATH="$libraries" ldd "$staging/root/$program" | grep 'not found' || true)"
if [ -n "$missing" ]; then
    echo "unpack.sh: libraries still missing:" >&2
    echo "$missing" >&2
    exit 1
fi

# A server that drops root, and whoever runs the tests, must be able to read its programs.
chmod -R a+rX "$staging/root"
touch "$staging/root/.complete"
# Several tests may have found the cache empty at once: the first to finish wins.
if [ ! -e "$complete" ]; then
    rm -rf "$cache"
    mv -T "$staging/root" "$cache" 2>/dev/null || [ -e "$complete" ]
fi
echo "$cache"
