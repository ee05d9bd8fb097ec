# needs root
# Dovecot's LMTP server as our next hop (CL-38): over TCP and over its socket,
# with an answer for each recipient.
lmtp=$((20000 + RANDOM % 20000)); home=$WORK/dovecot
mkdir -p "$home/run" "$home/mail"; chown -R 65534:65534 "$home/mail"
cat >"$home/users" <<END
bob:{PLAIN}x:65534:65534::$home/mail/bob::
carol:{PLAIN}x:65534:65534::$home/mail/carol::userdb_quota_rule=*:bytes=1
END
cat >"$home/dovecot.conf" <<END
base_dir = $home/run
log_path = $home/log
protocols = lmtp
ssl = no
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
first_valid_uid = 65534
last_valid_uid = 65534
mail_location = maildir:~/Maildir
postmaster_address = postmaster@dovecot.example
auth_username_format = %n
passdb {
  driver = passwd-file
  args = $home/users
}
userdb {
  driver = passwd-file
  args = $home/users
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = $lmtp
  }
  unix_listener $home/run/lmtp {
    mode = 0666
  }
}
END
dovecot -F -c "$home/dovecot.conf" >"$home/out" 2>&1 &
until_true 'Dovecot listens' bash -c "exec 3<>/dev/tcp/127.0.0.1/$lmtp"
for route in "lmtp://127.0.0.1:$lmtp" "lmtp:$home/run/lmtp"; do
    site a "[serve]
users = [\"alice\"]
[[route]]
match = [\"dovecot.example\"]
to = \"$route\""
    rm -rf "$home"/mail/* a/mail/alice
    printf 'From: alice@a.example\nSubject: by LMTP\n\nfirst\n.\n..\n' >letter
    at a smtp-send --queue-only --from alice@a.example bob@dovecot.example nobody@dovecot.example <letter
    at a smtp-queue run || :
    arrive 1 "$home/mail/bob/Maildir/new"
    grep -q '^Delivered-To: <\?bob' "$home"/mail/bob/Maildir/new/* || fail "$(cat "$home"/mail/bob/Maildir/new/*)"
    same "$(printf 'first\n.\n..')" "$(sed '1,/^\r*$/d' "$home"/mail/bob/Maildir/new/* | tr -d '\r')" 'the text at Dovecot'
    arrive 1 a/mail/alice/new
    grep -q 'nobody@dovecot.example' a/mail/alice/new/* && grep -q '5\.1\.1' a/mail/alice/new/* || fail "no bounce: $(cat a/mail/alice/new/*)"
    same 0 "$(queued a)" 'left in our queue'
done
say "$(dovecot --version | cut -d' ' -f1), over TCP and its socket"
