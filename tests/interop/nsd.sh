# nsd with generated zones, one of them signed by a key of its own: smtp-mx in
# bulk, the four answers, aliases, an answer too big for a datagram, DNSSEC.
awk 'BEGIN {
    print "$ORIGIN test.\n$TTL 60\n@ IN SOA ns.test. root.test. 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1"
    print "null IN MX 0 .\nalone IN AAAA 2001:db8::1\nempty IN TXT x\nalias IN CNAME d7\nnomx IN MX 5 gone.test."
    print "loop IN CNAME pool\npool IN CNAME loop\nfar IN CNAME far.elsewhere."
    for (i = 0; i < 2000; i++) printf "d%d IN MX 10 mx1.d%d\nd%d IN MX 20 mx2.d%d\nmx1.d%d IN A 192.0.2.%d\nmx2.d%d IN AAAA 2001:db8::%x\n", i, i, i, i, i, i % 256, i, i + 1
    for (i = 0; i < 2500; i++) printf "many IN MX %d m%d\n", i, i
    for (i = 0; i < 5000; i++) printf "toomany IN MX %d m%d\n", i, i
}' >test.zone
cat >root.zone <<'ZONE'
$ORIGIN .
$TTL 60
@ IN SOA ns. root. 1 3600 600 86400 60
@ IN NS ns.
ns. IN A 127.0.0.1
signed. IN MX 10 mx.signed.
mx.signed. IN A 192.0.2.1
broken. IN MX 10 mx.broken.
mx.broken. IN A 192.0.2.2
plain. IN NS ns.
test. IN NS ns.
ZONE
cat >plain.zone <<'ZONE'
$ORIGIN plain.
$TTL 60
@ IN SOA ns. root. 1 3600 600 86400 60
@ IN NS ns.
@ IN MX 10 mx
mx IN A 192.0.2.3
ZONE
key=$(ldns-keygen -a ECDSAP256SHA256 -k .)
ldns-signzone -f root.signed root.zone "$key"
sed -i 's/^\(broken\.[[:space:]].*MX[[:space:]]*\)10/\120/' root.signed
grep DNSKEY "$key.key" >anchor
names . root.signed plain plain.zone test test.zone
ask() { "$BUILD/smtp-mx" --resolver "$NAMES" "$@"; }
# status WANTED NAME LAST-COLUMN
status() {
    local got=0
    ask "$2" >out || got=$?
    same "$1" "$got" "status of $2"
    same "$3" "$(head -1 out | cut -f5)" "note of $2"
}
status 0 d7.test -
status 0 alone.test implicit
status 0 alias.test CNAME
status 68 null.test 'null MX'
status 68 gone.test NXDOMAIN
status 69 empty.test 'no data'
status 69 nomx.test 'no address'
ask --mx-only many.test >out
same 21 "$(wc -l <out)" 'lines of 2,500 MX'
# 5,000 do not fit into any message: whatever the server makes of it, it ends.
timeout 20 "$BUILD/smtp-mx" --resolver "$NAMES" --timeout 1s --mx-only toomany.test >out || [ $? -lt 100 ] || fail '5,000 MX: no end'
got=0; ask --timeout 1s --attempts 1 loop.test >out || got=$?
[ $got -ge 68 ] || fail "a loop of aliases said $got"
seq 0 1999 | sed 's/.*/d&.test/' >names
ask <names >out
same 4000 "$(wc -l <out)" 'lines of 2,000 domains'
same "$(cat names)" "$(cut -f1 out | uniq)" 'order of 2,000 domains'
! grep -qE 'no address|SERVFAIL|time-out' out || fail "lost answers: $(grep -m1 -E 'no address|SERVFAIL|time-out' out)"
secure() { ask --dnssec --trust-anchor anchor "$1" | cut -f5; }
same secure "$(secure signed)" 'a signed name'
same insecure "$(secure plain)" 'a name below an unsigned delegation'
same SERVFAIL "$(secure broken)" 'a name with a broken signature'
# Not our anchor: nothing of it holds.
sed 's/ 13 .*/ 13 AAAA/' anchor >wrong
got=0; ask --dnssec --trust-anchor wrong signed >out 2>&1 || got=$?
[ $got != 0 ] || fail 'a wrong anchor was believed'
