complete -c smtp-serve -l listen -d 'Listen here: HOST:PORT, ROLE://HOST:PORT or ROLE:/PATH; may be repeated' -r
complete -c smtp-serve -l role -d 'What an inherited socket is for; else its name or port says it' -r
complete -c smtp-serve -l relay-from -d 'Networks that may send to anybody' -r
complete -c smtp-serve -l hostname -d 'Name in the greeting' -r
complete -c smtp-serve -l tls-certificate -d 'Certificate chain, PEM' -r -F
complete -c smtp-serve -l tls-key -d 'Key of the certificate, PEM' -r -F
complete -c smtp-serve -l spool -d 'The spool' -r -F
complete -c smtp-serve -l config -d 'Configuration file' -r -F
complete -c smtp-serve -l stdin -d 'Serve one session on standard input and output'
complete -c smtp-serve -l json -d 'Write the log as JSON'
complete -c smtp-serve -s h -l help -d 'Print help'
complete -c smtp-serve -s V -l version -d 'Print version'
