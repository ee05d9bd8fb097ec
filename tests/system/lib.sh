# lib.sh: what the cases share. Sourced by inside.sh, in the tree, as root.
say()  { printf 'ok   %s\n' "$*"; }
fail() { printf 'FAIL %s\n' "$*" >&2; tail -n 20 /root/*.err >&2 2>/dev/null || :; exit 1; }
# same WANTED GOT WHAT
same() { [ "$1" = "$2" ] || fail "$3: wanted '$1', got '$2'"; }
# until_true WHAT COMMAND...: the event, or a failure after $PATIENCE seconds
until_true() { local what=$1 end=$((SECONDS + ${PATIENCE:-20})); shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "waited for: $what"
        read -rt 0.05 <> <(:) || :
    done; }
# exits STATUS WHAT COMMAND...: its output is in $output
exits() { local wanted=$1 what=$2 got=0; shift 2
    output=$("$@" 2>&1) || got=$?
    [ "$got" = "$wanted" ] || fail "$what: wanted exit $wanted, got $got: $output"; }
# by USER COMMAND...: as that user, with a login's environment
by() { local user=$1; shift
    setpriv --reuid="$user" --regid="$user" --init-groups env -i HOME="/home/$user" LOGNAME="$user" USER="$user" \
        PATH=/usr/sbin:/usr/bin:/bin "$@"; }

spool=/var/spool/smtputils
queued() { smtp-queue list --ids | grep -c . || :; }
is_empty() { [ "$(queued)" = 0 ]; }
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '; }
# What a delivery came to: explain ID says it, in words of ours.
explains() { smtp-queue explain "$1" | grep -q -- "$2"; }

# The runner as its unit starts it: the capabilities left, no others.
unit() { sed -n "s/^$2=//p" "/etc/systemd/system/smtputils-$1.service"; }
bounding() { local caps; caps=$(unit "$1" CapabilityBoundingSet | tr 'A-Z' 'a-z')
    echo "-all$(printf ',+%s' $caps | sed 's/cap_//g')"; }
start_runner() {
    setpriv --bounding-set "$(bounding queue)" $(unit queue ExecStart) >>/root/queue.out 2>>/root/queue.err &
    runner=$!
    until_true 'the runner holds its lock' has_lock
    worker=$(cat "/proc/$runner/task/$runner/children"); worker=${worker% }
}
# Only a resident runner makes -q of a stranger quiet; its lock is in /proc/locks.
has_lock() { local inode; inode=$(stat -c %i $spool/run.lock) && grep -q "OFDLCK.*WRITE.*:$inode " /proc/locks; }
stop_runner() { kill "$runner" 2>/dev/null || :; wait "$runner" || :
    until_true 'the lock is free' not has_lock; }
not() { ! "$@"; }
# mail_to WHO [SUBJECT]: queued by root
mail_to() { printf 'Subject: %s\n\ntext\n' "${2:-test}" | sendmail -i "$1" || fail "sendmail $1: $?"; }
holds() { grep -qs "^Subject: $2\$" "$1"; }
