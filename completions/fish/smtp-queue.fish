# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_smtp_queue_global_optspecs
    string join \n config= spool= h/help V/version
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
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -s V -l version -d 'Print version'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "list" -d 'List queued messages, oldest first'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "show" -d 'Show a message\'s envelope and state'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "cat" -d 'Print a message'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "explain" -d 'Tell what happened to a message and what will'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "run" -d 'Deliver what is due'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "deliver" -d 'Deliver one message from standard input, without the queue'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "hold" -d 'Stop trying until released'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "release" -d 'Let held messages go again'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "retry" -d 'Try messages now'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "remove" -d 'Remove messages; nobody is told'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "route" -d 'Tell where mail to an address would go, sending nothing'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "setup" -d 'Make the spool, or put owners and modes of one that is there right'
complete -c smtp-queue -n "__fish_smtp_queue_needs_command" -f -a "config" -d 'Print the configuration in force and where each value came from'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l state -d 'Only messages in this state: new, deferred, held or failed' -r -f -a "new\t''
deferred\t''
held\t''
failed\t''"
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l ids -d 'Only the ids, one a line'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -l json -d 'One JSON object a line'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand list" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand show" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -l envelope -d 'The envelope lines too'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand cat" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand explain" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l id -d 'Only this message, due or not (may be repeated)' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l sender -d 'Only messages whose sender holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l recipient -d 'Only messages with a recipient that holds this text' -r
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l watch -d 'Stay, and deliver what comes (a service)'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l drain -d 'Stay until nothing is left in the queue'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l all -d 'Try messages that are not yet due as well'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -l trace -d 'Show each dialogue with a server on stderr, secrets masked'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand run" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -l json -d 'One JSON object a recipient'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand deliver" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand hold" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand release" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand retry" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -l json -d 'One JSON object a message'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand remove" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l json -d 'One JSON object for each place the mail would go to'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -l brief -d 'One line an address: whether it can be delivered (`sendmail -bv`)'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand route" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand setup" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand setup" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand setup" -s h -l help -d 'Print help'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -l config -d 'Configuration file instead of the usual ones' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -l spool -d 'Spool directory' -r -F
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -l json -d 'One JSON object a setting'
complete -c smtp-queue -n "__fish_smtp_queue_using_subcommand config" -s h -l help -d 'Print help'
