"""Checks every net of some folders with `sgmn check` and writes the table of docs/results/any-net.md.

Usage: python xtask/any_net/table.py SGMN OUT.md TITLE=FOLDER ...

SGMN is the program, FOLDER holds nets with their inputs beside them (`NAME.io.safetensors`, as `make.py`, `shipped.py`
and `trained.py` write them); shapes that a file leaves open are those of its inputs there. Needs nothing but Python.
A net that is refused gets its one line of reason. Each net is checked in a process of its own.
"""
import json
import platform
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

# Elements of each kind, changes outside of the group, and random inputs for each net.
TRIALS = ["--elements", "2", "--negatives", "4", "--questions", "1"]
# Inputs that are one known number, by the name of the input.
VALUES = {"sr": 16000}
HEAD = """# Nets of any architecture

Written by `python xtask/any_net/table.py` from files made by the other scripts of that folder.
Each row is `sgmn check FILE {trials}` in a process of its own, on {machine}.

What may change in each net is inferred from its file; random elements of all of it act on the net's own numbers, and its answers to random inputs are compared in f64.
The largest change is relative to the largest answer.
"Seen" counts changes just outside of the group that change answers by 0.001 or more.
"Infer" is the time for everything that may change, "act" that of one element of orders and scalars on all numbers, "mix" that of one element of matrices.
Memory is the most that the whole process held, from reading to the last change outside of the group, beside the size of the file.
Times are of one run on a machine that others used too.
"""


def shapes(path):
    """Names and shapes of the tensors of a safetensors file."""
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(size))
    return {name: tensor["shape"] for name, tensor in head.items() if name != "__metadata__"}


def options(net):
    """What to say about a net so that it is read with the shapes of its inputs."""
    io = net.with_name(net.name.split(".")[0] + ".io.safetensors")
    return shapes(io) if io.exists() else {}


def check(sgmn, net):
    """The measurements of a net, or the line in which it is refused."""
    given = options(net)
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        while True:
            command = [sgmn, "check", str(net), "--json", str(rows), *TRIALS]
            for name, shape in given.items():
                if name in VALUES:
                    command += ["--value", f"{name}={VALUES[name]}"]
                else:
                    command += ["--input", f"{name}={'x'.join(map(str, shape))}"]
            done = subprocess.run(command, capture_output=True, text=True)
            if rows.exists() and (lines := rows.read_text().splitlines()):
                return json.loads(lines[-1])
            said = (done.stderr.strip().splitlines() or ["no word"])[-1].removeprefix("error: ")
            # The file of inputs holds outputs too: what the net does not know is left out.
            unknown = [name for name in given if f'found "{name}"' in said]
            if not unknown:
                return said.replace(str(net), net.name)
            del given[unknown[0]]


def row(net, found):
    """A line of the table."""
    if isinstance(found, str):
        return f"| {net.name} | refused: {found.replace('|', '/')} | | | | | | | | | |"
    seen = sum(negative["seen"] for negative in found["negatives"])
    memory = found["peak_bytes"] or 0
    seconds = found["seconds"]
    return (
        f"| {net.name} | {found['numbers'] / 1e6:.3f} | {100 * found['moved'] / max(found['numbers'], 1):.1f} % | {sum(found['dims'].values())} | {found['signs']} "
        f"| {found['worst']:.1e}{'' if found['holds'] else ' **FAILS**'} | {seen} of {len(found['negatives'])} "
        f"| {seconds['derive']:.2f} | {seconds['act']:.2f} | {seconds['mix']:.2f} | {memory / max(found['file_bytes'], 1):.1f} × |"
    )


def main(sgmn, out, *parts):
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.processor())
    text = HEAD.format(trials=" ".join(TRIALS), machine=cpu)
    for part in parts:
        title, folder = part.split("=", 1)
        nets = sorted(path for path in Path(folder).iterdir() if path.suffix in (".onnx", ".pt2"))
        text += f"\n## {title}\n\n"
        text += "| file | million numbers | moved | dimensions | signs | largest change | seen | infer, s | act, s | mix, s | memory |\n"
        text += "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n"
        for net in nets:
            line = row(net, check(sgmn, net))
            print(line, flush=True)
            text += line + "\n"
    Path(out).write_text(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
