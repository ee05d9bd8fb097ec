complete -c smtp-mx -l resolver -d 'Name server to ask instead of the system\'s; may be repeated' -r
complete -c smtp-mx -l trust-anchor -d 'DNSKEY records to trust instead of the root\'s' -r -F
complete -c smtp-mx -l timeout -d 'Longest wait for one answer' -r
complete -c smtp-mx -l attempts -d 'How many such waits' -r
complete -c smtp-mx -l test-host -d 'With --self: a host to try port 25 of' -r
complete -c smtp-mx -l port -d 'Port of the mail hosts, for --probe' -r
complete -c smtp-mx -l connections -d 'Connections at once, for --probe' -r
complete -c smtp-mx -l rate -d 'New connections a second, for --probe; 0: no limit' -r
complete -c smtp-mx -l smtp-timeout -d 'Wait for a connection and for each reply, for --probe and --test-host' -r
complete -c smtp-mx -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-mx -l mx-only -d 'MX only, no addresses of the hosts'
complete -c smtp-mx -l dnssec -d 'Validate by DNSSEC and show the state'
complete -c smtp-mx -l probe -d 'Connect to each host: what it offers, its TLS and certificate'
complete -c smtp-mx -l explain -d 'What a delivery of ours to these addresses would do, step by step'
complete -c smtp-mx -l self -d 'How this host looks to others: addresses, PTR, EHLO name'
complete -c smtp-mx -l json -d 'One JSON object a line'
complete -c smtp-mx -s h -l help -d 'Print help'
complete -c smtp-mx -s V -l version -d 'Print version'
