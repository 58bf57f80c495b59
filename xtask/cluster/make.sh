#!/bin/bash
# A plan by make: first here, then over "ssh", for which a shell of this machine stands in; the bytes are those of one process.
# Usage: make.sh FOLDER
source "$(dirname "$0")/nets.sh"
mkdir -p "$1"
cd "$1"
prepare make digits.mk
make -j2 -f digits.mk
same
prepare make digits.mk
printf '#!/bin/sh\necho "on $1: $2" >>hosts.log\nexec "$2"\n' >pretended-ssh
chmod +x pretended-ssh
rm -f hosts.log
make -j2 -f digits.mk SSH=./pretended-ssh HOSTS="anna ben"
same
sort hosts.log | uniq -c
