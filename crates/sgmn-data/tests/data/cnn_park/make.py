"""Makes the sample of CNN Wild Park in this folder: python3 make.py (needs NumPy and OmegaConf; by hand).

The checkpoints have the form in which the park's program saves them: a PyTorch archive with the state dict, the state of
the optimizer, the settings as an object of OmegaConf that knows its whole parent, and what Ray Tune keeps. They are
written by Python's own pickler with the functions, storages and persistent ids that torch.save uses.
"""

import io, json, pickle, sys, types, zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
from omegaconf import OmegaConf

here = Path(__file__).parent
random = np.random.default_rng(0)


def module(name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        value.__module__, value.__qualname__ = name, key
        setattr(made, key, value)
    sys.modules[name] = made
    return made


def stand_in(name):
    return type(name, (), {})


def _rebuild_tensor_v2(*_):
    pass


module("torch", FloatStorage=stand_in("FloatStorage"))
utils = module("torch._utils", _rebuild_tensor_v2=_rebuild_tensor_v2)


class Storage:
    def __init__(self, array):
        self.array = array


class Tensor:
    def __init__(self, array):
        self.array = np.ascontiguousarray(array, dtype="<f4")

    def __reduce__(self):
        strides = tuple(stride // 4 for stride in self.array.strides)
        arguments = (Storage(self.array), 0, self.array.shape, strides, False, OrderedDict())
        return utils._rebuild_tensor_v2, arguments


class Pickler(pickle.Pickler):
    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.storages = []

    def persistent_id(self, value):
        if isinstance(value, Storage):
            self.storages.append(value.array)
            return ("storage", sys.modules["torch"].FloatStorage, str(len(self.storages) - 1), "cuda:0", value.array.size)


def save(value, path):
    data = io.BytesIO()
    pickler = Pickler(data)
    pickler.dump(value)
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        entry = lambda name: zipfile.ZipInfo(f"checkpoint/{name}")
        archive.writestr(entry("data.pkl"), data.getvalue())
        archive.writestr(entry("byteorder"), "little")
        for i, array in enumerate(pickler.storages):
            archive.writestr(entry(f"data/{i}"), array.tobytes())
        archive.writestr(entry("version"), "3\n")


def checkpoint(model, step, accuracy):
    cfg = OmegaConf.create({
        "name": "cifar10_zooV2", "seed": 1, "batch_size": 512, "data": {"n_classes": 10, "root": "dataset"},
        "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.001}, "model": model,
    })
    channels, kernels = model["channels"], model["kernel_size"]
    state = OrderedDict()
    for i, kernel in enumerate(kernels):
        state[f"layers.{i}.weight"] = Tensor(random.normal(size=(channels[i + 1], channels[i], kernel, kernel)))
        state[f"layers.{i}.bias"] = Tensor(random.normal(size=channels[i + 1]))
    state["fc.weight"] = Tensor(random.normal(size=(model["n_classes"], channels[-1])))
    state["fc.bias"] = Tensor(random.normal(size=model["n_classes"]))
    optimizer = {
        "state": {0: {"step": Tensor(float(step)), "exp_avg": Tensor(np.zeros(2))}},
        "param_groups": [{"lr": 0.001, "betas": (0.9, 0.999), "params": [0]}],
    }
    return {
        "model": state, "optimizer": optimizer, "config": cfg.model, "iteration": step, "timesteps_total": None,
        "last_result": {"test/acc": accuracy, "test/loss": 2.0, "done": False}, "ray_version": "2.4.0",
    }


def model(channels, kernels, activations, residual):
    return {
        "n_layers": len(kernels), "n_classes": 10, "channels": channels, "kernel_size": kernels,
        "stride": [1] * len(kernels), "padding": [kernel // 2 for kernel in kernels],
        "residual": residual, "activation": activations,
    }


trainings = [
    ("train", model([3, 4, 2], [3, 5], ["relu", "leaky_relu"], [-1, -1])),
    ("train", model([3, 2, 2, 2], [3, 3, 3], ["gelu", "none", "tanh"], [-1, -1, 0])),
    ("val", model([3, 2], [7], ["sigmoid"], [-1])),
    ("test", model([3, 2, 4, 2], [3, 3, 5], ["tanh", "gelu", "relu"], [-1, -1, -1])),
]
splits = {}
for i, (split, architecture) in enumerate(trainings):
    for step in [10, 20]:
        name = f"cifar10_zooV2/NN_tune_trainable_{i:05}/checkpoint_{step:06}/checkpoint.pt"
        accuracy = 0.1 + 0.01 * i + 0.001 * step
        save(checkpoint(architecture, step, accuracy), here / name)
        lists = splits.setdefault(split, {"path": [], "score": [], "step": []})
        for key, value in [("path", name), ("score", accuracy), ("step", step)]:
            lists[key].append(value)
(here / "cnn_park_splits.json").write_text(json.dumps(splits))
