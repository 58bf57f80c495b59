#!/usr/bin/env bash
# Everything that a machine with a GPU can teach in eight minutes, without Rust and without a network.
#
#   bash run.sh OUT [SECONDS [STEPS]]
#
# OUT gets a few small files, which `cargo xtask check-gpu --read OUT` turns into a page: results.jsonl (a line for each
# result, written the moment it is known), log.txt, records.jsonl and resolved.toml of the training, its best
# checkpoint, facts.json, bundle.json. A step that fails or takes too long never ends the others, and a run that is
# killed loses nothing but the step it was in. SECONDS, 480 unless given, is the time for everything. STEPS is one
# argument with those of the steps that are wanted, such as "checks train"; `train` brings `fit` along.

set -u
SECONDS=0

STEPS="fit facts checks steps repeat train"
# Seconds of each step when all has TOTAL; with another total, or without some steps, they shrink or grow. `train` gets
# what is left.
TOTAL=480
facts=30
checks=90
steps=140
repeat=60
# Of the steps that come in between when the checks speak against the kernels: the checks without them, then each
# kernel alone, which has ONE_KERNEL at most.
checks_plain=45
kernels=40
ONE_KERNEL=10
# Training that ends early begins again if so many seconds are left.
AGAIN=30
# Seconds in which the nets that are fitted meanwhile have to be ready.
fit=300
# Nets that are fitted first and alone, so that there are some whatever happens; fewer where a minute is not given.
FIRST=5000
FIRST_OF_TRIAL=12
# Nets that can be fitted to the digits of the programs, where there is no MNIST.
DIGITS=3000
# Seconds to save a checkpoint and to tidy up, before the end.
CLOSING=8
# Bytes above which a file is not handed back.
MOST=16000000
# What CUDA says of a kernel that went wrong. Everything that its process does afterwards fails too.
SPOILT='CUDA_ERROR_ILLEGAL|CUDA_ERROR_MISALIGNED|CUDA_ERROR_LAUNCH|illegal memory'

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ $# -gt 3 ]; then
    echo "usage: bash run.sh OUT [SECONDS [STEPS]]" >&2
    exit 2
fi
total=${2:-$TOTAL}
case $total in '' | *[!0-9]* | 0*)
    echo "SECONDS: expected a whole number above 0, found $total" >&2
    exit 2
    ;;
esac
# In one line, with one space between two.
asked=$(printf '%s' "${3-$STEPS}" | tr -s '[:space:]' ' ' | sed 's/^ //; s/ $//')
is_asked() { case " $asked " in *" $1 "*) true ;; *) false ;; esac }
for name in ${asked:-nothing}; do
    case " $STEPS " in *" $name "*) ;; *)
        echo "STEPS: expected some of $STEPS, found $name" >&2
        exit 2
        ;;
    esac
done
if is_asked train && ! is_asked fit; then asked="fit $asked"; fi
mkdir -p "$1" || exit 2
out=$(cd "$1" && pwd)
if [ -e "$out/results.jsonl" ]; then
    echo "$out: expected a folder without results.jsonl, found the results of another run" >&2
    exit 2
fi
work=$(mktemp -d) || exit 2
# What the driver compiles for the device is kept from step to step; and f32 products are f32, whatever the machine says.
export CUDA_CACHE_PATH=$work/compiled CUDA_CACHE_MAXSIZE=1073741824 CUDA_CACHE_DISABLE=0
unset NVIDIA_TF32_OVERRIDE
results=$out/results.jsonl
log=$out/log.txt
: >"$results" && : >"$log" || exit 2
fitting=
keeping=
run=$work/train
# Becomes an option of the programs when the checks speak against the kernels.
plain=()
first=$FIRST
[ "$total" -ge 60 ] || first=$FIRST_OF_TRIAL
[ -d "$here/mnist" ] || [ "$first" -le "$DIGITS" ] || first=$DIGITS

# Seconds that the steps which were asked for have together when all has TOTAL.
whole=$TOTAL
for name in facts checks steps repeat; do is_asked "$name" || whole=$((whole - ${!name})); done
is_asked train || whole=$((whole - TOTAL + facts + checks + steps + repeat))
[ "$whole" -ge 1 ] || whole=$TOTAL

scaled() { echo $((($1 * total + whole - 1) / whole)); }

