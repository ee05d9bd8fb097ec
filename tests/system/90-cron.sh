# Cron's own call, by a real cron: jobs of root and of a user, with and without
# an alias. Waits for the next minute.
same '' "$(newaliases 2>&1)" 'newaliases'
printf 'From: root (Cron Daemon)\nTo: root\nSubject: by alias\n\nout\n.\nput\n' | sendmail -FCronDaemon -i -B8BITMIME -oem  root
until_true 'mail to root goes where the alias says' holds /var/mail/ann 'by alias'
[ ! -e /var/mail/root ] || fail 'root has a mailbox'

sed -i '/^root:/d' /etc/aliases; echo 'webmaster: ann' >>/etc/aliases
printf '%s\n' '* * * * * echo "job of root"; id -u' 'MAILTO=webmaster' '* * * * * echo "job for webmaster"' | crontab -u root -
printf '%s\n' '* * * * * echo "job of bob"; id -u; printf "line\n.\nafter the dot\n"' | crontab -u bob -
cron -f 2>/root/cron.err & cron=$!
PATIENCE=90
until_true "root's job" grep -qs 'job of root' /var/mail/root
until_true 'the job for an alias' grep -qs 'job for webmaster' /var/mail/ann
until_true "bob's job" grep -qs 'job of bob' /var/mail/bob
kill $cron; PATIENCE=20
crontab -u root -r; crontab -u bob -r
same 'root:mail 660' "$(stat -c '%U:%G %a' /var/mail/root)" "root's mailbox"
same 'bob:mail 660' "$(stat -c '%U:%G %a' /var/mail/bob)" "bob's mailbox"
grep -q '^From: root@host.test (Cron Daemon)' /var/mail/root || fail "From: $(grep ^From: /var/mail/root)"
grep -q '^Return-Path: <bob@host.test>' /var/mail/bob && grep -qx 'after the dot' /var/mail/bob || fail "bob's: $(tail -40 /var/mail/bob)"
grep -q "(uid $(id -u bob))" /var/mail/bob || fail 'the submitter is not in Received'
say "cron's mail arrives: root's, a user's, an alias's"

# A person's mail program, as Debian has it.
printf 'text\n' | by ann mail -s 'by mail' bob
until_true 'bsd-mailx' holds /var/mail/bob 'by mail'
# Reading takes the same locks and leaves a mailbox of the same owner.
same 'by mail' "$(by bob mail -H -f /var/mail/bob 2>/dev/null | grep -o 'by mail')" "bob's mail lists it"
say 'mail(1) sends and reads'
