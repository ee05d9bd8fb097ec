# needs root
# A whole Postfix, from its unpacked package, in a folder of its own: as our
# next hop and as a client of smtp-serve, both with STARTTLS.
certificate mx.example
conf=$WORK/postfix/conf queue=$WORK/postfix/queue data=$WORK/postfix/data log=$WORK/postfix/log
sbin=$PEERS/usr/lib/postfix/sbin
# Users that Debian and Ubuntu always have, for those that the package makes.
owner=news group=games
mkdir -p "$conf" "$queue" "$WORK/postfix/mail"; chown 65534:65534 "$WORK/postfix/mail"
install -d -o "$owner" -m 700 "$data"
for dir in active bounce corrupt defer deferred flush hold incoming private saved trace; do install -d -o "$owner" -m 700 "$queue/$dir"; done
install -d -o "$owner" -g "$group" -m 730 "$queue/maildrop"; install -d -o "$owner" -g "$group" -m 710 "$queue/public"
install -d -m 755 "$queue/pid"

site b "[serve]
users = [\"bob\"]
[tls]
certificate = \"$WORK/cert.pem\"
key = \"$WORK/key.pem\""
chown 65534 key.pem
serve b
cat >"$conf/main.cf" <<END
compatibility_level = 3.6
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mail_owner = $owner
setgid_group = $group
config_directory = $conf
queue_directory = $queue
data_directory = $data
daemon_directory = $sbin
command_directory = $PEERS/usr/sbin
shlib_directory = $PEERS/usr/lib/postfix
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG LD_LIBRARY_PATH POSTLOG_SERVICE POSTLOG_HOSTNAME
maillog_file = $log
maillog_file_prefixes = $WORK
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = postfix.example
virtual_mailbox_base = $WORK/postfix/mail
virtual_mailbox_maps = inline:{ dave@postfix.example=dave/ }
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
relay_domains = b.example
transport_maps = inline:{ b.example=smtp:[127.0.0.1]:$PORT }
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = $WORK/cert.pem
smtpd_tls_key_file = $WORK/key.pem
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtp_tls_security_level = encrypt
smtp_tls_loglevel = 1
END
start_postfix() {
    cat >"$conf/master.cf" <<END
127.0.0.1:$1 inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
END
    MAIL_CONFIG=$conf "$sbin/master" -c "$conf" -d >"$WORK/master.err" 2>&1 &
    master=$!
    until_true 'Postfix listens' bash -c "! kill -0 $master || exec 3<>/dev/tcp/127.0.0.1/$1"
    kill -0 $master 2>/dev/null
}
for try in 1 2 3 4 5; do
    smtpd=$((20000 + RANDOM % 20000)) up=
    if start_postfix $smtpd; then up=1; break; fi
done
[ -n "$up" ] || fail "Postfix does not start: $(cat master.err "$log" 2>/dev/null)"
postfix_log() { tail -n 15 "$log" 2>/dev/null || :; }

# From our queue into Postfix, over TLS, one recipient unknown there.
site a "smarthost = \"smtp://127.0.0.1:$smtpd\"
[serve]
users = [\"alice\"]"
printf 'first\n.\n..\nGr\303\274\303\237e, blanks  \n' >text
{ printf 'From: alice@a.example\nSubject: into Postfix\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n'; cat text; } >letter
at a smtp-send --queue-only --from alice@a.example dave@postfix.example nobody@postfix.example <letter
at a smtp-queue run
same 0 "$(queued a)" 'left in our queue'
arrive 1 postfix/mail/dave/new
python3 - postfix/mail/dave/new/* <<'END' || fail "$(postfix_log)"
import sys
head, text = open(sys.argv[1], "rb").read().split(b"\n\n", 1)
assert text == open("text", "rb").read(), text
assert b"using TLSv1.3" in head and b"with ESMTPS" in head, head
assert head.startswith(b"Return-Path: <alice@a.example>"), head
END
arrive 1 a/mail/alice/new
grep -q 'nobody@postfix.example' a/mail/alice/new/* && grep -q '5\.1\.1' a/mail/alice/new/* || fail "no bounce for nobody: $(cat a/mail/alice/new/*)"

# From Postfix into smtp-serve: one letter, with a recipient that we refuse,
# whose bounce Postfix writes; then 200, by several sessions at once.
sed 's/into Postfix/out of Postfix/' letter | at a smtp-send --queue-only --from dave@postfix.example bob@b.example nobody@b.example
at a smtp-queue run
arrive 1 b/mail/bob/new
python3 - b/mail/bob/new/* <<'END' || fail "$(postfix_log)"
import sys
head, text = open(sys.argv[1], "rb").read().split(b"\n\n", 1)
assert text == open("text", "rb").read(), text
ours = head.split(b"\nReceived: ")[1].replace(b"\n", b"")
assert b"from postfix.example" in ours and b"with ESMTPS" in ours and b"TLSv1.3" in ours, head
assert head.startswith(b"Return-Path: <dave@postfix.example>"), head
END
arrive 2 postfix/mail/dave/new
grep -q '^Final-Recipient: rfc822; nobody@b.example' postfix/mail/dave/new/* || fail "no bounce of Postfix's: $(postfix_log)"
grep -q '^Status: 5\.1\.1' postfix/mail/dave/new/* || fail 'Postfix did not learn 5.1.1'
smtp-source -s 5 -m 200 -l 3000 -f dave@postfix.example -t bob@b.example "127.0.0.1:$smtpd"
arrive 201 b/mail/bob/new
until_true 'the queue of Postfix to empty' bash -c "[ -z \"\$(find '$queue'/{active,incoming,deferred} -type f)\" ]"

# Postfix as a host that smtp-verify asks and smtp-mx probes.
cat >verify.zone <<'ZONE'
$ORIGIN example.
$TTL 60
@ IN SOA ns root 1 3600 600 86400 60
@ IN NS ns
ns IN A 127.0.0.1
postfix IN MX 10 mx
mx IN A 127.0.0.1
ZONE
names example verify.zone
site v "[delivery]
allow_networks = [\"127.0.0.0/8\"]
[tls]
ca_file = \"$WORK/cert.pem\""
asked=0
at v smtp-verify --resolver "$NAMES" --port "$smtpd" --rate 0 --ordered dave@postfix.example nobody@postfix.example >verify.out || asked=$?
same 67 "$asked" 'status of smtp-verify'
same 'deliverable undeliverable' "$(cut -f2 verify.out | xargs)" 'verdicts of Postfix'
grep -q 'no such user.*550 5.1.1' verify.out || fail "no evidence: $(cat verify.out)"
at v smtp-verify --resolver "$NAMES" --port "$smtpd" --vrfy --json dave@postfix.example | grep -q '"tls":true' || fail 'not asked in TLS'
at v smtp-mx --resolver "$NAMES" --probe --port "$smtpd" postfix.example >probe.out || fail "smtp-mx --probe said $?"
grep -q '	ok	TLSv1.3 .*	verified	mx.example	' probe.out || fail "probe: $(cat probe.out)"
