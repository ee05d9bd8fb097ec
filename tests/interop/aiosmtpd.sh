# aiosmtpd as the next hop: STARTTLS demanded, SMTPUTF8, SIZE and refusals.
certificate sink.example
cat >sink.py <<'END'
import asyncio, base64, json, ssl
from aiosmtpd.smtp import SMTP

class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("full"):
            return "452 4.2.2 the mailbox is full"
        if address.startswith("nobody"):
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        with open("got", "a") as got:
            print(json.dumps({"from": envelope.mail_from, "to": envelope.rcpt_tos, "options": envelope.mail_options,
                "tls": session.ssl is not None, "text": base64.b64encode(envelope.original_content).decode()}), file=got)
        return "250 2.0.0 taken"

async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain("cert.pem", "key.pem")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Sink(), enable_SMTPUTF8=True, require_starttls=True, tls_context=tls, hostname="sink.example"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
END
/usr/bin/python3 sink.py >port 2>sink.err &
until_true 'aiosmtpd listens' grep -q . port
site a "smarthost = \"smtp://127.0.0.1:$(cat port)\"
[serve]
users = [\"alice\"]"
printf 'From: alice@a.example\nSubject: one\n\n.\n..\ntext\n' |
    at a smtp-send --queue-only --from alice@a.example bob@far.example full@far.example nobody@far.example
printf 'From: alice@a.example\nSubject: Gr\303\274\303\237e\n\ntext\n' |
    at a smtp-send --queue-only --from alice@a.example $'j\303\274rgen@far.example'
at a smtp-queue run
python3 - <<'END'
import base64, json
got = [json.loads(line) for line in open("got")]
assert len(got) == 2 and all(g["tls"] and g["from"] == "alice@a.example" for g in got), got
one, two = sorted(got, key=lambda g: g["to"])
assert one["to"] == ["bob@far.example"], one
assert base64.b64decode(one["text"]).endswith(b"\r\n\r\n.\r\n..\r\ntext\r\n"), one
assert two["to"] == ["j\u00fcrgen@far.example"] and "SMTPUTF8" in two["options"], two
END
# One recipient waits, one came back to the sender.
same 1 "$(queued a)" 'still queued'
at a smtp-queue list --json | grep -q 'full@far.example' || fail "not the full one: $(at a smtp-queue list)"
arrive 1 a/mail/alice/new
grep -q 'nobody of that name' a/mail/alice/new/* || fail 'the bounce does not say why'