say() { printf '%s\n' "$*" | tee -a "$log"; }

# A text as the inside of a JSON string: one line, no control characters, no more than 300 bytes.
quoted() { printf '%s' "$1" | LC_ALL=C tr -d '\000-\037\177' | LC_ALL=C cut -b 1-300 | sed 's/\\/\\\\/g; s/"/\\"/g'; }

# Appends a line to the results; a program that was killed may have left half of one.
result() {
    [ -z "$(tail -c 1 "$results" | tr '\0' x)" ] || echo >>"$results"
    printf '%s\n' "$1" >>"$results"
}

# What a program said first about its failure: a line of an error, else its last line.
first_error() {
    grep -a -m 1 -E '^ *([Ee]rror|thread .* panicked)|error while loading' "$1" ||
        grep -a -m 1 -i -E 'fail|error|cannot|not found' "$1" || tail -n 1 "$1"
}

# reason STATUS SECONDS LOG: why a program ended that way, as the inside of a JSON string; nothing if it ended well.
reason() {
    local error
    if [ "$1" -eq 124 ]; then
        echo "stopped after $2 s: its time was over"
    elif [ "$1" -ne 0 ]; then
        error=$(first_error "$3")
        quoted "${error:-ended with status $1 and said nothing}"
    fi
}

# ended STEP STATUS BEGAN LIMIT: how a step ended that began at second BEGAN, as a result and for people.
ended() {
    local error took=$((SECONDS - $3))
    error=$(reason "$2" "$took" "$work/$1.log")
    result "{\"step\":\"$1\",\"what\":\"ended\",\"status\":$2,\"began\":$3,\"seconds\":$took,\"limit\":$4,\"first_error\":\"$error\"}"
    say "== $1: ended with status $2 after $took s${error:+: $error}"
}

# The status of a program that had LIMIT seconds, began at second BEGAN and ended with STATUS: one that had to be
# killed ran out of time too.
judged() {
    if [ "$3" -eq 137 ] && [ $((SECONDS - $2)) -ge "$1" ]; then echo 124; else echo "$3"; fi
}

# limited SECONDS SIGNAL COMMAND…: a command with a time limit, polite at first. In the foreground, since otherwise the
# signal would come twice, and the second one means that nothing is to be saved.
limited() {
    local limit=$1 signal=$2
    shift 2
    timeout --foreground -s "$signal" -k 6 "$limit" "$@" </dev/null
}

# step NAME SECONDS SIGNAL COMMAND…: one step from its beginning to the line about its end; sets `status`.
step() {
    local name=$1 limit=$2 began=$SECONDS
    shift
    say "== $name: at most $limit s"
    limited "$@" 2>&1 | tee -a "$log" >"$work/$name.log"
    status=$(judged "$limit" "$began" "${PIPESTATUS[0]}")
    ended "$name" "$status" "$began" "$limit"
}

# Fits nets in the background: some that are certain to be ready, then all. Two processors are left to the programs
# that feed the GPU. What ends this shell ends the program.
fit_nets() {
    local limit began=$SECONDS status=0 images threads
    limit=$(((fit * total + TOTAL - 1) / TOTAL))
    threads=$(nproc 2>/dev/null || echo 3)
    threads=$((threads > 3 ? threads - 2 : 1))
    if [ -d "$here/mnist" ]; then
        images=(--images "$here/mnist/train-images-idx3-ubyte.gz" --labels "$here/mnist/train-labels-idx1-ubyte.gz"
            --shares 0.8333,0.0833)
    else
        images=(--images mini)
    fi
    trap 'kill -TERM "$child" 2>/dev/null; wait "$child"; exit 143' TERM
    : >"$work/fit.log"
    for some in "first.packed --n $first" inrs.packed; do
        [ "$status" -eq 0 ] || break
        # shellcheck disable=SC2086 # the words of `some` are words of the command
        timeout --foreground -k 6 $((limit - SECONDS + began > 1 ? limit - SECONDS + began : 1)) \
            nice -n 19 "$work/sgmn" --threads "$threads" fit "${images[@]}" --json "$results" --out "$work"/$some \
            </dev/null >>"$work/fit.log" 2>&1 &
        child=$!
        wait "$child"
        status=$(judged "$limit" "$began" $?)
    done
    cat "$work/fit.log" >>"$log"
    result "{\"step\":\"fit\",\"what\":\"clock\",\"began\":$began,\"ended\":$SECONDS,\"threads\":$threads}"
    ended fit "$status" "$began" "$limit"
}

