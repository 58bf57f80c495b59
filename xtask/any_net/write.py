"""Writes a net of PyTorch as the files of several exporters, beside what it computes.

For a net NAME in a folder:
    NAME.onnx             torch.onnx.export, the default: BatchNorm fused into convolutions, some weights transposed, ties lost
    NAME.unfused.onnx     the same with optimize=False: norms, names and ties kept
    NAME.script.onnx      the older exporter (dynamo=False): first axis of inputs free, shapes computed in the graph
    NAME.pt2              torch.export.save: a zip of JSON and raw weights
    NAME.io.safetensors   inputs and outputs by their names; outputs in f64, from the f32 parameters
"""
import copy
import logging
import os
import warnings
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

ENDINGS = {"dynamo": ".onnx", "unfused": ".unfused.onnx", "script": ".script.onnx", "pt2": ".pt2"}

# The most by which onnxruntime in f32 may differ from f64, relative to the largest number of an output.
TOLERANCE = 1e-4


@dataclass
class Case:
    """A net in evaluation mode, one batch of inputs by name, and the names of its outputs."""

    net: nn.Module
    inputs: dict[str, Tensor]
    outputs: list[str] = field(default_factory=lambda: ["y"])


def quiet():
    """Silences the exporters, whose notes are long and of no use here."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    onnxruntime.set_default_logger_severity(4)


def unsettle(net: nn.Module, *samples: Tensor, size: float = 0.1) -> nn.Module:
    """Makes a fresh net look trained; `samples` are inputs like those it will see.

    Vectors and parameters of one repeated number get noise: otherwise gains would be all 1, biases all 0, and a reader
    could not tell them from constants. Running statistics are those of the samples, with noise: made up, they let what
    the input says fade from layer to layer, until outputs of a deep net do not depend on it and prove nothing.
    """
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() == 1 or (p == p.flatten()[0]).all():
                p.add_(size * torch.randn_like(p))
        norms = [m for m in net.eval().modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
        momenta = [m.momentum for m in norms]
        for m in norms:
            m.train()
            m.momentum = 1.0
        net(*samples)
        for m, momentum in zip(norms, momenta, strict=True):
            m.eval()
            m.momentum = momentum
            m.running_mean.add_(size * m.running_var.sqrt() * torch.randn_like(m.running_mean))
            m.running_var.mul_(torch.empty_like(m.running_var).uniform_(0.7, 1.4))
    return net


def answers(case: Case) -> list[Tensor]:
    """The outputs, computed in f64 from the f32 parameters and inputs."""
    net = copy.deepcopy(case.net).double().eval()
    inputs = [x.double() if x.is_floating_point() else x for x in case.inputs.values()]
    with torch.no_grad():
        out = net(*inputs)
    return [out] if isinstance(out, Tensor) else list(out)


def export(case: Case, path: str, kind: str):
    """One file by one exporter; `kind` is a key of `ENDINGS`."""
    args = tuple(case.inputs.values())
    names = {"input_names": list(case.inputs), "output_names": list(case.outputs)}
    if kind == "pt2":
        torch.export.save(torch.export.export(case.net, args), path)
    elif kind == "script":
        free = {name: {0: "batch"} for name in [*case.inputs, *case.outputs]}
        torch.onnx.export(case.net, args, path, dynamo=False, dynamic_axes=free, **names)
    else:
        optimize = kind == "dynamo"
        torch.onnx.export(case.net, args, path, dynamo=True, external_data=False, verbose=False, optimize=optimize, **names)


def strip(path: str):
    """Drops an exporter's notes for debuggers (stack traces), which are most of a small file."""
    model = onnx.load(path)
    graph = model.graph
    for part in [*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        del part.metadata_props[:]
    onnx.save(model, path)


def difference(path: str, inputs: dict[str, Tensor], expected: list[Tensor]) -> float:
    """How far onnxruntime is from the expected outputs, relative to the largest number of each."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    known = {i.name for i in session.get_inputs()}
    got = session.run(None, {name: x.numpy() for name, x in inputs.items() if name in known})
    errors = [np.abs(g - e.numpy()).max() / np.abs(e.numpy()).max() for g, e in zip(got, expected, strict=True)]
    return float(max(errors))


def write(folder: str, name: str, case: Case, kinds: list[str], *, without_notes: bool):
    """All files of one net; prints a line each, and goes on where an exporter cannot write a net or writes it wrong."""
    os.makedirs(folder, exist_ok=True)
    case.net.eval()
    expected = answers(case)
    numbers = {k: x.contiguous().clone() for k, x in case.inputs.items()}
    numbers |= {k: y.contiguous().clone() for k, y in zip(case.outputs, expected, strict=True)}
    save_file(numbers, os.path.join(folder, name + ".io.safetensors"))
    n_numbers = sum(p.numel() for p in case.net.parameters())
    for kind in kinds:
        path = os.path.join(folder, name + ENDINGS[kind])
        try:
            export(case, path, kind)
            if without_notes and kind != "pt2":
                strip(path)
            error = 0.0 if kind == "pt2" else difference(path, case.inputs, expected)
            if not error < TOLERANCE:
                raise ValueError(f"the file computes something else: differs by {error:.1e}")
        except Exception as error:  # Exporters and onnxruntime raise whatever they like.
            first = (str(error).splitlines() or [""])[0]
            print(f"{name + ENDINGS[kind]:36} not written: {type(error).__name__}: {first[:160]}", flush=True)
            if os.path.exists(path):
                os.remove(path)
            continue
        note = "" if kind == "pt2" else f" differs from f64 by {error:.1e}"
        print(f"{name + ENDINGS[kind]:36} {n_numbers:>11,} numbers {os.path.getsize(path):>11,} bytes{note}", flush=True)
