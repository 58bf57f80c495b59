"""Makes the files in this folder: python3 make.py SAMPLES MNIST (needs NumPy; by hand, when the data sets change).

SAMPLES holds samples of the published data sets as PyTorch and NumPy wrote them (mnist-inrs, fmnist_inrs,
siren_cifar_wts, smallcnnzoo); MNIST holds the training images as train-images-idx3-ubyte.gz.
Nets are copied as they are. The zoo is cut to ten rows. archive_*.pth are written by Python's own pickler with the
functions, storages and persistent ids that torch.save uses.
"""

import gzip, io, json, pickle, random, shutil, struct, sys, types, zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np

samples, mnist, here = Path(sys.argv[1]), Path(sys.argv[2]), Path(__file__).parent


def copy(relative):
    target = here / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(samples / relative, target)


# DWS MNIST: three nets, their images and the published fitting errors.
nets = {"train": ["5_0", "0_1"], "val": ["1_40"]}
folder = "./data/mnist-inrs/mnist_png_training_{}/checkpoints/model_final.pth"
splits = {}
for split, names in {**nets, "test": ["9_4"]}.items():
    splits[split] = {"path": [folder.format(n) for n in names], "label": [n[0] for n in names]}
    for n in names:
        copy(f"mnist-inrs/mnist_png_training_{n}/checkpoints/model_final.pth")
(here / "mnist-inrs/mnist_splits.json").write_text(json.dumps(splits))
ids = [0, 1, 40, 4]
errors = json.loads((samples / "mnist-inrs/fit_error.json").read_text())["mse"]
(here / "mnist_fit_error.json").write_text(json.dumps([errors[i] for i in ids]))
raw = gzip.open(mnist / "train-images-idx3-ubyte.gz").read()
image = lambda i: raw[16 + 784 * i:16 + 784 * (i + 1)]
idx = struct.pack(">IIII", 0x803, len(ids), 28, 28) + b"".join(image(i) for i in ids)
(here / "mnist_images.idx.gz").write_bytes(gzip.compress(idx, mtime=0))
(here / "mnist_labels.idx").write_bytes(struct.pack(">II", 0x801, len(ids)) + bytes([5, 0, 1, 9]))

# DWS F-MNIST.
names = {"train": ["train/model_0"], "val": ["train/model_8"], "test": ["test/model_10"]}
(here / "fmnist_inrs").mkdir(exist_ok=True)
(here / "fmnist_inrs/fmnist_splits.json").write_text(
    json.dumps({split: [f"/some/where/else/{n}.pth" for n in list] for split, list in names.items()}))
for n in sum(names.values(), []):
    copy(f"fmnist_inrs/{n}.pth")

# NFN CIFAR: one number a split, each with an augmented copy.
for label, number in [(4, 0), (3, 14), (9, 20)]:
    for prefix in ["randinit_smaller", "randinit_smaller_aug0"]:
        copy(f"siren_cifar_wts/{prefix}_{label}s/net{number}.pth")

# Small CNN Zoo: ten rows, seven of them of the last step, row 0 among those; the split file has its header.
zoo = here / "smallcnnzoo"
zoo.mkdir(exist_ok=True)
weights = np.load(samples / "smallcnnzoo/weights.npy")
text = gzip.open(samples / "smallcnnzoo/metrics.csv.gz", "rt").read().splitlines()
steps = [int(line.split(",")[16]) for line in text[1:]]
final = [i for i, step in enumerate(steps) if step == 86]
early = [i for i, step in enumerate(steps) if step != 86]
rows = [final[0], early[0], final[1], final[2], early[1], final[3], final[4], early[2], final[5], final[6]]
np.save(zoo / "weights.npy", weights[rows])
cut = "\n".join([text[0]] + [text[1 + i] for i in rows]) + "\n"
(zoo / "metrics.csv.gz").write_bytes(gzip.compress(cut.encode(), mtime=0))
shutil.copyfile(samples / "smallcnnzoo/layout.csv", zoo / "layout.csv")
order = [3, 8, 1, 6, 0, 4, 9, 2, 7, 5]
(zoo / "mini_split.csv").write_text("0\n" + "".join(f"{i}\n" for i in order))


def published_split(order, activation):
    """What the published code makes of it, with lists in place of pandas."""
    fields = [line.split(",") for line in cut.splitlines()[1:]]
    kept = [i for i in order if fields[i][16] == "86"]
    half = int(0.5 * len(kept))
    indices = list(range(half))
    random.Random(0).shuffle(indices)
    point = int(0.8 * half)
    parts = {"train": indices[:point], "val": indices[point:], "test": range(half, len(kept))}
    return {split: [kept[k] for k in part if fields[kept[k]][0] == activation or activation is None]
            for split, part in parts.items()}


def logits(row, image, activation):
    """The net of one row, run in TensorFlow's order of weights and axes, in float64."""
    x = image[:, :, None]
    for b, k, c in [(0, 16, 1), (160, 176, 16), (2480, 2496, 16)]:
        bias, kernel = row[b:b + 16], row[k:k + 9 * c * 16].reshape(3, 3, c, 16)
        n = (x.shape[0] - 3) // 2 + 1
        out = np.empty((n, n, 16))
        for r in range(n):
            for s in range(n):
                out[r, s] = np.tensordot(x[2 * r:2 * r + 3, 2 * s:2 * s + 3], kernel, 3) + bias
        x = np.maximum(out, 0) if activation == "relu" else np.tanh(out)
    return x.mean((0, 1)) @ row[4810:4970].reshape(16, 10) + row[4800:4810]


