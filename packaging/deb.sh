#!/bin/sh
# Puts the built program into a Debian package: packaging/deb.sh PROGRAM FOLDER
# Needs dpkg-dev; the package asks for exactly the libraries that the program was linked with.
set -eu

program=$(realpath "$1")
out=$(mkdir -p "$2" && realpath "$2")
cd "$(dirname "$0")/.."
version=$("$program" --version | cut -d ' ' -f 2)
architecture=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT INT TERM

tree=$root/tree
install -Dm 0755 -s "$program" "$tree/usr/bin/malote"
install -Dm 0644 packaging/malote.service "$tree/usr/lib/systemd/system/malote.service"
install -Dm 0640 packaging/malote.env "$tree/etc/malote/malote.env"
install -Dm 0755 scripts/verify-migration.sh "$tree/usr/share/malote/verify-migration.sh"
for document in README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT docs/*.md; do
    install -Dm 0644 "$document" "$tree/usr/share/doc/malote/$(basename "$document")"
done
mkdir -p "$tree/usr/share/bash-completion/completions" "$tree/usr/share/zsh/vendor-completions" \
    "$tree/usr/share/fish/vendor_completions.d"
"$program" completions bash >"$tree/usr/share/bash-completion/completions/malote"
"$program" completions zsh >"$tree/usr/share/zsh/vendor-completions/_malote"
"$program" completions fish >"$tree/usr/share/fish/vendor_completions.d/malote.fish"

# dpkg-shlibdeps reads the libraries off the program; it wants a source package around it.
mkdir -p "$root/debian"
printf 'Source: malote\n\nPackage: malote\nArchitecture: any\n' >"$root/debian/control"
libraries=$(cd "$root" && dpkg-shlibdeps -O -e tree/usr/bin/malote 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$libraries" ] || { echo "deb: the program's libraries are of no package" >&2; exit 1; }

mkdir "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: malote
Version: $version
Architecture: $architecture
Maintainer: The Malote authors <malote@localhost>
Depends: $libraries, adduser, ca-certificates
Recommends: curl, jq
Suggests: postgresql
Section: mail
Priority: optional
Installed-Size: $(du -sk "$tree" | cut -f 1)
Description: moves mailboxes between servers and proves that nothing is missing
 Copies IMAP mailboxes, personal stores (PST) and mail archives exactly once,
 and runs whole domains through a service with a gate before DNS is changed.
CONTROL
printf '/etc/malote/malote.env\n' >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 0755 "packaging/debian/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)

package=$out/malote_${version}_${architecture}.deb
dpkg-deb --root-owner-group --build "$tree" "$package" >/dev/null
echo "$package"