# Copies what the training has so far, each file whole or not at all.
keep() {
    local file name
    for file in records.jsonl resolved.toml facts.json checkpoints/best.safetensors; do
        name=${file##*/}
        if [ "$run/$file" -nt "$out/$name" ] && [ "$(wc -c <"$run/$file")" -le "$MOST" ]; then
            cp -p "$run/$file" "$out/part" && mv -f "$out/part" "$out/$name"
        fi
    done
}

# Why the kernels are not to be used, after the checks; nothing if they are.
against_kernels() {
    grep -a -m 1 -i -E "$SPOILT" "$work/checks.log" && return
    grep -a '"group":"golden"' "$results" | grep -a -q '"passed":true' || echo "no golden file passed"
}

# Each kernel's check in a process of its own, so that none spoils another's.
check_kernels() {
    local began=$SECONDS limit names name left from ended_with status=0
    limit=$(scaled $kernels)
    say "== kernels: at most $limit s"
    names=$(limited "$limit" TERM "${device_checks[@]}" --device cuda --list --golden "$here/golden" 2>"$work/kernels.log" |
        sed -n 's/: test$//; /^kernels\//p')
    if [ -z "$names" ]; then
        echo "error: expected checks that begin with kernels/, found none" >>"$work/kernels.log"
        status=1
    fi
    while IFS= read -r name; do
        [ -n "$name" ] || continue
        left=$((limit - SECONDS + began))
        if [ "$left" -lt 1 ]; then
            status=124
            break
        fi
        from=$SECONDS
        [ "$left" -le "$ONE_KERNEL" ] || left=$ONE_KERNEL
        limited "$left" TERM "${device_checks[@]}" --device cuda --golden "$here/golden" --json "$results" \
            --exact "$name" >"$work/kernel.log" 2>&1
        ended_with=$(judged "$left" "$from" $?)
        [ "$ended_with" -eq 0 ] || status=1
        tee -a "$log" <"$work/kernel.log" >>"$work/kernels.log"
        result "{\"step\":\"kernels\",\"what\":\"kernel\",\"name\":\"$(quoted "${name#kernels/}")\",\"status\":$ended_with,\"first_error\":\"$(
            reason "$ended_with" $((SECONDS - from)) "$work/kernel.log"
        )\"}"
    done <<<"$names"
    ended kernels "$status" "$began" "$limit"
}

# The checks. One bad kernel must not spoil all the rest, so that if they speak against the kernels, the rest goes
# without, and each kernel is tried alone.
check() {
    local why
    step checks "$(scaled $checks)" TERM "${device_checks[@]}" --device cuda --golden "$here/golden" --json "$results"
    why=$(against_kernels)
    [ -n "$why" ] || return
    why=$(quoted "$why")
    say "== checks: without kernels from here on: $why"
    result "{\"step\":\"checks\",\"what\":\"without_kernels\",\"why\":\"$why\"}"
    plain=(--without-kernels)
    step checks-plain "$(scaled $checks_plain)" TERM "${device_checks[@]}" --device cuda --golden "$here/golden" \
        --json "$results" "${plain[@]}"
    check_kernels
}

# chosen PRECISION WHY: what is trained in, and why; the second is the inside of a JSON string.
chosen() { result "{\"step\":\"train\",\"what\":\"choice\",\"precision\":\"$1\",\"why\":\"$2\"}"; }

# Seconds that a training may take that begins now.
left_to_train() { echo $((total - SECONDS - CLOSING)); }

# train_as STEP PRECISION: a training until the time is up, in a folder that is named like the step.
train_as() {
    local left experiment
    run=$work/$1
    for experiment in "$here"/experiments/gpu-*.toml; do :; done
    while sleep 3; do keep; done >/dev/null 2>&1 &
    keeping=$!
    left=$(left_to_train)
    [ "$left" -ge 1 ] || left=1
    step "$1" "$left" INT "${classification[@]}" --experiment "$experiment" --run "$run" --data-dir "$work" \
        --set train.device=cuda --set "train.precision=$2" "${plain[@]}"
    kill "$keeping" 2>/dev/null
    wait "$keeping" 2>/dev/null
    keeping=
    keep
}

# Trains on the nets that are ready, with the fastest precision that was stable. A training that fails is begun again
# in the plainest way, if there is time.
train() {
    local precision why
    if precision=$(limited 10 TERM "${sgmn[@]}" measure fastest "$results" --json "$results" 2>"$work/fastest.log") &&
        case $precision in f32 | tf32 | bf16) true ;; *) false ;; esac; then
        say "== train: $precision: $(tail -n 1 "$work/fastest.log")"
    else
        precision=f32
        chosen f32 "none was named: $(quoted "$(tail -n 1 "$work/fastest.log")")"
    fi
    say "== train: waiting for the nets"
    wait "$fitting"
    fitting=
    if [ ! -e "$work/inrs.packed" ] && [ -e "$work/first.packed" ]; then
        mv "$work/first.packed" "$work/inrs.packed"
        result "{\"step\":\"train\",\"what\":\"nets\",\"why\":\"on the first $first nets: not all were ready in time\"}"
    fi
    train_as train "$precision"
    if [ "$status" -eq 0 ] || [ "$status" -eq 124 ] || [ "$(left_to_train)" -lt "$AGAIN" ]; then
        return
    fi
    why="once more: in $precision it ended with status $status"
    if grep -a -q -i -E "$SPOILT" "$work/train.log" && [ ${#plain[@]} -eq 0 ]; then
        plain=(--without-kernels)
        why="$why; now without kernels"
    fi
    chosen f32 "$why: $(reason "$status" 0 "$work/train.log")"
    [ ! -e "$out/records.jsonl" ] || mv -f "$out/records.jsonl" "$out/records-first.jsonl"
    train_as train-again f32
}

# Called at the end, whatever ends the script.
close() {
    trap - EXIT
    [ -z "$keeping" ] || kill "$keeping" 2>/dev/null
    if [ -n "$fitting" ]; then
        kill "$fitting" 2>/dev/null
        wait "$fitting" 2>/dev/null
    fi
    keep
    if [ "$(wc -c <"$log")" -gt "$MOST" ]; then
        head -c "$MOST" "$log" >"$out/part" && mv -f "$out/part" "$log"
    fi
    rm -rf "$work" "$out/part"
}
trap close EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# shellcheck source=/dev/null
. "$here/libraries.sh"
[ ! -e "$here/bundle.json" ] || cp "$here/bundle.json" "$out/bundle.json"
result "{\"step\":\"run\",\"what\":\"began\",\"date\":\"$(date -u '+%Y-%m-%d %H:%M UTC')\",\"seconds\":$total,\"asked\":\"$asked\"}"
say "== results go to $out, in at most $total s: $asked"
if is_asked fit; then
    unpack cpu.tar.xz sgmn
    fit_nets &
    fitting=$!
fi
unpack cuda.tar.xz sgmn-cuda inr-classification-cuda device-checks
find_libraries "$work/sgmn-cuda"
command -v nvidia-smi >/dev/null && limited 10 TERM nvidia-smi >>"$log" 2>&1

# The words that begin a call of each program that needs CUDA's libraries.
sgmn=(env "LD_LIBRARY_PATH=$libraries" "$work/sgmn-cuda")
classification=(env "LD_LIBRARY_PATH=$libraries" "$work/inr-classification-cuda")
device_checks=(env "LD_LIBRARY_PATH=$libraries" "$work/device-checks")
is_asked facts && step facts "$(scaled $facts)" TERM "${sgmn[@]}" measure facts --device cuda --json "$results"
is_asked checks && check
# Ends by itself a little earlier, and says what it left out.
limit=$(scaled $steps)
is_asked steps && step steps "$limit" TERM "${sgmn[@]}" measure steps --device cuda --seconds $((limit * 9 / 10)) \
    --json "$results" "${plain[@]}"
is_asked repeat && step repeat "$(scaled $repeat)" TERM "${sgmn[@]}" measure repeat --device cuda \
    --precisions f32,tf32 --json "$results" "${plain[@]}"
is_asked train && train
if [ -n "$fitting" ]; then
    wait "$fitting"
    fitting=
fi
say "== done after $SECONDS s"
