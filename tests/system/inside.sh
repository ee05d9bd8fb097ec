# inside.sh: the cases, one after the other, as the first process of the tree.
set -euo pipefail
cd /root/tests
. ./lib.sh
for case in ./${CASES:-[0-9]*}.sh; do . "$case"; done
stop_runner
# For what --remove has to keep.
mail_to nobody-here@host.test kept
