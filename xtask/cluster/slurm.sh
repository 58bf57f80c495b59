#!/bin/bash
# A plan under Slurm: one task is requeued and one cancelled in the middle, the array is submitted again, and the bytes are
# those of one process.
# Usage: slurm-here.sh FOLDER/slurm slurm.sh FOLDER
source "$(dirname "$0")/nets.sh"
mkdir -p "$1"
cd "$1"

rest() { while [ -n "$(squeue -h)" ]; do sleep 1; done; }

prepare slurm digits.sh
job=$(sbatch --parsable digits.sh)
begun 0
scontrol requeue "${job}_0"
begun 1
scancel "${job}_1"
rest
echo "== after one requeue and one cancel"
tail -n 20 digits-*.log
sgmn gather digits.toml && { echo "expected a missing shard"; exit 1; }
job=$(sbatch --parsable digits.sh)
sbatch --dependency=afterok:"$job" --output=gather.log --wrap "sgmn gather digits.toml"
rest
cat gather.log
same
