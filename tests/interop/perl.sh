# MIME::Lite (-t -oi -oem -fADDR), Email::Sender (-i -f ADDR -- RCPT) and
# Mail::Mailer's plain -t, with their own ways of saying that it went wrong.
sink
site a "smarthost = \"smtp://127.0.0.1:$SINK\""
SENDMAIL=$(our_sendmail a); export SENDMAIL
calls() { grep -qx -- "$1" argv || fail "it called: $(cat argv)"; : >argv; }
head -c 2000 /dev/urandom >blob
cat >lite.pl <<'END'
use MIME::Lite;
MIME::Lite->send("sendmail", Sendmail => $ENV{SENDMAIL}, SetSender => 1);
my $m = MIME::Lite->new(From => 'Alice <alice@a.example>', To => 'bob@far.example', Bcc => 'dave@far.example',
    Subject => 'from MIME::Lite', Type => 'multipart/mixed');
$m->attach(Type => 'TEXT', Data => "text\n.\nafter\n");
$m->attach(Type => 'application/octet-stream', Path => 'blob', Encoding => 'base64');
$m->send or die "not sent";
END
perl lite.pl || fail "MIME::Lite died"
calls '-t -oi -oem -falice@a.example'
arrive 1 sink; empties a
python3 - sink/* <<'END'
import email, re, sys
text = open(sys.argv[1], "rb").read()
for line in (b"X-Mail-Args: <alice@a.example>", b"X-Rcpt-Args: <bob@far.example>", b"X-Rcpt-Args: <dave@far.example>"):
    assert line in text, text[:500]
m = email.message_from_bytes(re.sub(rb"\AX-[^\n]*\n(?:X-[^\n]*\n)*", b"", text))
assert m["Bcc"] is None and m["Content-Length"] is None, m.items()
one, two = m.get_payload()
assert "text\n.\nafter\n" in one.get_payload(), one
assert two.get_payload(decode=True) == open("blob", "rb").read(), "the attachment changed"
END
rm sink/*

cat >sender.pl <<'END'
use strict;
use Email::Sender::Simple qw(sendmail);
use Email::Sender::Transport::Sendmail;
my ($to, $text) = @ARGV;
my $by = Email::Sender::Transport::Sendmail->new({ sendmail => $ENV{SENDMAIL} });
my $mail = "From: alice\@a.example\nTo: bob\@far.example\nSubject: from Email::Sender\n\n$text";
sendmail($mail, { transport => $by, from => 'bounces@a.example', to => [$to, '-dash@far.example'] });
END
perl sender.pl bob@far.example $'one\n.\ntwo\n' || fail 'Email::Sender died'
calls '-i -f bounces@a.example -- bob@far.example -dash@far.example'
arrive 1 sink; empties a
for args in 'Mail-Args: <bounces@a.example>' 'Rcpt-Args: <bob@far.example>' 'Rcpt-Args: <-dash@far.example>'; do
    grep -q "X-$args" sink/* || fail "no $args"; done
grep -qx two sink/* || fail 'the text was cut at a lone dot'
! perl sender.pl 'a@@b' x 2>said || fail 'a bad address was taken'
grep -q 'couldn.t\|error' said || fail "Email::Sender says: $(cat said)"
rm sink/*

cat >mailer.pl <<'END'
use Mail::Mailer;
my $m = Mail::Mailer->new("sendmail");
$m->open({ From => 'alice@a.example', To => 'bob@far.example', Cc => ['carol@far.example'], Subject => 'from Mail::Mailer' });
print $m "text\n";
$m->close or exit 1;
END
PERL_MAILERS=sendmail:$SENDMAIL perl mailer.pl || fail 'Mail::Mailer failed'
calls '-t'
arrive 1 sink; empties a
for who in bob carol; do grep -q "X-Rcpt-Args: <$who@far.example>" sink/* || fail "$who is not in the envelope"; done
