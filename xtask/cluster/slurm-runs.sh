#!/bin/bash
# Trainings under Slurm: one is requeued in the middle, and goes on from where it was asked to stop.
# Usage: slurm-here.sh FOLDER/slurm slurm-runs.sh FOLDER
source "$(dirname "$0")/nets.sh"
mkdir -p "$1"
cd "$1"
[ -e whole.packed ] || sgmn --threads 2 "${fit[@]}" --out whole.packed
rm -rf best.toml best.shards best best-*.log
sgmn plan --shards 2 --out best.toml --emit slurm \
    compare whole.packed --models flat-mlp,scalegmn --rates 1e-3 --seeds 1 --set train.epochs=40 --out best >best.sh
job=$(sbatch --parsable best.sh)
records=best/runs/scalegmn-1e-3-seed0/records.jsonl
until grep -q '"epoch":5' "$records" 2>/dev/null; do sleep 0.2; done
scontrol requeue "${job}_1"
echo "requeued after: $(tail -n 1 "$records" | cut -c 1-100)"
while [ -n "$(squeue -h)" ]; do sleep 1; done
cat best-1.log
echo "epochs in the records, each with how often it stands there for the validation nets:"
grep '"split":"val"' "$records" | grep -o '"epoch":[0-9]*' | sort -t: -k2n | uniq -c | awk '{print $2 " x" $1}' | paste -sd' '
sgmn gather best.toml
