#!/bin/sh
# unpack.sh FOLDER PACKAGE ...
#
# Unpacks Debian packages, and those they need that are not installed, into
# FOLDER, without installing any: mail programs conflict as packages, and a
# test must not change the system's mail. Run what is in it with
#   LD_LIBRARY_PATH=FOLDER/usr/lib/postfix:FOLDER/usr/lib/ARCH PATH=FOLDER/usr/bin:...
# FOLDER/env is a shell file that sets both.
set -eu
folder=$1; shift
mkdir -p "$folder"; folder=$(cd "$folder" && pwd)
stamp=$folder/.unpacked-$(echo "$*" | tr ' /' '--')
[ ! -e "$stamp" ] || exit 0
lists() { [ -n "$(apt-cache policy "$1" 2>/dev/null | grep Candidate:)" ]; }
root=; [ "$(id -u)" = 0 ] || root=sudo
lists "$1" || $root apt-get update >/dev/null
# What would be installed besides, except another mail server.
wanted=$(apt-get -s --no-install-recommends install "$@" 2>/dev/null | awk '/^Inst/{print $2}' |
    grep -Ev '^(exim4|default-mta|mail-transport-agent|init-system-helpers|systemd|libpam-|ssl-cert|lsb-)' || true)
list=$(printf '%s\n' "$@" $wanted | sort -u)
echo "unpacking" $list "into $folder" >&2
mkdir -p "$folder/.deb"
# The sandbox user of apt cannot write here; downloading as ourselves is fine.
(cd "$folder/.deb" && apt-get -o APT::Sandbox::User=root download $list >/dev/null)
for deb in "$folder"/.deb/*.deb; do dpkg -x "$deb" "$folder"; done
rm -rf "$folder/.deb"
arch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -dumpmachine)
cat >"$folder/env" <<END
PATH=$folder/usr/local/sbin:$folder/usr/sbin:$folder/usr/bin:$folder/sbin:$folder/bin:\$PATH
LD_LIBRARY_PATH=$folder/usr/lib/postfix:$folder/usr/lib/$arch:$folder/lib/$arch\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
PERL5LIB=$folder/usr/share/perl5:$folder/usr/lib/$arch/perl5/5.36${PERL5LIB:+:\$PERL5LIB}
export PATH LD_LIBRARY_PATH PERL5LIB
END
: >"$stamp"
