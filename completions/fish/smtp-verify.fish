complete -c smtp-verify -l level -d 'How far to look' -r -f -a "syntax\t''
dns\t''
smtp\t''"
complete -c smtp-verify -l column -d 'Column of CSV on standard input that holds addresses, by name or number' -r
complete -c smtp-verify -l delimiter -d 'What stands between the columns of CSV' -r
complete -c smtp-verify -l key -d 'Key of JSON lines on standard input that holds addresses' -r
complete -c smtp-verify -l only -d 'Print only the records of these verdicts, as they came' -r -f -a "deliverable\t''
undeliverable\t''
risky\t''
unknown\t''"
complete -c smtp-verify -l sender -d 'Sender of the questions, instead of the null one' -r
complete -c smtp-verify -l wait -d 'Longest time to wait for greylisting hosts' -r
complete -c smtp-verify -l connections -d 'Connections at once' -r
complete -c smtp-verify -l per-host -d 'Connections to one host at once' -r
complete -c smtp-verify -l rate -d 'Questions a second to one host; 0: no limit' -r
complete -c smtp-verify -l per-connection -d 'Questions on one connection' -r
complete -c smtp-verify -l port -d 'Port of the mail hosts' -r
complete -c smtp-verify -l smtp-timeout -d 'Wait for a connection and for each reply' -r
complete -c smtp-verify -l resolver -d 'Name server to ask instead of the system\'s; may be repeated' -r
complete -c smtp-verify -l state -d 'Remember there what is done: the same call goes on where it was ended' -r -F
complete -c smtp-verify -l cache -d 'Remember there what was found, for other calls' -r -F
complete -c smtp-verify -l cache-good -d 'For how long good and risky addresses are remembered' -r
complete -c smtp-verify -l cache-bad -d 'For how long undeliverable addresses are remembered' -r
complete -c smtp-verify -l lists -d 'Directory of lists that replace those built in' -r -F
complete -c smtp-verify -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-verify -l header -d 'The first line of CSV is a header, though the column is given by number'
complete -c smtp-verify -l json -d 'One JSON object a record'
complete -c smtp-verify -l csv -d 'CSV, our columns behind those that came'
complete -c smtp-verify -l ordered -d 'In the order of input, not as they become known'
complete -c smtp-verify -l vrfy -d 'Ask by VRFY first, where it is offered'
complete -c smtp-verify -l expn -d 'Ask by EXPN for the members of lists, where it is offered'
complete -c smtp-verify -l no-catch-all -d 'Do not find out whether a host takes any address'
complete -c smtp-verify -l no-progress -d 'No progress bar on a terminal'
complete -c smtp-verify -s h -l help -d 'Print help'
complete -c smtp-verify -s V -l version -d 'Print version'
