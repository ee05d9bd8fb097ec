# The floor: an empty dynamic program.
start() { :; }; stop() { :; }; clean() { :; }; count() { echo 0; }; sendmail_root() { :; }
sendmail_cmd() { echo "$RUN/hello"; }
