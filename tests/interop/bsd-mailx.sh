# bsd-mailx through our sendmail: envelope and bytes as its user expects.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
sendmail=$(our_sendmail a)
printf 'set sendmail=%s\n' "$sendmail" >mailrc
printf 'first line\n.\nafter a lone dot\n' |
    MAILRC=$WORK/mailrc bsd-mailx -s 'from mailx' -c carol@far.example -b dave@far.example bob@far.example
arrive 1 sink
empties a
letter=$(ls sink/*)
for who in bob carol dave; do grep -q "X-Rcpt-Args: <$who@far.example>" "$letter" || fail "$who is not in the envelope"; done
grep -qi '^bcc:' "$letter" && fail 'Bcc went out'
grep -q '^From: ' "$letter" || fail 'no From'
grep -q '^Date: ' "$letter" || fail 'no Date'
grep -q '^after a lone dot' "$letter" || fail 'the text was cut at a lone dot'
