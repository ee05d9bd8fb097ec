# Postfix's load client into smtp-serve: every message acknowledged is queued.
site b 'postmaster = "postmaster"
[serve]
relay_from = ["127.0.0.0/8"]
[[route]]
match = ["*"]
to = "hold:"'
serve b
smtp-source -4 -s 10 -m 200 -l 4096 -f sender@b.example -t rcpt@far.example "127.0.0.1:$PORT"
smtp-source -4 -d -s 5 -m 200 -l 100000 -f sender@b.example -t rcpt@far.example "127.0.0.1:$PORT"
same 400 "$(queued b)" 'messages queued'
