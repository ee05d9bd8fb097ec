# openssl s_client: STARTTLS with TLS 1.2 and 1.3; 1.1 is refused by the server.
certificate mx.b.example
site b "[serve]
users = [\"bob\"]
[tls]
certificate = \"$WORK/cert.pem\"
key = \"$WORK/key.pem\""
serve b
# talk OPTIONS...: a whole dialogue behind STARTTLS, the certificate verified.
talk() {
    printf 'EHLO client.example\nMAIL FROM:<alice@far.example>\nRCPT TO:<bob@b.example>\nDATA\nSubject: %s\n\ntext\n.\nQUIT\n' "$*" |
        timeout 30 openssl s_client -connect "127.0.0.1:$PORT" -starttls smtp -name client.example -CAfile cert.pem \
            -verify_return_error -verify_hostname mx.b.example -crlf -ign_eof "$@" >out 2>&1
}
n=0
for version in 1_2 1_3; do
    talk -tls$version || fail "openssl said $? for TLS $version: $(cat out)"
    grep -q "Protocol *: TLSv${version/_/.}\|^New, TLSv${version/_/.}" out || fail "not TLS $version: $(cat out)"
    grep -q "^250 2[.][06][.]0" out && grep -q "^221 " out || fail "no dialogue: $(cat out)"
    grep -q '^250[- ]STARTTLS' out && fail 'STARTTLS is offered inside TLS'
    n=$((n + 1)); arrive $n b/mail/bob/new
done
for version in 1.2 1.3; do
    same 1 "$(grep -A1 'with ESMTPS' b/mail/bob/new/* | grep -c "TLSv$version ")" "letters whose Received names TLS $version"
done
old='-tls1_1 -cipher ALL:@SECLEVEL=0'
talk $old && fail "TLS 1.1 was taken: $(cat out)"
grep -qi 'alert protocol version' out || fail "TLS 1.1 was not refused by the server: $(cat out)"
# It was the server who said no: this client speaks TLS 1.1 with one that does.
openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem $old -www >server.out 2>&1 &
until_true 's_server listens' grep -q '^ACCEPT .*:[0-9]' server.out
openssl s_client -connect "127.0.0.1:$(sed -n 's/^ACCEPT .*://p' server.out)" $old </dev/null >out 2>&1 || :
grep -q '^New, .*Cipher is ECDHE' out && grep -q 'Protocol *: TLSv1.1' out || fail "this openssl cannot speak TLS 1.1: $(cat out)"
