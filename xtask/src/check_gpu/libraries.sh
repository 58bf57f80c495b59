# Programs out of their archives, and the libraries that they need: what run.sh does before anything is measured.
# Sourced by run.sh; `here` is the folder of the bundle, `work` the one for work, `say` tells people.

python=$(command -v python3 || command -v python)

# unpack ARCHIVE PROGRAM…: the programs of an archive into the folder for work; a trial has them as they are.
unpack() {
    local packed=$here/programs/$1 program
    shift
    if [ ! -e "$packed" ]; then
        for program; do ln -s "$here/programs/$program" "$work/$program"; done
    elif command -v xz >/dev/null && command -v tar >/dev/null; then
        xz -dc "$packed" | tar -C "$work" -xf -
    else
        "${python:-python3}" -c 'import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$packed" "$work"
    fi
    for program; do [ -x "$work/$program" ] || say "== could not unpack $program"; done
}

# What the loader does not find for a program: names of libraries, and versions that it asks of those that are there.
missing() { LD_LIBRARY_PATH=$libraries ldd "$1" 2>&1 | grep -a 'not found' | sed 's/^[[:space:]]*//; s/ => not found.*//'; }

# Those of the given folders that are there.
folders() {
    local folder
    for folder; do [ ! -d "$folder" ] || echo "$folder"; done
}

# Folders that may hold CUDA's libraries: those of toolkits, of the driver, of Python's packages. Last those for drivers
# that are too old, since they would take the place of a driver that is new enough.
candidates() {
    local root nvcc
    nvcc=$(command -v nvcc) && nvcc=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
    for root in "${CUDA_HOME:-}" "${CUDA_PATH:-}" "$nvcc" /usr/local/cuda*; do
        [ -z "$root" ] || folders "$root"/lib64 "$root"/targets/*/lib "$root"/lib
    done
    folders /usr/local/nvidia/lib*
    [ -z "$python" ] || "$python" - 2>/dev/null <<'PYTHON'
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
    folders /usr/local/cuda*/compat
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
