# Programs and files of aliases, .forward, lists: each as whom it has to be (DESIGN sections 2, 3, 5).
cp -a /etc/smtputils/config.toml /root/config.before
cp -a /etc/aliases /root/aliases.before
cat >/usr/local/bin/note <<'END'
#!/bin/sh
# note FILE STATUS ...: who runs it, with what, and the message
{ echo "$(id -un):$(id -Gn) $HOME $SENDER $RECIPIENT <$EXTENSION> $*"; cat; } >"$1.$$" && mv "$1.$$" "$1"
exit ${2:-0}
END
cat >/usr/local/bin/away <<'END'
#!/bin/sh
cat >/dev/null
printf 'Subject: away\n\ngone\n' | sendmail -i "$SENDER"
END
chmod 755 /usr/local/bin/note /usr/local/bin/away
mkdir -m 1777 /tmp/notes
cat >>/etc/aliases <<'END'
prog: "|/usr/local/bin/note /tmp/notes/prog"
shell: "|id -un > /tmp/notes/shell; cat >/dev/null"
box: /tmp/notes/box
later: "|/usr/local/bin/note /tmp/notes/later 75"
never: "|/usr/local/bin/note /tmp/notes/never 67"
list: bob, ann
owner-list: ann
END
first() { head -1 "/tmp/notes/$1"; }
forward() { local user=$1; shift; rm -f "/home/$user/.forward"; printf '%s\n' "$@" >"/home/$user/.forward"
    chown "$user:" "/home/$user/.forward"; chmod 644 "/home/$user/.forward"; }

mail_to prog 'to a program'; mail_to shell; mail_to box 'to a file'
until_true 'programs of aliases' test -s /tmp/notes/prog -a -s /tmp/notes/shell -a -s /tmp/notes/box
same 'nobody:nogroup /nonexistent root@host.test prog@host.test <> /tmp/notes/prog' "$(first prog)" 'a program of an alias'
grep -q '^Delivered-To: prog@host.test$' /tmp/notes/prog || fail 'no Delivered-To for the program'
same nobody "$(cat /tmp/notes/shell)" 'a command for a shell'
same nobody "$(stat -c %U /tmp/notes/box)" 'a file of an alias'
holds /tmp/notes/box 'to a file' || fail 'the file'
mail_to later 'exit 75'
until_true 'exit 75 waits' sh -c "ls $spool/cur | grep -q ,T="
explains "$(smtp-queue list --ids)" 'ended with status 75' || fail "$(smtp-queue explain "$(smtp-queue list --ids)")"
smtp-queue remove "$(smtp-queue list --ids)" >/dev/null
mail_to never 'exit 67'
until_true 'exit 67 is no such user' grep -qs '"never@host.test".*5.1.1\|5.1.1.*never' $spool/history/*
until_true 'its bounce is delivered' is_empty
say 'programs and files of aliases run as the default user, exit statuses decide'

chmod 700 /home/bob /home/ann
forward bob '\bob, "|/usr/local/bin/note /tmp/notes/bob"' ann
mail_to bob 'forwarded'
until_true 'three ways' sh -c "[ -s /tmp/notes/bob ] && grep -q '^Subject: forwarded' /var/mail/bob && grep -q '^Subject: forwarded' /var/mail/ann"
same "bob:bob /home/bob root@host.test bob@host.test <> /tmp/notes/bob" "$(first bob)" 'a program of a .forward'
smtp-queue route bob | grep -q 'forward of bob' || fail "route does not tell of the .forward: $(smtp-queue route bob)"
rm /home/bob/.forward
forward ann '\ann, "|/usr/local/bin/away"'
printf 'Subject: hello\n\ntext\n' | by bob sendmail -i ann
until_true 'the answer of a vacation program, by the setgid sendmail' grep -q '^Subject: away' /var/mail/bob
until_true 'all is delivered' is_empty
rm /home/ann/.forward
say '.forward: copies are kept, programs run as the user and may send mail'

rm -f /tmp/notes/*
for trap in 'chmod 666 /home/bob/.forward' 'chown ann /home/bob/.forward' \
    'ln /home/bob/.forward /home/bob/second' 'mv /home/bob/.forward /home/bob/real; ln -s real /home/bob/.forward' \
    'rm /home/bob/.forward; mkfifo /home/bob/.forward; chown bob /home/bob/.forward'; do
    forward bob '"|/usr/local/bin/note /tmp/notes/trap"'
    sh -c "$trap"
    mail_to bob "trap: $trap"
    until_true "in the mailbox: $trap" grep -qF "trap: $trap" /var/mail/bob
    rm -f /home/bob/second /home/bob/real
done
[ ! -e /tmp/notes/trap ] || fail 'a .forward that others could have written was used'
say '.forward: what others could have written is not used, and mail is kept (S4)'

# R5: what comes back is a loop and returned.
forward bob '"|sendmail -i -f $SENDER bob"'
mail_to bob 'round and round'
until_true 'a loop ends' grep -qs '5.4.6' $spool/history/*
until_true 'its bounce too' is_empty
rm /home/bob/.forward

mail_to list 'to a list'
until_true 'the list' sh -c "grep -q '^Subject: to a list' /var/mail/bob && grep -q '^Subject: to a list' /var/mail/ann"
grep -B3 '^Subject: to a list' /var/mail/bob | grep -q . ; grep -q '^Return-Path: <owner-list@host.test>' /var/mail/bob || fail 'the sender of the list'
mail_to ann+friends 'an extension'
until_true 'an extension' grep -q '^Delivered-To: ann+friends@host.test' /var/mail/ann
say 'loops end; lists have their owner as sender; extensions reach their user'

cat >>/etc/smtputils/config.toml <<'END'

[[route]]
match = "bob+pipe@host.test"
to = "pipe:/usr/local/bin/note /tmp/notes/pipe 0 {sender} {user} {extension} {recipient} ''"
END
stop_runner; start_runner
mail_to bob+pipe 'by pipe:'
until_true 'pipe:' test -s /tmp/notes/pipe
same "bob:bob /home/bob root@host.test bob+pipe@host.test <pipe> /tmp/notes/pipe 0 root@host.test bob pipe bob+pipe@host.test ''" \
    "$(first pipe)" 'a program of a route'
cp -a /root/config.before /etc/smtputils/config.toml; cp -a /root/aliases.before /etc/aliases
stop_runner; start_runner
until_true 'nothing is left' is_empty
say 'pipe: runs as the recipient, its arguments filled in'