expected = {}
for name, listing in [("published", [0] + order), ("exact", order)]:
    expected[name] = {str(a).lower(): published_split(listing, a) for a in [None, "relu", "tanh"]}
picture = np.frombuffer(image(0), np.uint8).reshape(28, 28) / 255.0
activations = [line.split(",")[0] for line in cut.splitlines()[1:]]
expected["logits"] = [logits(weights[rows[i]].astype(np.float64), picture, activations[i]).tolist() for i in range(10)]
(here / "smallcnnzoo_expected.json").write_text(json.dumps(expected))


# Archives as torch.save writes them.
def module(name, **members):
    made = types.ModuleType(name)
    for key, member in members.items():
        member.__module__, member.__qualname__, member.__name__ = name, key, key
        setattr(made, key, member)
    sys.modules[name] = made
    return made


class Storage:
    """A flat array that is written as an archive entry of its own."""

    def __init__(self, kind, array):
        self.kind, self.array = kind, array


kinds = {"Double": "<f8", "Float": "<f4", "Half": "<f2", "BFloat16": "<u2", "Long": "<i8", "Int": "<i4", "Short": "<i2",
         "Char": "<i1", "Byte": "<u1", "Bool": "<u1"}
classes = {kind: type(f"{kind}Storage", (), {}) for kind in kinds}
torch = module("torch", Size=type("Size", (tuple,), {"__reduce__": lambda self: (torch.Size, (tuple(self),))}),
               **{f"{kind}Storage": made for kind, made in classes.items()})
utils = module("torch._utils", _rebuild_tensor_v2=lambda *a: None, _rebuild_parameter=lambda *a: None)


class Tensor:
    def __init__(self, kind, array, offset, shape, strides):
        self.args = (Storage(kind, array), offset, shape, strides, False, OrderedDict())

    def __reduce__(self):
        return utils._rebuild_tensor_v2, self.args


class Parameter(Tensor):
    def __reduce_ex__(self, protocol):
        return utils._rebuild_parameter, (Tensor.__new__(Tensor).take(self.args), True, OrderedDict())


def take(self, args):
    self.args = args
    return self


Tensor.take = take


def save(name, value, protocol, compression):
    storages = []

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if isinstance(thing, Storage):
                if thing not in storages:
                    storages.append(thing)
                return "storage", classes[thing.kind], str(storages.index(thing)), "cpu", len(thing.array)
            return None

    stream = io.BytesIO()
    Pickler(stream, protocol).dump(value)
    with zipfile.ZipFile(here / f"{name}.pth", "w", compression) as archive:
        def put(entry, content):
            archive.writestr(zipfile.ZipInfo(f"{name}/{entry}"), content, compression)
        put("data.pkl", stream.getvalue())
        put("byteorder", b"little")
        for i, storage in enumerate(storages):
            put(f"data/{i}", storage.array.astype(kinds[storage.kind]).tobytes())
        put("version", b"3\n")


def dense(kind, array):
    array = np.asarray(array)
    strides = tuple(int(np.prod(array.shape[i + 1:])) for i in range(array.ndim))
    return Tensor(kind, array.ravel(), 0, array.shape, strides)


count = np.arange(24)
state = OrderedDict()
state["layer.weight"] = Parameter("Float", np.array([0.1, -2.5, 3e-39, 1e30], "<f4"), 0, (2, 2), (2, 1))
state["layer.bias"] = dense("Float", np.array([1, 2], "<f4"))
state._metadata = OrderedDict([("", {"version": 1})])
value = {
    "model": state,
    "transposed": Tensor("Float", count, 0, (4, 6), (1, 4)),
    "permuted": Tensor("Double", count / 7, 0, (4, 2, 3), (1, 12, 4)),
    "every other": Tensor("Long", count - 2**40, 1, (3, 4), (8, 2)),
    "scalar": dense("Int", -7),
    "empty": Tensor("Short", count[:0], 0, (0, 5), (5, 1)),
    "half": dense("Half", np.array([0.333251953125, -65504.0, 2.0**-24], "<f2")),
    "bfloat": dense("BFloat16", np.array([0x3f80, 0xc049, 0x0001])),
    "char": dense("Char", np.array([-128, 127])),
    "byte": dense("Byte", np.array([0, 255])),
    "bool": dense("Bool", np.array([True, False, True])),
    "none": None, "yes": True, "no": False, "small": 5, "large": 2**62, "negative": -300, "real": 0.1, "text": "é",
    "list": [1, [2.5, ()], {"inner": "x"}], "size": torch.Size((3, 4)), "optimizer": {0: {"step": 3}, 1: {"step": 4}},
}
value["same storage"] = Tensor.__new__(Tensor).take(value["transposed"].args[:1] + (6, (3,), (2,), False, OrderedDict()))
save("archive_protocol2", value, 2, zipfile.ZIP_STORED)
save("archive_protocol5_deflated", value, 5, zipfile.ZIP_DEFLATED)
save("archive_label_tensor", OrderedDict([("seq.0.weight", dense("Float", np.ones((1, 2)))),
                                          ("seq.0.bias", dense("Float", np.zeros(1))), ("label", dense("Long", 3))]),
     2, zipfile.ZIP_STORED)
