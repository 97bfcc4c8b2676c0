#!/bin/sh
# Installs what the build and the demo need and the machine lacks; with --tests also what the tests need.
# Does nothing when all is there. Never leaves a service of the installed packages running.
set -eu

cd "$(dirname "$0")"

packages="gcc libc6-dev pkg-config make ca-certificates dovecot-imapd libpff-dev python3"
if [ "${1:-}" = "--tests" ]; then
    # Cyrus itself is unpacked beside the system, below; its passwords go through these plug-ins. PostgreSQL is
    # started by the tests themselves; the PST tools are other readers that ours are held against.
    packages="$packages libsasl2-modules postgresql pst-utils pff-tools curl jq poppler-utils"
    # The console is looked at by a real browser.
    packages="$packages chromium chromium-driver fonts-dejavu-core"
    # What holds the API's description against the API lives in a folder of its own, with the packages it needs.
    packages="$packages python3-venv"
    # Some machines have an npm of their own, beside which Debian's cannot stand.
    command -v npm >/dev/null || packages="$packages npm"
fi

installed() {
    dpkg -s "$1" 2>/dev/null | grep -q '^Status: install ok installed$'
}

# Keeps packages from starting their services while they are installed, unless the machine has a policy.
policy=/usr/sbin/policy-rc.d
install_packages() {
    has_policy=yes
    if [ ! -e "$policy" ]; then
        has_policy=no
        printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
        $as_root chmod 755 "$policy"
        trap '$as_root rm -f "$policy"' EXIT INT TERM
    fi
    $as_root apt-get update -q
    # shellcheck disable=SC2086  # the package names are meant to be split
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
    if [ "$has_policy" = no ]; then
        $as_root rm -f "$policy"
        trap - EXIT INT TERM
    fi
}

if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: not Debian or Ubuntu; install these yourself: a C compiler, pkg-config, make, Dovecot 2.3, python3" >&2
else
    missing=""
    for package in $packages; do
        installed "$package" || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        if [ "$(id -u)" -eq 0 ]; then
            as_root=""
        elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root="sudo"
        else
            echo "setup: missing packages, and neither root nor sudo without a password. Run:" >&2
            echo "  apt-get install --no-install-recommends$missing" >&2
            exit 1
        fi
        echo "setup: installing$missing"
        install_packages
    fi
fi

command -v cargo >/dev/null || {
    echo "setup: no Rust tool chain found; install Rust 1.94 or later (rustup, or your system's package)" >&2
    exit 1
}

if [ "${1:-}" = "--tests" ]; then
    # Tests of these say that they are skipped where they cannot be had; everything else still counts.
    for server in cyrus courier; do
        sh tests/setup/unpack.sh "$server" >/dev/null ||
            echo "setup: $server is not available; its tests will be skipped" >&2
    done
    sh tests/setup/axe.sh >/dev/null ||
        echo "setup: axe-core is not available; the rules of accessibility will not be held" >&2
    sh tests/setup/schemathesis.sh >/dev/null ||
        echo "setup: schemathesis is not available; the API's description will not be held against the API" >&2
fi
