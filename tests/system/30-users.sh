# A user submits through the setgid bit (S1-S3, S5): the message and nothing else.
stop_runner
send() { printf 'Subject: %s\n\ntext\n' "$1" | by ann sendmail -i "${@:2}"; }
newest() { ls -t $spool/new | head -1; }

exits 0 'a submission' send first bob
file=$spool/new/$(newest)
same 'ann:smtputils 640' "$(stat -c '%U:%G %a' "$file")" 'the message'
grep -q "^Envelope-Origin: .* uid=$(id -u ann) " "$file" || fail "the real user is not recorded: $(sed -n 3p "$file")"
printf 'Subject: secret\n\ntext\n' | by bob sendmail -i ann
theirs=$(ls $spool/new/* | while read -r f; do [ "$(stat -c %U "$f")" != bob ] || echo "$f"; done)
[ -n "$theirs" ] || fail "no message of bob"

exits 1 'reading the own message' by ann cat "$file"
exits 1 'reading another message' by ann cat "$theirs"
for dir in '' /new /cur /state /tmp /history /expand; do
    exits 2 "listing the spool$dir" by ann ls "$spool$dir"
    exits 1 "writing to the spool$dir" by ann touch "$spool$dir/FILE"
done
exits 1 'a hard link from the spool' by ann ln "$theirs" /home/ann/link
exits 1 'removing' by ann rm -f "$theirs"
exits 77 'smtp-queue list by a user' by ann smtp-queue list
exits 77 'smtp-queue remove by a user' by ann smtp-queue remove "$(basename "${theirs%%,*}")"
exits 77 'smtp-queue run by a user' by ann smtp-queue run
exits 77 'smtp-queue cat by a user' by ann smtp-queue cat "$(basename "${theirs%%,*}")"
say "a user's message is 0640 of the spool's group; the spool is closed to users"

# mailq and newaliases answer every user; what is queued stays.
exits 0 'mailq' by ann mailq
printf '%s' "$output" | grep -q 'in 2 Requests' || fail "mailq: $output"
exits 0 'mailq by -bp' by bob sendmail -bp
printf '%s' "$output" | grep -q 'bob@host.test' || fail "mailq: $output"
say 'mailq shows every user the queue'

# Options of other programs' holes: no effect, and nothing is written (I3, S1).
before=$(ls $spool/new | wc -l)
mkdir -m 1777 /tmp/x
evil() { local wanted=$1; shift; exits "$wanted" "sendmail $*" by ann sh -c 'printf "Subject: evil\n\ntext\n" | sendmail "$@" bob' sh "$@"; }
printf 'spool = "/tmp/x/spool"\n' >/tmp/x/config.toml; chmod 644 /tmp/x/config.toml
for option in -X/tmp/x/log '-X /tmp/x/log' -D/tmp/x/log -OQueueDirectory=/tmp/x -oQ/tmp/x -C/tmp/x/config.toml -C/etc/shadow; do
    got=0; by ann sh -c 'printf "Subject: evil\n\ntext\n" | sendmail $1 bob' sh "$option" >/tmp/out 2>&1 || got=$?
    case $got in 0|64|77|78) ;; *) fail "$option: exit $got: $(cat /tmp/out)" ;; esac
    ! grep -q 'root:' /tmp/out || fail "$option shows a file"
    say "  $option: exit $got"
done
same 'config.toml' "$(ls /tmp/x)" 'written by an option'
for variable in SMTPUTILS_SPOOL=/tmp/x/spool SMTPUTILS_CONFIG=/tmp/x/config.toml SMTPUTILS_LOG=/tmp/x/log XDG_CONFIG_HOME=/tmp/x \
    XDG_STATE_HOME=/tmp/x TZ=/tmp/x/tz TMPDIR=/tmp/x LD_PRELOAD=/tmp/x/lib.so RUST_BACKTRACE=full; do
    count=$(ls $spool/new | wc -l)
    exits 0 "$variable" by ann env "$variable" sh -c 'printf "Subject: v\n\ntext\n" | sendmail bob'
    same $((count + 1)) "$(ls $spool/new | wc -l)" "$variable led elsewhere"
done
same 'config.toml' "$(ls /tmp/x)" 'written for a variable'
count=$(ls $spool/new | wc -l)
exits 0 '--spool with the setgid bit' by ann sh -c 'smtp-send --spool /tmp/x/spool --config /tmp/x/config.toml bob </dev/null'
same $((count + 1)) "$(ls $spool/new | wc -l)" '--spool is ignored'
say 'options and variables lead nowhere'

# Descriptors, limits, masks, directories (S2): whole or not at all.
whole() { local what=$1 wanted=$2 count got=0; shift 2; count=$(ls $spool/new | wc -l)
    by ann bash -c "$*" >/tmp/out 2>&1 || got=$?
    local now; now=$(ls $spool/new | wc -l)
    case " $wanted " in *" $got "*) ;; *) fail "$what: exit $got: $(cat /tmp/out)" ;; esac
    [ $((now - count)) = $((got == 0)) ] || fail "$what: exit $got, but $((now - count)) queued"
    [ "$got" != 0 ] || same 'ann:smtputils 640' "$(stat -c '%U:%G %a' "$spool/new/$(newest)")" "$what: the message"
    say "  $what: exit $got"; }
echo 'Subject: from a file

text' >/tmp/message; chmod 644 /tmp/message
in='</tmp/message'
whole 'standard input closed' '0 64 65 66' 'sendmail bob <&-'
whole 'output and errors closed' 0 "sendmail bob $in >&- 2>&-"
whole 'all closed' '0 64 65 66' 'sendmail bob <&- >&- 2>&-'
whole 'ulimit -f 0' 75 "ulimit -f 0; sendmail bob $in"
# (127: not even the loader can open a library.)
for n in 3 4 5 6; do whole "ulimit -n $n" '0 71 75 127' "exec $in; ulimit -n $n; exec sendmail bob"; done
whole 'umask 000' 0 "umask 000; sendmail bob $in"
whole 'umask 777' 0 "umask 777; sendmail bob $in"
whole 'a directory that is gone' 0 "mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; sendmail bob $in"
whole 'SIGXFSZ and SIGALRM ignored' 75 "trap '' XFSZ ALRM PIPE; ulimit -f 0; sendmail bob $in"
whole 'no arguments at all' '64' "exec -a '' sendmail $in"
same '' "$(ls $spool/tmp)" 'left in tmp/'
same '' "$(ls -A /tmp/x | grep -v config.toml || :)" 'made elsewhere'
say 'descriptors, limits, masks: whole or not at all'

# -q by a user asks the runner, who delivers; without one it says so and loses nothing.
exits 0 '-q without a runner' by ann sendmail -q
[ "$(queued)" != 0 ] || fail 'a user ran the queue'
start_runner
until_true 'the runner delivers what waited' is_empty
holds /var/mail/bob first && holds /var/mail/ann secret || fail 'mail of users'
same 'bob:mail 660' "$(stat -c '%U:%G %a' /var/mail/bob)" 'the mailbox of bob'
# A deferral due in minutes is tried at once when a user asks.
chmod 0700 /var/mail/bob; chown root /var/mail/bob
printf 'Subject: waits\n\ntext\n' | by ann sendmail bob
until_true 'it is deferred' sh -c "ls $spool/cur | grep -q ,T="
chown bob /var/mail/bob; chmod 660 /var/mail/bob
exits 0 '-q' by ann sendmail -q
until_true '-q by a user flushes' holds /var/mail/bob waits
until_true 'all is done' is_empty
say '-q by a user asks the resident runner'
