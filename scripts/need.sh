#!/bin/sh
# need.sh WHY COMMAND=PACKAGE ... | WHY +PACKAGE ...
#
# Installs the Debian packages whose command is missing (COMMAND=PACKAGE; a
# COMMAND with a path is that very file) or that are not installed (+PACKAGE),
# and says which and what for. Does nothing, quickly, where all are there.
# Without apt-get it names what to install.
set -eu
why=$1; shift
missing=
for want; do
    case $want in
    +*) package=${want#+}
        # Elsewhere than on Debian the build itself says what it lacks.
        command -v dpkg-query >/dev/null || continue
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package" ;;
    *)  command -v "${want%%=*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${want%%=*}" ] || missing="$missing ${want#*=}" ;;
    esac
done
[ -n "$missing" ] || exit 0
root=
if [ "$(id -u)" != 0 ]; then root=sudo; fi
if ! command -v apt-get >/dev/null || ! command -v ${root:-true} >/dev/null; then
    echo "please install:$missing (to $why)" >&2
    exit 69
fi
echo "installing$missing, to $why" >&2
# sudo clears the environment; a fresh machine may be updating itself just now.
# shellcheck disable=SC2086
apt() { $root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@" </dev/null >/dev/null; }
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing 2>/dev/null || {
    # No lists yet, or old ones. One dead source of several is not the end.
    apt update || :
    apt install -y --no-install-recommends $missing
}
