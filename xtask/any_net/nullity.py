"""Counts the continuous directions in which a net of `odd/` may move without changing its function, by numbers alone.

Usage: python xtask/any_net/nullity.py OUT [NAME ...]
Writes OUT/nullity.tsv: name, numbers (parameters and running statistics, ties once), rank of the Jacobian of outputs by
them in f64 at random inputs, dimension of its kernel, and the singular values on both sides of the cut, relative to the
largest. What is derived from a file that keeps norms and ties (NAME.pt2, NAME.unfused.onnx) must have that many
dimensions of scales, matrices and additive freedoms together. The kernel is larger than that where a unit is dead by
chance, or on one side of its kink at all inputs (see `SEEDS` in more.py), and where an end is narrow.
A cut without a gap (last two columns within a factor of 100) decides nothing.
"""
import os
import sys

import torch
from torch import Tensor, nn

from more import SEEDS
from odd import NETS
from write import unsettle

# Many more directions of outputs than numbers, so that pieces of a net that few inputs reach are seen too.
ROWS_A_NUMBER, MIN_ROWS = 1.3, 3000
# Few outputs of each batch, so that there are many batches.
OUTPUTS_A_BATCH = 8
# Singular values below this part of the largest are 0; the last of real near-symmetries (epsilons of norms) are larger.
CUT = 1e-11


class OpenNorm(nn.Module):
    """BatchNorm in evaluation whose running statistics are parameters too."""

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm):
        super().__init__()
        self.mean, self.var = nn.Parameter(norm.running_mean.clone()), nn.Parameter(norm.running_var.clone())
        self.gain, self.shift, self.eps = norm.weight, norm.bias, norm.eps

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *[1] * (x.dim() - 2))
        x = (x - self.mean.view(shape)) / torch.sqrt(self.var.view(shape) + self.eps)
        return x if self.gain is None else x * self.gain.view(shape) + self.shift.view(shape)


def open_norms(net: nn.Module):
    for name, child in net.named_children():
        if isinstance(child, nn.modules.batchnorm._BatchNorm) and child.track_running_stats:
            setattr(net, name, OpenNorm(child))
        else:
            open_norms(child)


def like(x: Tensor, n_tokens: int) -> Tensor:
    """Other numbers of the same kind: tokens, zeros and ones, or normal ones."""
    if not x.is_floating_point():
        return torch.randint_like(x, 0, n_tokens)
    if ((x == 0) | (x == 1)).all():
        return (torch.rand_like(x, dtype=torch.float64) > 0.5).double()
    return torch.randn_like(x, dtype=torch.float64)


def jacobian(net: nn.Module, inputs: dict[str, Tensor], n_rows: int) -> Tensor:
    """Rows are outputs at random inputs, columns all numbers of the net."""
    params = list(net.parameters())
    tables = [m for m in net.modules() if isinstance(m, nn.Embedding)]
    for table in tables:
        # Else the row of padding would have no gradient, though outputs depend on it.
        table.padding_idx = None
    n_tokens = max((table.num_embeddings for table in tables), default=1)
    rows = []
    while len(rows) < n_rows:
        out = net(*[like(x, n_tokens) for x in inputs.values()])
        flat = torch.cat([y.flatten() for y in ([out] if isinstance(out, Tensor) else out)])
        for y in flat[torch.randperm(len(flat))[:OUTPUTS_A_BATCH]]:
            grads = torch.autograd.grad(y, params, retain_graph=True, allow_unused=True)
            rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in zip(params, grads)]))
    return torch.stack(rows)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, names = sys.argv[1], sys.argv[2:] or list(NETS)
    torch.set_num_threads(1)
    torch.backends.mha.set_fastpath_enabled(False)
    with open(os.path.join(folder, "nullity.tsv"), "a") as file:
        for name in names:
            torch.manual_seed(SEEDS.get(name, 0))
            case = NETS[name]()
            net = unsettle(case.net, *case.inputs.values())
            open_norms(net)
            net = net.double()
            n = sum(p.numel() for p in net.parameters())
            values = torch.linalg.svdvals(jacobian(net, case.inputs, max(int(ROWS_A_NUMBER * n), MIN_ROWS)))
            values = values / values[0]
            rank = int((values > CUT).sum())
            below = f"{values[rank]:.1e}" if rank < n else "none"
            line = f"{name}\t{n}\t{rank}\t{n - rank}\t{values[rank - 1]:.1e}\t{below}"
            print(line, flush=True)
            file.write(line + "\n")
            file.flush()


if __name__ == "__main__":
    main()
