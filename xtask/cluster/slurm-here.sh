#!/bin/bash
# Starts Slurm on this machine alone, runs a command with it, and ends it again. Needs root, and of Debian:
#   apt-get install slurm-wlm munge
# Usage: slurm-here.sh FOLDER COMMAND…      FOLDER, which is made, gets configuration, state and logs
set -euo pipefail
here=$(realpath -m "$1")
shift
mkdir -p "$here/state" "$here/spool"
host=$(hostname -s)

# Who talks to whom is proven by a key.
mkdir -p /run/munge /var/log/munge
chown munge: /run/munge /var/log/munge
[ -s /etc/munge/munge.key ] || { dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 2>/dev/null; }
chown munge: /etc/munge/munge.key
chmod 400 /etc/munge/munge.key
pgrep -x munged >/dev/null || runuser -u munge -- munged

cat >"$here/slurm.conf" <<CONF
ClusterName=here
SlurmctldHost=$host
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
# A container has no control groups to give away.
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
# Seconds between the request to stop and the end.
KillWait=30
# A requeued task waits no longer than it must.
SchedulerParameters=bf_interval=2,sched_interval=2
JobRequeue=1
NodeName=$host CPUs=$(nproc) State=UNKNOWN
PartitionName=here Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$here/slurm.conf

slurmctld -c -D >>"$here/slurmctld.out" 2>&1 &
controller=$!
slurmd -D >>"$here/slurmd.out" 2>&1 &
daemon=$!
trap 'kill $daemon $controller 2>/dev/null; wait' EXIT
for _ in $(seq 60); do
    sinfo -h -o %t 2>/dev/null | grep -Eq 'idle|mix|alloc' && break
    sleep 1
done
sinfo
"$@"
