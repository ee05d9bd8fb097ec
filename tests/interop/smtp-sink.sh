# smtp-queue run into Postfix's smtp-sink: as it is, without pipelining, without
# EHLO, without 8BITMIME. Text and recipients arrive as they were.
printf 'From: alice@a.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n' >header
printf '.\n..two\nGr\303\274\303\237e = from A\nline with trailing blanks  \n' >body
for options in '' '-p' '-e' '-8'; do
    rm -rf "$WORK/sink"
    sink $options
    site a "smarthost = \"smtp://127.0.0.1:$SINK\""
    for i in 1 2 3; do
        { printf 'Subject: number %s\n' "$i"; cat header; echo; cat body; printf 'last'; } |
            at a smtp-send --queue-only --from alice@a.example "bob$i@far.example" carol@far.example
    done
    same 3 "$(queued a)" "queued (smtp-sink $options)"
    at a smtp-queue run
    same 0 "$(queued a)" "left (smtp-sink $options)"
    same 3 "$(ls "$WORK/sink" | wc -l)" "arrived (smtp-sink $options)"
    python3 - "$options" "$WORK"/sink/* <<'END'
import email, re, sys
option, files = sys.argv[1], sys.argv[2:]
wanted = open("body", "rb").read() + b"last"
envelopes = set()
for name in files:
    text = open(name, "rb").read()
    sink, message = re.match(rb"\A((?:X-[^\n]*\n)*)((?s:.*))", text).groups()
    assert b"X-Mail-Args: <alice@a.example>" in sink, sink
    envelopes.add(tuple(re.findall(rb"X-Rcpt-Args: <([^>]*)>", sink)))
    if option in ("-e", "-8"):
        assert max(message) < 128, "8-bit text to a server without 8BITMIME"
    else:
        assert b"BODY=8BITMIME" in sink, sink
    got = email.message_from_bytes(message).get_payload(decode=True)
    assert got.rstrip(b"\n") == wanted, got
assert envelopes == {(b"bob%d@far.example" % i, b"carol@far.example") for i in (1, 2, 3)}, envelopes
END
    kill "$SINK_PID"; wait "$SINK_PID" 2>/dev/null || :
done
