#!/bin/sh
# {n} shards. Submit this in the folder of the plan, and let Slurm gather when all are done:
#   job=$(sbatch --parsable SCRIPT)
#   sbatch --dependency=afterok:$job --wrap "sgmn gather {plan}"
# Add what your cluster asks for, such as --partition, --time or --mem. Submitted again, it makes what is missing.
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --cpus-per-task={cpus}
#SBATCH --output={name}-%a.log
#SBATCH --open-mode=append
# A task that makes room for others is started again later, and goes on where it stopped.
#SBATCH --requeue
# A minute before its time is over it is asked to stop.
#SBATCH --signal=TERM@60

srun sgmn --threads {cpus} work {plan}
