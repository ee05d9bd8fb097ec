# swaks: STARTTLS, pipelining, refusals, and over a pipe to sendmail -bs.
certificate mx.b.example
site b "[serve]
users = [\"bob\"]
[tls]
certificate = \"$WORK/cert.pem\"
key = \"$WORK/key.pem\""
serve b
swaks --server 127.0.0.1 --port "$PORT" --tls --from alice@far.example --to bob@b.example \
    --body 'through TLS' --hide-all || fail "swaks --tls said $?"
swaks --server 127.0.0.1 --port "$PORT" --pipeline --from alice@far.example --to bob@b.example \
    --body 'in one flight' --hide-all || fail "swaks --pipeline said $?"
# An unknown user and a relay attempt are refused in the dialogue (status 24).
swaks --server 127.0.0.1 --port "$PORT" --from alice@far.example --to nobody@b.example >out 2>&1 && fail 'unknown user accepted'
grep -q '550 5.1.1' out || fail "no 550 5.1.1: $(tail -5 out)"
swaks --server 127.0.0.1 --port "$PORT" --from bob@b.example --to x@elsewhere.example >out 2>&1 && fail 'open relay'
grep -q '550 5.7.1' out || fail "no 550 5.7.1: $(tail -5 out)"
until_true 'two letters for bob' sh -c "[ \$(ls '$WORK/b/mail/bob/new' | wc -l) = 2 ]"
grep -l 'through TLS' b/mail/bob/new/* | xargs grep -q 'with ESMTPS' || fail 'no ESMTPS in Received'
sendmail=$(our_sendmail b)
swaks --pipe "$sendmail -bs" --from alice@b.example --to bob@b.example --body 'over a pipe' --hide-all || fail "swaks --pipe said $?"
until_true 'the third letter' sh -c "[ \$(ls '$WORK/b/mail/bob/new' | wc -l) = 3 ]"
