# Ruby's mail gem, as ActionMailer uses it: by a shell, -i -f "ADDR" -- "RCPT",
# stderr and stdout in one pipe that is not read.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
SENDMAIL=$(our_sendmail a); export SENDMAIL
lib=$PEERS/usr/lib/ruby
RUBYLIB=$(printf '%s:' "$lib/vendor_ruby" "$lib/3.1.0" "$PEERS"/usr/lib/*/ruby/3.1.0 "$lib"/gems/3.1.0/gems/net-*/lib \
    "$PEERS"/usr/share/rubygems-integration/all/gems/*/lib)
export RUBYLIB
cat >mail.rb <<'END'
require 'mail'
Mail.defaults { delivery_method :sendmail, location: ENV['SENDMAIL'] }
Mail.deliver do
  charset = 'UTF-8'
  from 'Alice <alice@a.example>'
  to ['bob@far.example', 'carol@far.example']
  bcc 'dave@far.example'
  subject "Grüße von Ruby"
  body "erste Zeile\n.\nnach dem Punkt\n"
end
END
ruby mail.rb >said 2>&1 || fail "ruby said: $(cat said)"
[ ! -s said ] || fail "ruby said: $(cat said)"
grep -q -- '^-i -f alice@a.example -- ' argv || fail "ruby called: $(cat argv)"
arrive 1 sink; empties a
letter=$(ls sink/*)
grep -q 'X-Mail-Args: <alice@a.example>' "$letter" || fail 'the envelope sender'
for who in bob carol dave; do grep -q "X-Rcpt-Args: <$who@far.example>" "$letter" || fail "$who is not in the envelope"; done
! grep -qi '^bcc:' "$letter" || fail 'Bcc went out'
grep -qx 'nach dem Punkt' "$letter" || fail 'the text was cut at a lone dot'
