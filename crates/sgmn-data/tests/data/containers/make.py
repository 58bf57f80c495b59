"""Writes the files of this folder, and expected.json: what PyTorch and NumPy read from them and from ../cases.

Run in this folder: python make.py (PyTorch 2.15, NumPy 2.4, safetensors 0.8, h5py 3). The files of ../cases are not written here.
"""

import argparse, collections, datetime, hashlib, json, pathlib, pickle, sys, tempfile, warnings, zipfile

import h5py
import numpy as np
import torch
from torch import nn

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.ModuleList([nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3), nn.ReLU())])
        self.register_buffer("kept", torch.arange(2.0))
        self.register_buffer("passing", torch.arange(4.0), persistent=False)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        for layer in self.body:
            x = layer(x)
        return x * self.scale


# As nets are that a program of one's own defines.
Net.__module__ = "a_module_of_ones_own"
sys.modules["a_module_of_ones_own"] = sys.modules[__name__]


def write():
    base = torch.arange(24.0).reshape(4, 6)
    views = {
        "whole": base,
        "transposed": base.t(),
        "every_other": base[:, 1::2],
        "tail": base.flatten()[20:],
        "expanded": torch.tensor([3.0]).expand(2, 3),
    }
    torch.save(views, HERE / "views.pth")
    torch.save(views, HERE / "views_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(views, HERE / "views_legacy_protocol4.pth", _use_new_zipfile_serialization=False, pickle_protocol=4)

    everything = {dtype: (torch.arange(5) - 2).to(getattr(torch, dtype)) for dtype in
                  ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8"]}
    everything |= {dtype: torch.arange(5).to(getattr(torch, dtype)) for dtype in
                   ["uint8", "uint16", "uint32", "uint64", "bool"]}
    torch.save(everything, HERE / "types.pth")
    torch.save(
        {"complex64": torch.zeros(2, dtype=torch.complex64), "float8": torch.zeros(3, dtype=torch.float8_e4m3fn),
         "plain": torch.ones(1)}, HERE / "foreign_types.pth")

    counts = collections.defaultdict(int)
    counts["a"] = 1
    foreign = collections.OrderedDict(
        weight=nn.Parameter(torch.ones(2, 2)),
        namespace=argparse.Namespace(lr=0.1, name="x"),
        when=datetime.datetime(2020, 1, 2),
        device=torch.device("cpu"),
        dtype=torch.float32,
        path=pathlib.PurePosixPath("/a/b"),
        counts=counts,
        a_set={1, 2},
        frozen=frozenset([3]),
        raw=b"\x00\xff",
        array=bytearray(b"ab"),
        huge=1 << 100,
        slices=slice(1, 2),
        rng=np.random.RandomState(0).get_state(),
        f64=np.float64(0.25),
        i32=np.int32(-7),
        truth=np.bool_(True),
        matrix=np.arange(6, dtype=np.float32).reshape(2, 3),
        column=np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        big=np.arange(3, dtype=">i4"),
        names=np.array(["a", "b"], dtype=object),
        nothing=None,
        last=torch.arange(3),
    )
    torch.save(foreign, HERE / "foreign.pth")
    torch.save(foreign, HERE / "foreign_protocol5.pth", pickle_protocol=5)
    circle = {"weight": torch.ones(1)}
    circle["self"] = circle
    torch.save(circle, HERE / "circle.pth")
    torch.serialization.set_crc32_options(False)
    torch.save({"a": torch.arange(5.0)}, HERE / "no_checksums.pth")
    torch.serialization.set_crc32_options(True)

    torch.save(Net(), HERE / "own_module.pth")
    torch.save({"net": Net(), "epoch": 3}, HERE / "own_module_legacy.pth", _use_new_zipfile_serialization=False)
    torch.jit.script(Net().eval()).save(str(HERE / "own_script.pt"))
    torch.jit.freeze(torch.jit.script(Net().eval())).save(str(HERE / "frozen_script.pt"))

    # The name of an archive's folder moves all that follows; zip readers have been seen to miss the directory of some.
    with zipfile.ZipFile(HERE / "stems.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(1, 61):
            with tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder) / f"{'m' * n}.pth"
                torch.save({"a": torch.arange(n), "b": torch.ones(1)}, file)
                archive.writestr(zipfile.ZipInfo(f"{n}.pth"), file.read_bytes(), zipfile.ZIP_DEFLATED)

    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b/c": np.asfortranarray(np.eye(3)[:2]),
              "big": np.arange(4, dtype=">f8"), "half": np.float16(0.5), "count": np.uint64(7)}
    np.savez(HERE / "arrays.npz", **arrays)
    np.savez_compressed(HERE / "arrays_compressed.npz", **arrays)
    np.savez(HERE / "arrays_with_objects.npz", a=arrays["a"], b=np.array([{"x": 1}], dtype=object))
    np.save(HERE / "one_big_endian.npy", np.arange(6, dtype=">f4").reshape(2, 3))

    with h5py.File(HERE / "old_groups.h5", "w") as file:
        layer = file.create_group("model_weights/dense/dense")
        layer["kernel:0"] = arrays["a"]
        layer["bias:0"] = np.arange(3, dtype=">f8")
        file["model_weights/half"] = np.arange(3, dtype=np.float16)
        file["model_weights/step"] = np.int64(7)
        file["model_weights/word"] = "text"
        file.attrs["model_config"] = "{}"
        file["tied"] = layer["kernel:0"]
        file["loop"] = h5py.SoftLink("/model_weights")
        file.create_dataset("chunks", data=np.arange(100.0), chunks=(10,), compression="gzip")
        for i in range(40):
            file[f"many/{i}"] = np.full(2, i, np.float32)
    with h5py.File(HERE / "new_groups.h5", "w", libver="latest", track_order=True) as file:
        file["b/kernel"] = arrays["a"]
        file["a/kernel"] = arrays["a"] + 1
        file["a/count"] = np.uint8(3)

    linear = nn.Linear(2, 3)
    tree = {"state_dict": linear.state_dict(), "array": arrays["a"], "lr": 0.5, "names": ["x", "é"], "n": -(1 << 40)}
    for protocol in range(6):
        with open(HERE / f"plain_protocol{protocol}.pkl", "wb") as file:
            pickle.dump(tree, file, protocol=protocol)


def describe(value):
    """Types, shapes and a digest of numbers; None for objects."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        value = torch.from_numpy(value.astype(value.dtype.newbyteorder("=")).copy())
    if isinstance(value, torch.Tensor):
        name = str(value.dtype).removeprefix("torch.")
        if value.is_complex() or "float8" in name:
            return f"{name} {list(value.shape)}"
        numbers = value.detach().to(torch.float64).contiguous().numpy().astype("<f8").tobytes()
        return f"{name} {list(value.shape)} {hashlib.sha256(numbers).hexdigest()[:16]}"
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if value is None or isinstance(value, (bool, str)) or (isinstance(value, int) and abs(value) < 1 << 63):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.17g}"
    return None


def walk(value, path, out):
    if isinstance(value, nn.Module):
        value = value.state_dict()
    if isinstance(value, argparse.Namespace):
        value = vars(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            if inner is not value:
                walk(inner, f"{path}/{key}", out)
    elif isinstance(value, (list, tuple)):
        for i, inner in enumerate(value):
            walk(inner, f"{path}/{i}", out)
    elif (text := describe(value)) is not None:
        out.append([path, text])


def plain(group):
    """The datasets of numbers that stand in one piece, and the groups."""
    items = [(name, item) for name, item in group.items() if group.get(name, getlink=True).__class__ is h5py.HardLink]
    return {
        name: plain(item) if isinstance(item, h5py.Group) else item[...]
        for name, item in items
        if isinstance(item, h5py.Group) or (item.dtype.kind in "fiu" and item.chunks is None)
    }


def read(file):
    if file.suffix == ".h5":
        with h5py.File(file) as found:
            return plain(found)
    if file.suffix in (".npz", ".npy"):
        found = np.load(file, allow_pickle=True)
        return dict(found) if file.suffix == ".npz" else found
    if file.suffix == ".pkl":
        return pickle.loads(file.read_bytes())
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file
        return load_file(file)
    if "script" in file.name:
        return torch.jit.load(file).state_dict()
    return torch.load(file, weights_only=False)


def main():
    write()
    expected = {}
    for folder in (HERE, HERE.parent / "cases"):
        for file in sorted(folder.rglob("*")):
            if file.suffix in (".pth", ".pt", ".bin", ".ckpt", ".npz", ".npy", ".pkl", ".h5", ".safetensors"):
                out = []
                walk(read(file), "", out)
                expected[str(file.relative_to(HERE.parent))] = out
    (HERE / "expected.json").write_text(json.dumps(expected, indent=0, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
