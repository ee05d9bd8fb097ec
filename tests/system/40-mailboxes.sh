# Delivery as the recipient; what is not theirs is refused and the mail waits (S4).
trap_for() { local what=$1 id; shift
    mail_to bob "$what"
    until_true "$what: deferred" sh -c "ls $spool/cur | grep -q ,T="
    id=$(smtp-queue list --ids)
    explains "$id" "$1" || fail "$what: $(smtp-queue explain "$id")"; }
mend() { smtp-queue retry "$(smtp-queue list --ids)" >/dev/null
    until_true "$1: delivered once mended" is_empty
    holds "${2:-/var/mail/bob}" "$1" || fail "$1: not in the mailbox"; }
box=/var/mail/bob
echo untouched >/root/victim

mv $box /root/bob; ln -s /root/victim $box
trap_for 'a symbolic link' 'mailbox'; rm $box; mend 'a symbolic link'
rm $box; ln -s /etc/cron.d/evil $box
trap_for 'a dangling link' 'mailbox'; [ ! -e /etc/cron.d/evil ] || fail 'made through a link'; rm $box; mend 'a dangling link'
rm $box; mkfifo -m 666 $box; chown bob $box
trap_for 'a FIFO' 'regular'; rm $box; mend 'a FIFO'
chown ann $box; chmod 666 $box
trap_for 'the wrong owner' 'belongs to another user'; chown bob $box; chmod 660 $box; mend 'the wrong owner'
ln $box /var/mail/second
trap_for 'a second name' 'several names'; rm /var/mail/second; mend 'a second name'
same untouched "$(cat /root/victim)" 'the victim'
rm $box; mv /root/bob $box
say 'links, FIFOs, wrong owners: deferred, mended, delivered'

# A Maildir in a home, and an mbox there; the process is the recipient.
echo 'local = "maildir:/home/{user}/Maildir"' >/tmp/first; cat /tmp/first /etc/smtputils/config.toml >/root/config
cp -a /etc/smtputils/config.toml /root/config.before; cp /root/config /etc/smtputils/config.toml
stop_runner; start_runner
chmod 700 /home/bob
mail_to bob 'in a Maildir'
until_true 'Maildir' sh -c "grep -qs 'in a Maildir' /home/bob/Maildir/new/*"
same 'bob:bob 600' "$(stat -c '%U:%G %a' /home/bob/Maildir/new/*)" 'the message in the Maildir'
same 'bob:bob 700' "$(stat -c '%U:%G %a' /home/bob/Maildir)" 'the Maildir'
mv /home/bob/Maildir /home/bob/real; mkdir /root/loot; ln -s /root/loot /home/bob/Maildir
mail_to bob 'a linked Maildir'
until_true 'a Maildir that leads to root' sh -c "ls $spool/cur | grep -q ,T="
same '' "$(ls /root/loot)" 'delivered into a directory of root'
rm /home/bob/Maildir; mv /home/bob/real /home/bob/Maildir
smtp-queue retry "$(smtp-queue list --ids)" >/dev/null; until_true 'the Maildir is back' is_empty
sed -i 's|^local = .*|local = "mbox:/home/{user}/mbox"|' /etc/smtputils/config.toml
stop_runner; start_runner
mail_to bob 'in an mbox at home'
until_true 'mbox' holds /home/bob/mbox 'in an mbox at home'
same 'bob:bob 600' "$(stat -c '%U:%G %a' /home/bob/mbox)" 'the mbox at home'
ln -sf /etc/passwd /home/ann/mbox
mail_to ann 'to the user database'
until_true 'a link at home' sh -c "ls $spool/cur | grep -q ,T="
! grep -q Subject /etc/passwd || fail 'written through a link'
rm /home/ann/mbox; smtp-queue retry "$(smtp-queue list --ids)" >/dev/null; until_true 'ann has an mbox' holds /home/ann/mbox 'to the user database'
cp -a /root/config.before /etc/smtputils/config.toml
stop_runner; start_runner
say 'Maildir and mbox in a home, as the recipient'

# A stranger's address that cannot be: the bounce is in the sender's mailbox.
echo '[[route]]
match = ["example.org"]
to = "error:5.1.1 no such user there"' >>/etc/smtputils/config.toml
stop_runner; start_runner
printf 'Subject: to nobody\n\ntext\n' | by ann sendmail -i nobody@example.org
until_true 'the bounce' sh -c "grep -q 'no such user there' /var/mail/ann"
grep -q '^From MAILER-DAEMON ' /var/mail/ann && grep -q '^Return-Path: <>' /var/mail/ann || fail 'the bounce has a sender'
until_true 'nothing is left' is_empty
say 'a bounce comes home'
