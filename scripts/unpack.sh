#!/bin/sh
# unpack.sh FOLDER PACKAGE ...
#
# Unpacks Debian packages, and those they need that are not installed, into
# FOLDER, without installing any: mail programs conflict as packages, and a
# test must not change the system's mail. FOLDER/env is a shell file that sets
# what running them from there needs. Packages that the system has are unpacked
# all the same. Done once for each set of packages.
set -eu
folder=$1; shift
umask 022
mkdir -p "$folder"
# The default place has a name that anybody may have taken first.
[ -O "$folder" ] && [ ! -L "$folder" ] || { echo "unpack: $folder belongs to somebody else" >&2; exit 77; }
chmod 755 "$folder"; folder=$(cd "$folder" && pwd)
exec 9>"$folder/.lock"; flock 9
stamp=$folder/.unpacked-$(echo "$*" | tr ' /' '--')
[ ! -e "$stamp" ] || exit 0
command -v apt-get >/dev/null || { echo "unpack: no apt-get here; the packages are $*" >&2; exit 69; }
root=; [ "$(id -u)" = 0 ] || root=sudo

# What would be installed besides, except another mail server, the C library
# (the one that runs is used) and what only matters to a system that boots.
others() { apt-get -s --no-install-recommends install "$@" 2>"$folder/.error" >"$folder/.plan" &&
    awk '/^Inst/{print $2}' "$folder/.plan" |
    { grep -Ev '^(exim4|default-mta|mail-transport-agent|init-system-helpers|systemd|libpam-|ssl-cert|lsb-|libc6|libc-bin|perl-base)' || :; }; }
# The sandbox user of apt cannot write here; downloading as ourselves is fine.
fetch() { wanted=$(others "$@") || return 1
    list=$(printf '%s\n' "$@" $wanted | sort -u)
    rm -rf "$folder/.deb"; mkdir "$folder/.deb"
    (cd "$folder/.deb" && apt-get -o APT::Sandbox::User=root download $list >/dev/null 2>"$folder/.error"); }
fetch "$@" || {
    # No lists yet, or old ones that name what the archive has no more.
    $root apt-get update </dev/null >/dev/null || :
    fetch "$@" || { cat "$folder/.error" >&2; echo "unpack: cannot get $*" >&2; exit 69; }
}
echo "unpacking" $list "into $folder" >&2
for deb in "$folder"/.deb/*.deb; do dpkg -x "$deb" "$folder"; done
rm -rf "$folder/.deb" "$folder/.error" "$folder/.plan"
libraries=$folder/usr/lib/postfix perl=$folder/usr/share/perl5
for dir in "$folder"/usr/lib/*-linux-gnu* "$folder"/lib/*-linux-gnu*; do [ ! -d "$dir" ] || libraries=$libraries:$dir; done
for dir in "$folder"/usr/lib/*-linux-gnu*/perl5/*; do [ ! -d "$dir" ] || perl=$perl:$dir; done
cat >"$folder/env" <<END
PATH=$folder/usr/local/sbin:$folder/usr/sbin:$folder/usr/bin:$folder/sbin:$folder/bin:\$PATH
LD_LIBRARY_PATH=$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
PERL5LIB=$perl\${PERL5LIB:+:\$PERL5LIB}
PYTHONPATH=$folder/usr/lib/python3/dist-packages\${PYTHONPATH:+:\$PYTHONPATH}
export PATH LD_LIBRARY_PATH PERL5LIB PYTHONPATH
END
: >"$stamp"
