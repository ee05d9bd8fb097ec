#!/usr/bin/env bash
# demo-sites.sh DIR: the demo proper (see demo.sh), as an ordinary user.
set -euo pipefail
d=$1
PATH=$d/bin:$PATH
unset SMTPUTILS_CONFIG SMTPUTILS_SPOOL XDG_CONFIG_HOME XDG_STATE_HOME

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then b=$'\e[1m' g=$'\e[32m' r=$'\e[31m' n=$'\e[0m'; else b= g= r= n=; fi
say()  { printf '\n%s%s%s\n' "$b" "$*" "$n"; }
run()  { local words="$*"; printf '%s$ %s%s\n' "$b" "${words#at_a }" "$n"; "$@"; }
ok()   { printf '%sok%s   %s\n' "$g" "$n" "$*"; }
fail() { printf '%sFAIL%s %s\n' "$r" "$n" "$*"; [ ! -s "$d/b.log" ] || sed 's/^/  B: /' "$d/b.log"; exit 1; }
# wait_for WORDS COMMAND...: until it succeeds, 20 seconds at most.
wait_for() { local what=$1 end=$((SECONDS + 20)); shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "waited 20 s: $what"
        read -rt 0.05 <> <(:) || :
    done; }
at_a() { SMTPUTILS_CONFIG=$d/a.toml "$@"; }
at_b() { SMTPUTILS_CONFIG=$d/b.toml "$@"; }
messages() { ls "$1"/new "$1"/cur 2>/dev/null | grep -c S= || true; }
trap 'kill $(jobs -p) 2>/dev/null || :; wait 2>/dev/null || :' EXIT

say "Two sites in $d"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mx.b.example \
    -addext subjectAltName=DNS:mx.b.example -keyout b.key -out b.crt 2>/dev/null
cat >b.toml <<END
# Site B: receives for b.example, where bob has a mailbox.
hostname = "mx.b.example"
origin = "b.example"
local_domains = ["b.example"]
local = "maildir:$d/b/mail/{user}"
spool = "$d/b/spool"
log = "stderr"
[serve]
listen = ["127.0.0.1:0"]
users = ["bob"]
[tls]
certificate = "$d/b.crt"
key = "$d/b.key"
END
mkdir -p b/mail a/mail
start_b() {   # start_b ADDRESS: sets $port
    : >b.out
    smtp-serve --config "$d/b.toml" --listen "$1" >b.out 2>>b.log &
    b_pid=$!
    wait_for 'the server listens' grep -q '^listening ' b.out
    port=$(sed -n 's/^listening .*:\([0-9]*\).*/\1/p' b.out | head -1)
}
start_b 127.0.0.1:0
cat >a.toml <<END
# Site A: alice's. Mail to b.example goes to B's port on the loopback.
hostname = "mail.a.example"
origin = "a.example"
local_domains = ["a.example"]
local = "maildir:$d/a/mail/{user}"
spool = "$d/a/spool"
log = "none"
[retry]
first = "1h"
[serve]
users = ["alice"]
[[route]]
match = ["b.example"]
to = "smtp://127.0.0.1:$port"
END
printf 'site A submits and delivers; site B listens on port %s with STARTTLS\n' "$port"

# ------------------------------------------------------------------ the letter
python3 - <<'END'
import base64, os
body = "Grüße aus A.\n.\n..two dots\n.hidden\nFrom here on, plain text.\n"
attachment = bytes(range(256)) * 8
lines = "\n".join(base64.encodebytes(attachment).decode().split("\n")[:-1])
open("letter", "w", encoding="utf-8").write(f"""From: Alice <alice@a.example>
To: Bob <bob@b.example>
Subject: the demo
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=-="

--=-=
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{body}
--=-=
Content-Type: application/octet-stream; name=all-bytes.bin
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=all-bytes.bin

{lines}
--=-=--
""")
open("all-bytes.bin", "wb").write(attachment)
END

