#!/bin/sh
# Unpacks Debian's Courier IMAP into a cache folder outside the tree, without installing it.
# Debian's IMAP servers conflict as installed packages, and Dovecot is the installed one.
# Idempotent; MALOTE_COURIER_ROOT chooses another folder. Prints the folder on success.
set -eu

cache="${MALOTE_COURIER_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/malote/courier}"
complete="$cache/.complete"

if [ -e "$complete" ]; then
    echo "$cache"
    exit 0
fi

for tool in apt-get apt-cache dpkg ldd; do
    command -v "$tool" >/dev/null || {
        echo "courier.sh: $tool is missing; Courier can only be unpacked on Debian or Ubuntu" >&2
        exit 1
    }
done

# Direct dependencies of one package that are shared libraries: its MTA and scripts are never run.
libraries_of() {
    apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$1" |
        sed -n 's/^ *|\{0,1\}Depends: \(lib[^ <>]*\)$/\1/p'
}

installed() {
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
}

# Walks the dependencies breadth first and stops at what the machine already has.
wanted="courier-imap courier-authlib"
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
staging="$(mktemp -d "$(dirname "$cache")/courier-staging.XXXXXX")"
trap 'rm -rf "$staging"' EXIT
mkdir "$staging/packages" "$staging/root"

# shellcheck disable=SC2086  # the package names are meant to be split
if ! (cd "$staging/packages" && apt-get download $wanted >"$staging/log" 2>&1); then
    cat "$staging/log" >&2
    echo "courier.sh: download failed; 'apt-get update' may help" >&2
    exit 1
fi
for archive in "$staging"/packages/*.deb; do
    dpkg -x "$archive" "$staging/root"
done

# A library that is absent shows up here, at set-up time, and not as a server that dies in a test.
libraries="$(find "$staging/root" -name '*.so*' -exec dirname {} \; | sort -u | tr '\n' ':')"
missing="$(LD_LIBRARY_PATH="$libraries" ldd "$staging/root/usr/bin/imapd" | grep 'not found' || true)"
if [ -n "$missing" ]; then
    echo "courier.sh: libraries still missing:" >&2
    echo "$missing" >&2
    exit 1
fi

# Whoever runs the tests must be able to read its programs.
chmod -R a+rX "$staging/root"
touch "$staging/root/.complete"
# Several tests may have found the cache empty at once: the first to finish wins.
if [ ! -e "$complete" ]; then
    rm -rf "$cache"
    mv -T "$staging/root" "$cache" 2>/dev/null || [ -e "$complete" ]
fi
echo "$cache"
