# smtp-send as people use mail, mutt -a and swaks: what it makes is read by
# Python's email and mblaze; servers are tested with --trace and --until.
cat >server.py <<'END'
import asyncio, json
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 nobody of that name"
        if address.startswith("later"):
            return "450 4.2.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        with open("got.eml", "wb") as got:
            got.write(envelope.original_content)
        with open("got.json", "w") as got:
            json.dump({"from": envelope.mail_from, "to": envelope.rcpt_tos}, got)
        return "250 2.0.0 taken"

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), enable_SMTPUTF8=True, hostname="sink.example"), "127.0.0.1", 0)
    local = await loop.create_unix_server(lambda: LMTP(Sink(), hostname="sink.example"), "lmtp.sock")
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
END
/usr/bin/python3 server.py >port 2>server.err &
until_true 'aiosmtpd listens' grep -q . port
url=smtp://127.0.0.1:$(cat port)
site a
printf '<p>Gr\303\274\303\237e <img src="cid:logo_1.png"></p>\n' >page.html
head -c 5000 /dev/urandom >'logo 1.png'
head -c 300000 /dev/urandom >$'pr\303\274fung.bin'
printf 'Subject: inside\n\nthe letter inside\n' >inside.eml

printf 'disk \342\202\254 100 %% full\n' | at a smtp-send --server "$url" --from $'J\303\274rgen <me@a.example>' \
    -s $'Gr\303\266\303\237e: \346\227\245\346\234\254\350\252\236' --to '"Doe, Bob" <bob@far.example>' --bcc secret@far.example \
    --html page.html --inline 'logo 1.png' -a $'pr\303\274fung.bin' -a inside.eml --header 'X-Job: 42' >out 2>err ||
    fail "smtp-send said $?: $(cat err)"
same 2 "$(grep -c $'\taccepted\t' out)" 'accepted'
/usr/bin/python3 - <<'END' || fail 'as Python reads it'
import email, email.policy, json
sent = json.load(open("got.json"))
assert sent["from"] == "me@a.example" and sorted(sent["to"]) == ["bob@far.example", "secret@far.example"], sent
raw = open("got.eml", "rb").read()
assert b"secret" not in raw and raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= 998
m = email.message_from_bytes(raw, policy=email.policy.default)
assert not m.defects and all(not p.defects for p in m.walk()), [p.defects for p in m.walk()]
assert m["subject"] == "Gr\u00f6\u00dfe: \u65e5\u672c\u8a9e", m["subject"]
assert m["from"].addresses[0].display_name == "J\u00fcrgen", m["from"]
assert m["to"].addresses[0].display_name == "Doe, Bob", m["to"]
assert m["x-job"] == "42"
assert m.get_body(("plain",)).get_content().splitlines() == ["disk \u20ac 100 % full"]
assert "Gr\u00fc\u00dfe" in m.get_body(("html",)).get_content()
parts = {p.get_filename(): p for p in m.walk() if p.get_filename()}
assert parts["logo 1.png"].get_content() == open("logo 1.png", "rb").read()
assert parts["logo 1.png"]["content-id"] == "<logo_1.png>"
assert parts["pr\u00fcfung.bin"].get_content() == open("pr\u00fcfung.bin", "rb").read()
assert parts["inside.eml"].get_content()["subject"] == "inside"
END
mshow -t ./got.eml >shown || fail "mshow said $?"
for kind in multipart/mixed multipart/alternative multipart/related text/plain text/html image/png message/rfc822; do
    grep -q "$kind" shown || fail "mblaze sees no $kind: $(cat shown)"
done
same $'Gr\303\266\303\237e: \346\227\245\346\234\254\350\252\236' "$(mhdr -d -h subject ./got.eml)" 'the subject in mblaze'
# One refused, one later: the others get it; the worst is the status.
same 75 "$(echo x | at a smtp-send --server "$url" -s x bob@far.example nobody@far.example later@far.example >out 2>err; echo $?)" 'the worst'
same 'accepted deferred refused' "$(cut -f2 out | sort | tr '\n' ' ' | sed 's/ $//')" 'results'
same 2 "$(wc -l <err)" 'lines on stderr'

# What swaks users test with, against aiosmtpd and Postfix's smtp-sink.
sink
for server in "$url" "smtp://127.0.0.1:$SINK"; do
    at a smtp-send --server "$server" --until rcpt --trace --ehlo test.example bob@far.example </dev/null >out 2>err ||
        fail "--until rcpt: $(cat err)"
    grep -q $'^bob@far.example\tstopped\t2' out || fail "no stopped: $(cat out)"
    for line in '-> EHLO test.example' '-> RCPT TO:<bob@far.example>' '-> QUIT' '<- 221'; do
        grep -qF -- "$line" err || fail "no $line: $(cat err)"
    done
    grep -q -- '-> DATA' err && fail 'DATA was said'
    echo x | at a smtp-send --server "$server" --no-pipelining -s x bob@far.example >/dev/null || fail 'without pipelining'
done
arrive 1 sink
# LMTP by a socket.
echo 'by LMTP' | at a smtp-send --server "lmtp:$WORK/lmtp.sock" --trace -s x bob@far.example nobody@far.example >out 2>err && fail 'nobody was taken'
grep -q -- '-> LHLO a.example' err || fail "no LHLO: $(cat err)"
same 'accepted refused' "$(cut -f2 out | sort | tr '\n' ' ' | sed 's/ $//')" 'results by LMTP'
grep -q 'by LMTP' got.eml || fail 'not the letter by LMTP'
