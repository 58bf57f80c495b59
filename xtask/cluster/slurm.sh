#!/bin/bash
# A plan under Slurm: one task is requeued and one cancelled in the middle, the array is submitted again, and the bytes are
# those of one process. Then three trainings, one of them requeued in the middle.
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

echo "== trainings"
rm -rf demo.toml demo.shards demo demo-*.log
sgmn plan --shards 3 --out demo.toml --emit slurm reproduce --scale demo --out demo >demo.sh
job=$(sbatch --parsable demo.sh)
until grep -q '"epoch":[2-9]' demo/runs/*/records.jsonl 2>/dev/null; do sleep 1; done
run=$(grep -l '"epoch":[2-9]' demo/runs/*/records.jsonl | head -n 1)
for shard in 0 1 2; do scontrol requeue "${job}_$shard" && break; done
rest
echo "== requeued while it trained: $run"
tail -n 40 demo-*.log
sgmn gather demo.toml
