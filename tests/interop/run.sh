#!/usr/bin/env bash
# run.sh BUILD [smoke|all|CASE...]: our programs against real ones.
#
# The others are Debian packages, unpacked into a folder (they conflict as
# installed packages). Each case is a file here; it runs in a folder of its own
# as an ordinary user and passes when it exits 0.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd); top=$(cd "$here/../.." && pwd)
BUILD=$(cd "$1" && pwd); shift
SMOKE='smtp-source smtp-sink swaks bsd-mailx'
ALL="$SMOKE mutt maildir-readers s-nail git-send-email python cron"
case ${1:-all} in smoke) cases=$SMOKE ;; all) cases=$ALL ;; *) cases=$* ;; esac

need="$top/scripts/need.sh"
"$need" 'run the interop suite' openssl=openssl setpriv=util-linux perl=perl python3=python3 git=git || exit 69
cache=${SMTPUTILS_PEERS:-${TMPDIR:-/tmp}/smtputils-peers}
PEERS=$cache
packages='postfix swaks libnet-ssleay-perl bsd-mailx'
[ "$cases" = "$SMOKE" ] || packages="$packages mutt mblaze s-nail git"
"$top/scripts/unpack.sh" "$PEERS" $packages || exit 69
. "$PEERS/env"
export BUILD PEERS

base=$(mktemp -d "${TMPDIR:-/tmp}/smtputils-interop.XXXXXX"); chmod 755 "$base"
mkdir "$base/bin"; cp "$BUILD"/smtp-{send,queue,serve,mx,verify} "$base/bin/"; chmod 755 "$base/bin"/*
cp -r "$here" "$base/cases"
BUILD=$base/bin
down=
[ "$(id -u)" != 0 ] || down='setpriv --reuid=65534 --regid=65534 --clear-groups'
passed=0 failed=0
for case in $cases; do
    WORK=$base/$case; mkdir "$WORK"
    [ -z "$down" ] || chown 65534:65534 "$WORK"
    export WORK
    if (cd "$WORK" && HOME=$WORK timeout 120 $down bash -euc '
            trap "jobs -p | xargs -r kill 2>/dev/null; wait 2>/dev/null" EXIT
            . "$1/lib.sh"; . "$1/$2.sh"' case "$base/cases" "$case") >"$base/$case.log" 2>&1; then
        printf 'ok   %s\n' "$case"; passed=$((passed + 1))
    else
        printf 'FAIL %s\n' "$case"; sed 's/^/     /' "$base/$case.log"; tail -n 20 "$WORK"/*.err 2>/dev/null | sed 's/^/     /'
        failed=$((failed + 1))
    fi
done
[ -n "${KEEP:-}" ] || rm -rf "$base"
echo "interop: $passed passed, $failed failed"
[ "$failed" = 0 ]
