#!/usr/bin/env bash
# Everything that a machine with a GPU can teach in eight minutes, without Rust and without a network.
#
#   bash run.sh OUT [SECONDS]
#
# OUT gets a few small files, which `cargo xtask check-gpu --read OUT` turns into a page: results.jsonl (a line for each
# result, written the moment it is known), log.txt, records.jsonl and resolved.toml of the training, its best
# checkpoint, facts.json, bundle.json. A step that fails or takes too long never ends the others, and a run that is
# killed loses nothing but the step it was in. SECONDS, 480 unless given, is the time for everything.

set -u
SECONDS=0

# Seconds of each step when all has TOTAL; with another total they shrink or grow with it. `train` gets what is left.
TOTAL=480
facts=30
checks=90
steps=150
repeat=40
# The second at which the nets that are fitted meanwhile have to be ready.
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

here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
    echo "usage: bash run.sh OUT [SECONDS]" >&2
    exit 2
fi
total=${2:-$TOTAL}
case $total in '' | *[!0-9]* | 0*)
    echo "SECONDS: expected a whole number above 0, found $total" >&2
    exit 2
    ;;
esac
mkdir -p "$1" || exit 2
out=$(cd "$1" && pwd)
if [ -e "$out/results.jsonl" ]; then
    echo "$out: expected a folder without results.jsonl, found the results of another run" >&2
    exit 2
fi
work=$(mktemp -d) || exit 2
results=$out/results.jsonl
log=$out/log.txt
: >"$results" && : >"$log" || exit 2
fitting=
keeping=
first=$FIRST
[ "$total" -ge 60 ] || first=$FIRST_OF_TRIAL
[ -d "$here/mnist" ] || [ "$first" -le "$DIGITS" ] || first=$DIGITS

scaled() { echo $((($1 * total + TOTAL - 1) / TOTAL)); }

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

# ended STEP STATUS SECONDS LIMIT: how a step ended, as a result and for people.
ended() {
    local error=
    if [ "$2" -eq 124 ]; then
        error="stopped after $3 s: its time was over"
    elif [ "$2" -ne 0 ]; then
        error=$(first_error "$work/$1.log")
        error=$(quoted "${error:-ended with status $2 and said nothing}")
    fi
    result "{\"step\":\"$1\",\"what\":\"ended\",\"status\":$2,\"seconds\":$3,\"limit\":$4,\"first_error\":\"$error\"}"
    say "== $1: ended with status $2 after $3 s${error:+: $error}"
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

# step NAME SECONDS SIGNAL COMMAND…: one step from its beginning to the line about its end.
step() {
    local name=$1 limit=$2 began=$SECONDS status
    shift
    say "== $name: at most $limit s"
    limited "$@" 2>&1 | tee -a "$log" >"$work/$name.log"
    status=$(judged "$limit" "$began" "${PIPESTATUS[0]}")
    ended "$name" "$status" $((SECONDS - began)) "$limit"
}

# unpack ARCHIVE PROGRAM…: the programs of an archive into the folder for work; a trial has them as they are.
unpack() {
    local packed=$here/programs/$1 program
    shift
    if [ ! -e "$packed" ]; then
        for program; do ln -s "$here/programs/$program" "$work/$program"; done
    elif command -v xz >/dev/null && command -v tar >/dev/null; then
        xz -dc "$packed" | tar -C "$work" -xf -
    else
        python3 -c 'import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$packed" "$work"
    fi
    for program; do [ -x "$work/$program" ] || say "== could not unpack $program"; done
}

# What the loader does not find for a program: names of libraries, and versions that it asks of those that are there.
missing() { LD_LIBRARY_PATH=$libraries ldd "$1" 2>&1 | grep -a 'not found' | sed 's/^[[:space:]]*//; s/ => not found.*//'; }

# Folders that may hold CUDA's libraries: those of a toolkit, of the driver, of Python's packages.
candidates() {
    local folder
    for folder in /usr/local/cuda*/lib64 /usr/local/cuda*/targets/*/lib /usr/local/nvidia/lib*; do
        [ -d "$folder" ] && echo "$folder"
    done
    command -v python3 >/dev/null && python3 - 2>/dev/null <<'PYTHON'
import importlib.util
import os

for package, deep in (("nvidia", True), ("torch", False)):
    spec = importlib.util.find_spec(package)
    for root in (spec.submodule_search_locations or []) if spec else []:
        if not deep:
            print(os.path.join(root, "lib"))
            continue
        for folder, _, files in os.walk(root):
            if any(".so" in file for file in files):
                print(folder)
PYTHON
}

# Sets `libraries`, the folders for the loader, and says in one line what is missing nevertheless.
find_libraries() {
    local name folder lacking
    libraries=${LD_LIBRARY_PATH:-}
    lacking=$(missing "$1")
    if [ -n "$lacking" ]; then
        candidates >"$work/candidates"
        for name in $lacking; do
            while IFS= read -r folder; do
                if [ -e "$folder/$name" ]; then
                    case :$libraries: in *:"$folder":*) ;; *) libraries=${libraries:+$libraries:}$folder ;; esac
                    break
                fi
            done <"$work/candidates"
        done
        lacking=$(missing "$1" | tr '\n' ' ')
    fi
    say "== libraries: ${libraries:-those of the system}${lacking:+; not found: $lacking}"
}

# Fits nets in the background: some that are certain to be ready, then all. What ends this shell ends the program.
fit_nets() {
    local limit began=$SECONDS status=0 images
    limit=$(scaled $fit)
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
            nice -n 19 "$work/sgmn" fit "${images[@]}" --json "$results" --out "$work"/$some \
            </dev/null >>"$work/fit.log" 2>&1 &
        child=$!
        wait "$child"
        status=$(judged "$limit" "$began" $?)
    done
    cat "$work/fit.log" >>"$log"
    ended fit "$status" $((SECONDS - began)) "$limit"
}

# Copies what the training has so far, each file whole or not at all.
keep() {
    local file name
    for file in records.jsonl resolved.toml facts.json checkpoints/best.safetensors; do
        name=${file##*/}
        if [ "$work/run/$file" -nt "$out/$name" ] && [ "$(wc -c <"$work/run/$file")" -le "$MOST" ]; then
            cp -p "$work/run/$file" "$out/part" && mv -f "$out/part" "$out/$name"
        fi
    done
}

