#!/bin/bash
# A plan under HyperQueue, whose program `hq` is on the PATH: a task is killed in the middle and starts again, and the bytes
# are those of one process.
# Usage: hyperqueue.sh FOLDER
source "$(dirname "$0")/nets.sh"
mkdir -p "$1"
cd "$1"
export HQ_SERVER_DIR=$PWD/hq
hq server start >server.log 2>&1 &
trap 'hq server stop || true; wait' EXIT
until hq server info >/dev/null 2>&1; do sleep 0.5; done
hq worker start --cpus 2 >worker.log 2>&1 &
prepare hyperqueue digits.sh
sh digits.sh &
script=$!
begun 0
# Without the worker its tasks wait for another one.
hq worker stop all
hq worker start --cpus 2 >worker-2.log 2>&1 &
wait $script
cat digits-0.err digits-0.out
same
