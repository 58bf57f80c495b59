"""Exports small nets of many kinds, so that readers and symmetries are tried on what nobody tuned them to.

Usage: python xtask/any_net/more.py OUT [NAME ...]
Without names, all nets of `NETS` (in `odd/`) are written, each by every exporter (`write.py`); packages are pinned in
requirements.txt beside this file. ONNX files are below 70 KB, all are the same from run to run, and take two minutes.
"""
import sys

import torch

from odd import NETS
from write import ENDINGS, quiet, unsettle, write

# 0, but where another leaves no unit dead: numbers that nobody can see would add to what may change.
SEEDS = {"functions": 1, "graph_net": 2, "nerf": 3, "rnn_relu": 1, "unet": 5, "wavenet": 6, "weight_normed": 6}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, names = sys.argv[1], sys.argv[2:] or list(NETS)
    unknown = [name for name in names if name not in NETS]
    if unknown:
        sys.exit(f"unknown nets: {', '.join(unknown)}; known: {', '.join(NETS)}")
    quiet()
    # One kernel for layers of attention in evaluation hides their operations; it is not in files of trained nets either.
    torch.backends.mha.set_fastpath_enabled(False)
    for name in names:
        torch.manual_seed(SEEDS.get(name, 0))
        case = NETS[name]()
        unsettle(case.net, *case.inputs.values())
        write(folder, name, case, list(ENDINGS), without_notes=True)


if __name__ == "__main__":
    main()
