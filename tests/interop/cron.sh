# Debian cron's exact call, as it makes it, with the header it writes.
site a '[serve]
users = ["root"]'
sendmail=$(our_sendmail a)
printf 'From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@h> true\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\nout\n.\nput\n' |
    (cd / && env -i "$sendmail" -FCronDaemon -i -B8BITMIME -oem  root) || fail "exit $?"
until_true 'the mail of cron' sh -c "ls '$WORK/a/mail/root/new/'*"
mail=$(ls a/mail/root/new/*)
grep -q '^From: root@a.example (Cron Daemon)' "$mail" || fail "From was not qualified: $(grep '^From' "$mail")"
grep -q '^Date: ' "$mail" && grep -qi '^Message-ID: ' "$mail" || fail 'no Date or Message-ID'
grep -qx 'put' "$mail" || fail 'cut at the dot'
