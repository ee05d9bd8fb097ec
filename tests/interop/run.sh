#!/usr/bin/env bash
# run.sh BUILD [smoke|all|CASE...]: our programs against real ones.
#
# The others are Debian packages, unpacked into a folder (they conflict as
# installed packages). Each case is a file here; it runs in a folder of its own
# as an ordinary user and passes when it exits 0. KEEP=1 keeps the folders.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd); top=$(cd "$here/../.." && pwd)
BUILD=$(cd "$1" && pwd) || exit 66; shift
SMOKE='smtp-source smtp-sink swaks bsd-mailx openssl python cron'
ALL="$SMOKE smtp-send mutt maildir-readers s-nail git-send-email php mailutils perl ruby nodemailer aiosmtpd auth nsd postfix mda"
case ${1:-all} in smoke) cases=$SMOKE ;; all) cases=$ALL ;; *) cases=$* ;; esac

# python3 by its path: what the search path of root has may be closed to others.
"$top/scripts/need.sh" 'run the interop suite' openssl=openssl setpriv=util-linux script=bsdutils perl=perl \
    /usr/bin/python3=python3 git=git nsd=nsd ldns-signzone=ldnsutils || exit 69
PEERS=${SMTPUTILS_PEERS:-${TMPDIR:-/tmp}/smtputils-peers-$(id -u)}
packages='postfix swaks libnet-ssleay-perl bsd-mailx'
[ "$cases" = "$SMOKE" ] || packages="$packages mutt mblaze s-nail git-email libmailtools-perl php-cli python3-aiosmtpd procmail maildrop"
"$top/scripts/unpack.sh" "$PEERS" $packages || exit 69
# Languages and mail programs of one case each.
for case in $cases; do
    case $case in
    auth) "$top/scripts/unpack.sh" "$PEERS" postfix swaks msmtp libnet-ssleay-perl ;;
    mailutils) "$top/scripts/unpack.sh" "$PEERS" mailutils ;;
    perl) "$top/scripts/unpack.sh" "$PEERS" libmime-lite-perl libemail-sender-perl libmailtools-perl ;;
    ruby) "$top/scripts/unpack.sh" "$PEERS" ruby ruby-mail ;;
    nodemailer) "$top/scripts/need.sh" 'run nodemailer' node=nodejs && "$top/scripts/unpack.sh" "$PEERS" node-nodemailer ;;
    esac || exit 69
done
. "$PEERS/env"

base=$(mktemp -d "${TMPDIR:-/tmp}/smtputils-interop.XXXXXX"); chmod 755 "$base"
mkdir "$base/bin"; cp "$BUILD"/smtp-{send,queue,serve,mx,verify} "$base/bin/"; chmod 755 "$base/bin"/*
cp -r "$here" "$base/cases"; chmod -R a+rX "$base/cases"
BUILD=$base/bin
export BUILD PEERS
ordinary=
[ "$(id -u)" != 0 ] || ordinary='setpriv --reuid=65534 --regid=65534 --clear-groups'
passed=0 failed=0 skipped=0
for case in $cases; do
    export WORK=$base/$case DOWN= down=$ordinary
    # A case whose peer must be started by root steps down for ours itself.
    if grep -qs '^# needs root' "$here/$case.sh"; then
        if [ -z "$ordinary" ]; then
            printf 'skip %s: it must be started by root\n' "$case"; skipped=$((skipped + 1)); continue
        fi
        DOWN=$ordinary down=
    fi
    mkdir "$WORK"
    [ -z "$ordinary" ] || chown 65534:65534 "$WORK"
    if (cd "$WORK" && umask 022 && HOME=$WORK timeout 120 $down bash -euc '
            trap "kill \$(jobs -p) 2>/dev/null || :; wait 2>/dev/null || :" EXIT
            . "$1/lib.sh"; . "$1/$2.sh"' case "$base/cases" "$case") >"$base/$case.log" 2>&1 </dev/null; then
        printf 'ok   %s\n' "$case"; passed=$((passed + 1))
    else
        printf 'FAIL %s\n' "$case"; sed 's/^/     /' "$base/$case.log"; tail -n 20 "$WORK"/*.err 2>/dev/null | sed 's/^/     /'
        failed=$((failed + 1))
    fi
done
# A queue runner stays as long as its queue holds mail, as after a failure.
for process in /proc/[0-9]*; do
    case $(readlink "$process/exe") in "$base"/*) kill "${process#/proc/}" ;; esac
done
if [ -n "${KEEP:-}" ]; then echo "kept: $base"; else rm -rf "$base"; fi
echo "interop: $passed passed, $failed failed$([ $skipped = 0 ] || echo ", $skipped skipped")"
[ "$failed" = 0 ]
