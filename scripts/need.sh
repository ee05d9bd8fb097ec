#!/bin/sh
# need.sh WHY COMMAND=PACKAGE ... | WHY +PACKAGE ...
#
# Installs the Debian packages whose command is missing (COMMAND=PACKAGE) or
# that are not installed (+PACKAGE), and says which and what for. Does nothing,
# quickly, where all are there.
set -eu
why=$1; shift
missing=
for want; do
    case $want in
    +*) package=${want#+}
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package" ;;
    *)  command -v "${want%%=*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${want%%=*}" ] || missing="$missing ${want#*=}" ;;
    esac
done
[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null || { echo "please install:$missing (to $why)" >&2; exit 69; }
root=
[ "$(id -u)" = 0 ] || root=sudo
echo "installing$missing, to $why" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$root apt-get install -y --no-install-recommends $missing >/dev/null 2>&1 || {
    $root apt-get update >/dev/null
    $root apt-get install -y --no-install-recommends $missing >/dev/null
}
