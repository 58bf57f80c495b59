"""Makes in_place/, open_sizes/, layout_2_7/, layout_2_8/ beside this file: odd programs of torch.export, and older archives.

Usage: python make_pt2.py (torch 2.15, safetensors). The other folders are small nets of the same kind, exported with the
same `save`; their outputs were computed in f64 from the f32 numbers.
"""
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch._export.serde.serialize import serialize
from torch.export import Dim, export
from torch.nn import functional as F

HERE = Path(__file__).parent


class InPlace(nn.Module):
    """Changes parts of tensors that others see, under no_grad and autocast."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.slope = nn.Linear(6, 6), nn.Linear(6, 6), nn.PReLU(6)
        self.register_buffer("f", torch.rand(6), persistent=False)

    def forward(self, x):
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            c = (self.f * 2).cos()
            d = c + 1
        y = self.a(x) * c
        z = torch.zeros_like(y)
        z[:, 1:3] = y[:, 0:2]
        z[:, 0] += y[:, 5]
        z[0] = 1.5
        z.relu_()
        w = y.clone()
        w.view(-1).mul_(d.sum())
        return self.slope(self.b(z) + w) + torch.roll(y, 2, 1)


class OpenSizes(nn.Module):
    """Attention over a batch and a length that are left open."""

    def __init__(self):
        super().__init__()
        self.table, self.qkv, self.out = nn.Embedding(20, 8), nn.Linear(8, 24), nn.Linear(8, 5)

    def forward(self, ids):
        b, t = ids.shape
        x = self.table(ids)
        q, k, v = self.qkv(x).view(b, t, 3, 2, 4).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, 8)
        return self.out(torch.cat([y, x[:, 1:]], 1) + torch.arange(2 * t - 1)[None, :, None])


def stripped(program):
    """Without example inputs and the names of files and lines of code."""
    for module in program.graph_module.modules():
        for node in module.graph.nodes if isinstance(module, torch.fx.GraphModule) else ():
            for key in ("stack_trace", "nn_module_stack", "torch_fn", "source_fn_stack", "from_node"):
                node.meta.pop(key, None)
    program._example_inputs = None
    return program


def outputs(folder, net, x):
    with torch.no_grad():
        y = net.double()(x.double() if x.is_floating_point() else x)
    save_file({"x": x, "y": y.contiguous()}, folder / "io.safetensors")


def archive(path, entries):
    with zipfile.ZipFile(path, "w") as out:
        for name, content in entries.items():
            out.writestr(zipfile.ZipInfo(name), content)


def main():
    torch.manual_seed(0)
    nets = {
        "in_place": (InPlace(), torch.randn(4, 6), None),
        "open_sizes": (OpenSizes(), torch.randint(0, 20, (3, 7)), ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)),
    }
    for name, (net, x, sizes) in nets.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        torch.export.save(stripped(export(net.eval(), (x,), dynamic_shapes=sizes)), folder / "export.pt2")
        outputs(folder, net, x)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).eval()
    net[1].running_mean.normal_()
    x = torch.randn(3, 3)
    parts = serialize(stripped(export(net, (x,))))
    graph, weights, constants = parts.exported_program, parts.state_dict, parts.constants
    layouts = {
        "layout_2_7": {
            "serialized_exported_program.json": graph,
            "serialized_state_dict.pt": weights,
            "serialized_constants.pt": constants,
            "version": "8.20",
        },
        "layout_2_8": {
            "m/models/model.json": graph,
            "m/data/weights/model.pt": weights,
            "m/data/constants/model.pt": constants,
            "m/archive_format": "pt2",
            "m/archive_version": "0",
        },
    }
    for name, entries in layouts.items():
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        archive(folder / "export.pt2", entries)
    for name in layouts:
        outputs(HERE / name, net, x)


main()