say "1. A letter with an attachment, 8-bit text and lines of dots, piped into sendmail"
printf '%s$ sendmail -t -i -odq < letter%s\n' "$b" "$n"
at_a sendmail -t -i -odq -f alice@a.example <letter || fail "sendmail said $?"
ok "exit 0: the letter is on the disk"
run at_a smtp-queue list
id=$(at_a smtp-queue list --ids)
[ "$(wc -w <<<"$id")" = 1 ] || fail "one message expected in the queue, found: $id"
printf '%s$ smtp-queue run%s\n' "$b" "$n"
at_a smtp-queue explain "$id" >before.txt
cat before.txt
at_a smtp-queue run || fail "smtp-queue run said $?"
wait_for 'the letter in the mailbox of bob' sh -c "ls $d/b/mail/bob/new/*"
mail=$(ls b/mail/bob/new/*)
python3 - "$mail" <<'END' || fail "the letter is not what was sent"
import sys, email
sent = open("letter", "rb").read()
got = open(sys.argv[1], "rb").read()
assert sent.split(b"\n\n", 1)[1] == got.split(b"\n\n", 1)[1], "body differs"
message = email.message_from_bytes(got)
parts = message.get_payload()
assert parts[1].get_payload(decode=True) == open("all-bytes.bin", "rb").read(), "attachment differs"
trace = message.get_all("Received")
assert any("ESMTPS" in t for t in trace), "it did not come over TLS: " + repr(trace)
assert message["Return-Path"] == "<alice@a.example>", message["Return-Path"]
END
ok "it is in bob's mailbox, its body byte for byte what was sent, and it came over TLS:"
grep -a -A2 '^Received: from' "$mail" | head -3 | sed 's/^/     /'
[ -z "$(at_a smtp-queue list --ids)" ] || fail "the queue of A is not empty"
ok "the queue of A is empty"

say "2. A letter to somebody B does not know"
printf '%s$ sendmail nobody@b.example%s   (no runner is resident: sendmail starts one)\n' "$b" "$n"
printf 'Subject: are you there?\n\nHello?\n' | at_a sendmail -f alice@a.example nobody@b.example || fail "sendmail said $?"
wait_for 'a bounce in the mailbox of alice' sh -c "ls $d/a/mail/alice/new/*"
bounce=$(ls a/mail/alice/new/*)
python3 - "$bounce" <<'END' || fail "the bounce is not a delivery status notification"
import sys, email
m = email.message_from_bytes(open(sys.argv[1], "rb").read())
assert m.get_content_type() == "multipart/report", m.get_content_type()
assert m["Return-Path"] == "<>", m["Return-Path"]
text, status, original = m.get_payload()
block = status.get_payload()[1]
assert block["Action"] == "failed" and block["Status"] == "5.1.1", block.as_string()
assert "nobody@b.example" in block["Final-Recipient"]
print(text.get_payload())
END
ok "alice has the bounce above, with B's own words"

say "3. B is down: the letter waits, and explain says why"
kill "$b_pid"; wait "$b_pid" 2>/dev/null || :
printf 'To: bob@b.example\nSubject: later\n\nPatience.\n' | at_a sendmail -t -odq -f alice@a.example || fail "sendmail said $?"
at_a smtp-queue run || :
run at_a smtp-queue list
id=$(at_a smtp-queue list --ids)
run at_a smtp-queue explain "$id" | tee explain.txt
grep -qi 'refused' explain.txt || fail "explain does not name the cause"
start_b "127.0.0.1:$port"
run at_a smtp-queue retry "$id"
wait_for 'the second letter in the mailbox of bob' sh -c "[ \$(ls $d/b/mail/bob/new | wc -l) = 2 ]"
ok "B is back, the letter is delivered"
wait_for 'the queue of A to be empty' sh -c "[ -z \"\$(SMTPUTILS_CONFIG=$d/a.toml smtp-queue list --ids)\" ]"
ok "nothing is left in the queue"

say "All checked."
