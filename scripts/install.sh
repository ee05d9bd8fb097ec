#!/bin/sh
# install.sh BUILD DESTDIR PREFIX: programs, links, manual pages, completions,
# example configuration. Changes nothing outside DESTDIR/PREFIX. Prints each
# path. Each file appears whole, in one step: mail may be sent meanwhile.
# SETGID=GID: smtp-send gets that group and the setgid bit (install-system.sh).
set -eu
umask 022
build=$1 dest=$2 prefix=$3
cd "$(dirname "$0")/.."
bin=$dest$prefix/bin sbin=$dest$prefix/sbin share=$dest$prefix/share
finish() { mv -f "$1.new" "$1"; echo "$1"; }
put() { install -D -m "$1" "$2" "$3.new"; finish "$3"; }
link() { mkdir -p "$(dirname "$2")"; ln -sfn "$1" "$2"; echo "$2"; }
for program in smtp-mx smtp-verify smtp-queue; do put 755 "$build/$program" "$bin/$program"; done
put 755 "$build/smtp-serve" "$sbin/smtp-serve"
install -D -m 755 "$build/smtp-send" "$bin/smtp-send.new"
if [ -n "${SETGID:-}" ]; then chown "0:$SETGID" "$bin/smtp-send.new"; chmod 2755 "$bin/smtp-send.new"; fi
finish "$bin/smtp-send"
for name in sendmail send-mail; do link ../bin/smtp-send "$sbin/$name"; done
for name in mailq newaliases; do link smtp-send "$bin/$name"; done
link smtp-queue "$bin/runq"
link ../bin/smtp-send "$dest$prefix/lib/sendmail"
for page in man/*.[1-8]; do put 644 "$page" "$share/man/man${page##*.}/${page#man/}"; done
for name in mailq newaliases send-mail; do
    echo ".so man8/sendmail.8" >"$share/man/man1/$name.1.new"; finish "$share/man/man1/$name.1"; done
echo ".so man8/smtp-queue.8" >"$share/man/man8/runq.8.new"; finish "$share/man/man8/runq.8"
for f in completions/bash/*; do put 644 "$f" "$share/bash-completion/completions/$(basename "$f" .bash)"; done
# Where zsh looks: Debian's does not read /usr/share/zsh/site-functions.
zsh=site-functions
[ "$prefix" != /usr ] || [ ! -e /etc/debian_version ] || zsh=vendor-completions
for f in completions/zsh/*; do put 644 "$f" "$share/zsh/$zsh/$(basename "$f")"; done
for f in completions/fish/*; do put 644 "$f" "$share/fish/vendor_completions.d/$(basename "$f")"; done
put 644 share/config.toml.example "$share/doc/smtputils/config.toml.example"
for f in share/verify/*; do put 644 "$f" "$share/smtputils/verify/$(basename "$f")"; done
put 644 share/notices.txt "$share/smtputils/notices.txt"
for f in README.md CHANGELOG.md; do put 644 "$f" "$share/doc/smtputils/$f"; done
