# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_smtp_queue_global_optspecs
    string join \n config= spool= no-progress h/help V/version
end

function __fish_smtp_queue_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_smtp_queue_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_smtp_queue_using_subcommand
    set -l cmd (__fish_smtp_queue_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "list" -d 'List queued messages, oldest first'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "show" -d 'Show a message\'s envelope and state'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "cat" -d 'Print a message'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "explain" -d 'Tell what happened to a message and what will'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "stats" -d 'Count the queue by destination, reason or state, and age'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "run" -d 'Deliver what is due'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "deliver" -d 'Deliver one message from standard input, without the queue'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "hold" -d 'Stop trying until released'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "release" -d 'Let held messages go again'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "retry" -d 'Try messages now'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "remove" -d 'Remove messages; nobody is told, a day long they can be restored'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "restore" -d 'Put removed messages back'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "bounce" -d 'Return messages to their senders'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "expire" -d 'Give messages up as if their time were over'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "reroute" -d 'Give messages another route'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "export" -d 'Write messages to standard output, for import or as batch SMTP'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "import" -d 'Queue messages from standard input'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "check" -d 'Look for what is wrong in the spool'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "metrics" -d 'Print figures for Prometheus'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "report" -d 'Report what became of the mail of a time'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "route" -d 'Tell where mail to an address would go, sending nothing'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "setup" -d 'Make the spool, or put owners and modes of one that is there right'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "config" -d 'Print the configuration in force and where each value came from'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l columns -d 'These columns, in this order, instead of the usual ones' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l sort -d 'In the order of: arrived (oldest first), due, size, state' -r -f -a "arrived\t''
due\t''
size\t''
state\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l ids -d 'Only the ids, one a line'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l json -d 'One JSON object a line'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l reverse -d 'The other way round'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -l envelope -d 'The envelope lines too'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand stats" -l by -d 'One line for each: destination, reason, or state' -r -f -a "destination\t''
reason\t''
state\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand stats" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand stats" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand stats" -l json -d 'One JSON object a line'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand stats" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand stats" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l id -d 'Only this message, due or not (may be repeated)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l watch -d 'Stay, and deliver what comes (a service)'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l drain -d 'Stay until nothing is left in the queue'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l all -d 'Try messages that are not yet due as well'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l trace -d 'Show each dialogue with a server on stderr, secrets masked'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l server -d 'To smtp://HOST, smtps:, submission:, lmtp:' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l account -d 'Use this account of the configuration' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l user -d 'Log in at --server; asks for the password' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l password-file -d 'The password is the first line of FILE' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l tls -d 'TLS: none, opportunistic, required, pinned' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l until -d 'End after ehlo, starttls, auth, mail, rcpt, data' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l ehlo -d 'Our name in EHLO' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l mail-param -d 'KEYWORD[=VALUE] for MAIL, offered or not' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l rcpt-param -d 'The same for RCPT' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l json -d 'One JSON object a recipient'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l trace -d 'Show the dialogue on stderr, secrets masked'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l dry-run -d 'Tell who would get it how; send nothing'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l print -d 'With --dry-run: show the message itself'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l no-pipelining -d 'One command at a time'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l leave-deferred -d 'Deferred recipients are the caller\'s to queue: no failure of ours'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l now -d 'For good, not to be had back'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand restore" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand restore" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand restore" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand restore" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand restore" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand restore" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l text -d 'What the sender is told' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l status -d 'Enhanced status code' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand bounce" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand expire" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l to -d 'Transport, as in a route: smtp://host, mx:, discard:, ...' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l dry-run -d 'Only say what would be done'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l undo -d 'By the configuration again'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand reroute" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l domain -d 'Only messages with a recipient in this domain (.DOMAIN: below it)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l reason -d 'Only messages whose last failure holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l age -d 'Only messages at least this old, like 2h (-2h: younger)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l size -d 'Only messages at least this large, like 10K (-10K: smaller)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l state -d 'Only messages in this state: new, deferred, held, failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''
removed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l bsmtp -d 'As batch SMTP (RFC 2442) instead of the spool\'s form'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand export" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand import" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand import" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand import" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand import" -l queue-only -d 'Only queue; nothing is tried at once'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand import" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand import" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l repair -d 'Put right what can be'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l deep -d 'Read whole messages and compare their checksums'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l json -d 'One JSON object a finding'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand check" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand metrics" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand metrics" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand metrics" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand metrics" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -l since -d 'From then on: an age like 7d, or a time like 2026-11-01T00:00:00Z' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -l text -d 'As text (the default)'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -l json -d 'As one JSON object'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -l html -d 'As a page with charts, for a browser or as mail'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand report" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l json -d 'One JSON object for each place the mail would go to'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l brief -d 'One line an address: whether it can be delivered (`sendmail -bv`)'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand setup" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand setup" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand setup" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand setup" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -l json -d 'One JSON object a setting'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -l no-progress -d 'No progress bar on long work'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -s h -l help -d 'Print help'
