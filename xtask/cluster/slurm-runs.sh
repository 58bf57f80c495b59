#!/bin/bash
# Trainings under Slurm: one is requeued in the middle, and goes on from where it was asked to stop.
# Usage: slurm-here.sh FOLDER/slurm slurm-runs.sh FOLDER
set -euo pipefail
mkdir -p "$1"
cd "$1"
rm -rf demo.toml demo.shards demo demo-*.log
# Short ones: what is tried is the stop.
sgmn plan --shards 2 --out demo.toml --emit slurm \
    reproduce --scale demo --method MLP --method GMN --out demo --set train.epochs=8 >demo.sh
job=$(sbatch --parsable demo.sh)
until records=$(grep -l '"epoch":2' demo/runs/*/records.jsonl 2>/dev/null); do sleep 1; done
records=$(echo "$records" | head -n 1)
case $records in *mlp*) shard=0 ;; *) shard=1 ;; esac
scontrol requeue "${job}_$shard"
echo "requeued shard $shard after: $(tail -n 1 "$records" | cut -c 1-80)"
while [ -n "$(squeue -h)" ]; do sleep 1; done
cat "demo-$shard.log"
# Every epoch stands there once.
grep -o '"epoch":[0-9]*,"split":"val"\|"split":"val".*"epoch":[0-9]*' "$records" | sort | uniq -c || true
sgmn gather demo.toml