# Trains on the nets that are ready, with the fastest precision that was stable, until the time is up.
train() {
    local precision why experiment left
    precision=$(limited 10 TERM "${sgmn[@]}" measure fastest "$results" 2>"$work/fastest.log")
    why=$(quoted "$(tail -n 1 "$work/fastest.log")")
    case $precision in f32 | tf32 | bf16) ;; *)
        precision=f32
        why="none was named: $why"
        ;;
    esac
    say "== train: waiting for the nets"
    wait "$fitting"
    fitting=
    if [ ! -e "$work/inrs.packed" ] && [ -e "$work/first.packed" ]; then
        mv "$work/first.packed" "$work/inrs.packed"
        why="$why; on the first $first nets: not all were ready in time"
    fi
    result "{\"step\":\"train\",\"what\":\"choice\",\"precision\":\"$precision\",\"why\":\"$why\"}"
    for experiment in "$here"/experiments/gpu-*.toml; do :; done
    while sleep 3; do keep; done >/dev/null 2>&1 &
    keeping=$!
    left=$((total - SECONDS - CLOSING))
    [ "$left" -ge 1 ] || left=1
    step train "$left" INT "${classification[@]}" --experiment "$experiment" --run "$work/run" --data-dir "$work" \
        --set train.device=cuda --set "train.precision=$precision"
    kill "$keeping" 2>/dev/null
    wait "$keeping" 2>/dev/null
    keeping=
    keep
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

[ ! -e "$here/bundle.json" ] || cp "$here/bundle.json" "$out/bundle.json"
result "{\"step\":\"run\",\"what\":\"began\",\"date\":\"$(date -u '+%Y-%m-%d %H:%M UTC')\",\"seconds\":$total}"
say "== results go to $out, in at most $total s"
unpack cpu.tar.xz sgmn
fit_nets &
fitting=$!
unpack cuda.tar.xz sgmn-cuda inr-classification-cuda device-checks
find_libraries "$work/sgmn-cuda"
command -v nvidia-smi >/dev/null && limited 10 TERM nvidia-smi >>"$log" 2>&1

# The words that begin a call of each program that needs CUDA's libraries.
sgmn=(env "LD_LIBRARY_PATH=$libraries" "$work/sgmn-cuda")
classification=(env "LD_LIBRARY_PATH=$libraries" "$work/inr-classification-cuda")
device_checks=(env "LD_LIBRARY_PATH=$libraries" "$work/device-checks")
step facts "$(scaled $facts)" TERM "${sgmn[@]}" measure facts --device cuda --json "$results"
step checks "$(scaled $checks)" TERM "${device_checks[@]}" --device cuda --golden "$here/golden" --json "$results"
# Ends by itself a little earlier, and says what it left out.
limit=$(scaled $steps)
step steps "$limit" TERM "${sgmn[@]}" measure steps --device cuda --seconds $((limit * 9 / 10)) --json "$results"
step repeat "$(scaled $repeat)" TERM "${sgmn[@]}" measure repeat --device cuda --json "$results"
train
say "== done after $SECONDS s"
