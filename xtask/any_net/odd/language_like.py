"""Nets with attention: relatives of GPT-2 and Llama, encoders, decoders, and other biases of scores."""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from language import Gpt2, Llama, Size, Style
from write import Case


class Encoder(nn.Module):
    """Encoder layers of PyTorch behind a table of words and positions; the mean over tokens is read."""

    def __init__(self, norm_first: bool, activation: str):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.places = nn.Parameter(0.3 * torch.randn(5, 8))
        options = {"dropout": 0.0, "batch_first": True, "norm_first": norm_first, "activation": activation}
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 12, **options) for _ in range(2))
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places
        for layer in self.layers:
            x = layer(x)
        return self.head(x.mean(dim=1))


class Decoder(nn.Module):
    """A decoder layer of PyTorch: tokens look at earlier tokens and at the frames of a second input."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.frames = nn.Linear(3, 8)
        self.layer = nn.TransformerDecoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 20)
        self.register_buffer("mask", torch.full((5, 5), float("-inf")).triu(1), persistent=False)

    def forward(self, tokens: Tensor, frames: Tensor) -> Tensor:
        return self.head(self.layer(self.words(tokens), F.relu(self.frames(frames)), tgt_mask=self.mask))


class RelativeBias(nn.Module):
    """As T5: no bias, no scaling of scores, a learned bias for each distance and head, shared by both layers; RMSNorm."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.distances = nn.Embedding(9, 2)
        self.norms = nn.ModuleList(nn.RMSNorm(8, eps=1e-6) for _ in range(3))
        self.q, self.k, self.v, self.o = (nn.ModuleList(nn.Linear(8, 8, bias=False) for _ in range(2)) for _ in range(4))
        places = torch.arange(5)
        self.register_buffer("distance", places[:, None] - places[None, :] + 4, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens)
        b, t, _ = x.shape
        bias = self.distances(self.distance).permute(2, 0, 1)
        for norm, q, k, v, o in zip(self.norms, self.q, self.k, self.v, self.o):
            h = norm(x)
            q, k, v = (f(h).view(b, t, 2, 4).transpose(1, 2) for f in (q, k, v))
            mixed = torch.softmax(torch.einsum("bhqd,bhkd->bhqk", q, k) + bias, dim=-1) @ v
            x = x + o(mixed.transpose(1, 2).flatten(2))
        return self.norms[2](x) @ self.words.weight.T


class Perceiver(nn.Module):
    """Learned queries look at tokens of another width (keys and values are projected alone), then are laid in a row."""

    def __init__(self):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(1, 9, 8))
        self.look = nn.MultiheadAttention(8, 2, kdim=5, vdim=6, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(72, 2)

    def forward(self, keys: Tensor, values: Tensor) -> Tensor:
        queries = self.queries.expand(keys.shape[0], -1, -1)
        x = queries + self.look(queries, keys, values, need_weights=False)[0]
        return self.head(self.norm(x).flatten(1))


class LinearAttention(nn.Module):
    """Attention without softmax: elu + 1 of q and k, sums over all places."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(8, 8)
        self.q, self.k, self.v = (nn.Linear(8, 8) for _ in range(3))
        self.o = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        b, t, _ = x.shape
        q, k, v = (f(x).view(b, t, 2, 4) for f in (self.q, self.k, self.v))
        q, k = F.elu(q) + 1, F.elu(k) + 1
        sums = torch.einsum("bthd,bthe->bhde", k, v)
        weights = 1 / (torch.einsum("bthd,bhd->bth", q, k.sum(dim=1)) + 1e-6)
        return self.o(torch.einsum("bthd,bhde,bth->bthe", q, sums, weights).flatten(2))


def sentence(net: nn.Module, n_tokens: int = 20, length: int = 5) -> Case:
    return Case(net, {"tokens": torch.randint(0, n_tokens, (2, length))})


def llama(**style) -> Case:
    size = Size()
    return sentence(Llama(size, Style(**style)), size.n_tokens, size.length)


NETS = {
    "gpt2": lambda: sentence(Gpt2(Size(d_hidden=32)), 29, 6),
    "llama": lambda: llama(),
    "qwen_tied_biases": lambda: llama(tied=True, bias_of_qkv=True),
    "partial_rotary_qk_norm": lambda: llama(norm_of_qk=True, rotated=0.5),
    "alibi": lambda: llama(alibi=True),
    "gemma": lambda: llama(gemma=True, tied=True),
    "post_ln_encoder": lambda: sentence(Encoder(norm_first=False, activation="relu")),
    "pre_ln_encoder": lambda: sentence(Encoder(norm_first=True, activation="gelu")),
    "decoder": lambda: Case(Decoder(), {"tokens": torch.randint(0, 20, (2, 5)), "frames": torch.randn(2, 4, 3)}),
    "relative_bias": lambda: sentence(RelativeBias()),
    "perceiver": lambda: Case(Perceiver(), {"keys": torch.randn(2, 4, 5), "values": torch.randn(2, 4, 6)}),
    "linear_attention": lambda: Case(LinearAttention(), {"x": torch.randn(2, 5, 8)}),
}
