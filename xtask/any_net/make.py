"""Exports large nets with random weights, for trying readers and symmetries at full size.

Usage: python xtask/any_net/make.py OUT [NAME ...]
Without names, all nets of `NETS` are written; packages are pinned in requirements.txt beside this file.
Takes about ten minutes on two cores, 6 GB of memory and 3 GB of disk; `write.py` says which files there are.

Images are 1×3×224×224, tokens 1×64. Every net is built from the same seed, so files are the same from run to run
(exporters' notes with paths of this folder aside). Weights are PyTorch's own random start; biases, gains and other
numbers that start alike get noise, so that no parameter looks like a constant; running statistics are measured.
"""
import sys

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from language import Gpt2, Llama, Size
from write import Case, quiet, unsettle, write

SEED = 0
IMAGES = [
    "resnet18",
    "resnet50",
    "mobilenet_v2",
    "densenet121",
    "convnext_tiny",
    "vit_b_16",
    "swin_t",
    "efficientnet_b0",
]
# 100 million numbers each, most of them in the blocks.
GPT2 = Size(n_tokens=16384, d_model=768, n_layers=12, n_heads=12, n_key_heads=12, d_hidden=3072, length=64)
LLAMA = Size(n_tokens=16384, d_model=768, n_layers=12, n_heads=12, n_key_heads=4, d_hidden=2048, length=64)
NETS = [*IMAGES, "gpt2_100m", "llama_100m"]


def images(n: int) -> Tensor:
    """Smooth shapes with some noise: noise alone looks the same to a net wherever it comes from. [n, 3, 224, 224]"""
    shapes = F.interpolate(torch.randn(n, 3, 7, 7), size=224, mode="bicubic", align_corners=False)
    return shapes + 0.3 * torch.randn_like(shapes)


def language(net: nn.Module, size: Size) -> Case:
    tokens = torch.randint(0, size.n_tokens, (1, size.length))
    return Case(unsettle(net, tokens), {"tokens": tokens})


def build(name: str) -> Case:
    """The net of a name in `NETS`, with its inputs."""
    torch.manual_seed(SEED)
    if name == "gpt2_100m":
        return language(Gpt2(GPT2), GPT2)
    if name == "llama_100m":
        return language(Llama(LLAMA), LLAMA)
    net = getattr(torchvision.models, name)(weights=None)
    return Case(unsettle(net, images(4)), {"x": images(1)})


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, names = sys.argv[1], sys.argv[2:] or NETS
    unknown = [name for name in names if name not in NETS]
    if unknown:
        sys.exit(f"unknown nets: {', '.join(unknown)}; known: {', '.join(NETS)}")
    quiet()
    for name in names:
        # One small net by every exporter, so that norms and names that the default drops are tried at full size too.
        kinds = ["dynamo", "unfused", "pt2"] if name == "resnet18" else ["dynamo"]
        write(folder, name, build(name), kinds, without_notes=False)


if __name__ == "__main__":
    main()
