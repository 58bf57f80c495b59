#!/bin/sh
# {n} shards. Run this in the folder of the plan, where a server is up (`hq server start`) and has workers
# (`hq worker start`, or `hq alloc add` for those of Slurm or PBS). Run again, it makes what is missing.
hq submit --name {name} --array 0-{last} --cpus {cpus} --pin taskset --crash-limit 100 \
    --stdout '{name}-%{TASK_ID}.out' --stderr '{name}-%{TASK_ID}.err' --wait \
    -- sgmn --threads {cpus} work {plan} &&
    sgmn gather {plan}
