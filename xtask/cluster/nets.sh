# What all engines are tried with: 210 digits fitted in seven shards, beside the same in one piece. Sourced.
# Needs the programs on the PATH: cargo build -p sgmn-exp --bins; PATH=$PWD/target/debug:$PATH
set -euo pipefail
n_nets=210
fit=(fit --images mini --n "$n_nets" --steps 400 --goal-db 60)

# The same nets without a plan, and the plan with the script of an engine.
prepare() { # ENGINE SCRIPT OPTIONS…
    engine=$1
    script=$2
    shift 2
    rm -rf digits.packed digits.toml digits.shards digits-*.log digits-*.out digits-*.err
    [ -e whole.packed ] || sgmn --threads 2 "${fit[@]}" --out whole.packed
    sgmn plan --shards 7 --out digits.toml --emit "$engine" "$@" "${fit[@]}" --out digits.packed >"$script"
}

# Waits until a worker has some nets of a shard and not all.
begun() { # SHARD
    until [ -e "digits.shards/shard-000$1.nets.partial" ] &&
        [ "$(stat -c %s "digits.shards/shard-000$1.nets.partial" 2>/dev/null || echo 0)" -gt 20000 ]; do
        [ ! -e "digits.shards/shard-000$1.nets" ] || { echo "shard $1 was too fast"; return; }
        sleep 0.1
    done
}

same() {
    cmp whole.packed digits.packed
    echo "same bytes: $(sha256sum <digits.packed)"
}
