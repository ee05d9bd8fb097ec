# s-nail: -F NAME and -f ADDR as separate words, -- before recipients.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
sendmail=$(our_sendmail a)
printf 'text\n' | LC_ALL=C.UTF-8 s-nail -n -Smta="file://$sendmail" -Sfrom='Alice Example <alice@a.example>' -r alice@a.example \
    -s 'from s-nail' bob@far.example || fail "s-nail said $?"
arrive 1 sink
empties a
grep -q 'X-Mail-Args: <alice@a.example>' sink/* || fail 'the envelope sender is not what -r said'
grep -q 'X-Rcpt-Args: <bob@far.example>' sink/* || fail 'the recipient is wrong'
