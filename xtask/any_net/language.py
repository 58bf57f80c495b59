"""Language models in small words: one like GPT-2, and one like Llama with the variations of its relatives."""
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Size:
    """Sizes of a language model."""

    n_tokens: int = 29
    d_model: int = 16
    n_layers: int = 2
    n_heads: int = 4
    n_key_heads: int = 2
    d_hidden: int = 24
    length: int = 6


class Gpt2Block(nn.Module):
    """Norm, attention with one matrix for q, k and v, sum; norm, two linear layers, sum."""

    def __init__(self, size: Size):
        super().__init__()
        self.n_heads = size.n_heads
        self.ln_1 = nn.LayerNorm(size.d_model)
        self.qkv = nn.Linear(size.d_model, 3 * size.d_model)
        self.out = nn.Linear(size.d_model, size.d_model)
        self.ln_2 = nn.LayerNorm(size.d_model)
        self.up = nn.Linear(size.d_model, size.d_hidden)
        self.down = nn.Linear(size.d_hidden, size.d_model)

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = (h.view(b, t, self.n_heads, -1).transpose(1, 2) for h in self.qkv(self.ln_1(x)).split(d, dim=2))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    """Learned positions, LayerNorm before each part, and a head that is the table of tokens again."""

    def __init__(self, size: Size):
        super().__init__()
        self.tokens = nn.Embedding(size.n_tokens, size.d_model)
        self.positions = nn.Embedding(size.length, size.d_model)
        self.blocks = nn.ModuleList(Gpt2Block(size) for _ in range(size.n_layers))
        self.norm = nn.LayerNorm(size.d_model)
        self.head = nn.Linear(size.d_model, size.n_tokens, bias=False)
        for table in (self.tokens, self.positions):
            nn.init.normal_(table.weight, std=0.1)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1], device=tokens.device)
        x = self.tokens(tokens) + self.positions(places)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


class RmsNorm(nn.Module):
    """x / sqrt(mean x² + ε) times a gain, or times 1 + gain as Gemma does."""

    def __init__(self, n: int, one_more: bool = False):
        super().__init__()
        self.one_more = one_more
        self.gain = nn.Parameter(torch.zeros(n) if one_more else torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return x * (1.0 + self.gain) if self.one_more else x * self.gain


@dataclass
class Style:
    """What tells relatives of Llama apart."""

    tied: bool = False
    bias_of_qkv: bool = False
    norm_of_qk: bool = False
    rotated: float = 1.0  # The part of each head that the rotary code turns.
    alibi: bool = False  # Distances as bias of scores, instead of the rotary code.
    gemma: bool = False  # Norms with 1 + gain, scaled tokens, GELU gates, capped scores.


class LlamaBlock(nn.Module):
    """RMSNorm, attention in which several query heads share a key head, sum; RMSNorm, gated layer, sum."""

    def __init__(self, size: Size, style: Style):
        super().__init__()
        self.size, self.style = size, style
        d = size.d_model // size.n_heads
        self.d_head, self.d_rotated = d, 2 * int(d * style.rotated / 2)
        self.attention_norm = RmsNorm(size.d_model, style.gemma)
        self.q = nn.Linear(size.d_model, size.n_heads * d, bias=style.bias_of_qkv)
        self.k = nn.Linear(size.d_model, size.n_key_heads * d, bias=style.bias_of_qkv)
        self.v = nn.Linear(size.d_model, size.n_key_heads * d, bias=style.bias_of_qkv)
        self.o = nn.Linear(size.n_heads * d, size.d_model, bias=False)
        if style.norm_of_qk:
            self.q_norm, self.k_norm = RmsNorm(d), RmsNorm(d)
        self.mlp_norm = RmsNorm(size.d_model, style.gemma)
        self.gate = nn.Linear(size.d_model, size.d_hidden, bias=False)
        self.up = nn.Linear(size.d_model, size.d_hidden, bias=False)
        self.down = nn.Linear(size.d_hidden, size.d_model, bias=False)

    def rotate(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Turns channel i with channel i + d/2, in the first `d_rotated` channels."""
        turned, kept = x[..., : self.d_rotated], x[..., self.d_rotated :]
        left, right = turned.chunk(2, dim=-1)
        turned = turned * cos + torch.cat((-right, left), dim=-1) * sin
        return turned if kept.shape[-1] == 0 else torch.cat((turned, kept), dim=-1)

    def attend(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor) -> Tensor:
        b, t, _ = x.shape
        q = self.q(x).view(b, t, self.size.n_heads, self.d_head).transpose(1, 2)
        k = self.k(x).view(b, t, self.size.n_key_heads, self.d_head).transpose(1, 2)
        v = self.v(x).view(b, t, self.size.n_key_heads, self.d_head).transpose(1, 2)
        if self.style.norm_of_qk:
            q, k = self.q_norm(q), self.k_norm(k)
        if not self.style.alibi:
            q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        n_shared = self.size.n_heads // self.size.n_key_heads
        k = k[:, :, None].expand(-1, -1, n_shared, -1, -1).reshape(b, self.size.n_heads, t, self.d_head)
        v = v[:, :, None].expand(-1, -1, n_shared, -1, -1).reshape(b, self.size.n_heads, t, self.d_head)
        scores = q @ k.transpose(2, 3) / math.sqrt(self.d_head)
        if self.style.gemma:
            scores = 20.0 * torch.tanh(scores / 20.0)
        return self.o((F.softmax(scores + bias, dim=-1) @ v).transpose(1, 2).reshape(b, t, -1))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, bias: Tensor) -> Tensor:
        x = x + self.attend(self.attention_norm(x), cos, sin, bias)
        h = self.mlp_norm(x)
        gate = F.gelu(self.gate(h), approximate="tanh") if self.style.gemma else F.silu(self.gate(h))
        return x + self.down(gate * self.up(h))


class Llama(nn.Module):
    """Tokens, blocks with a rotary code (or ALiBi), a last norm and a head of its own or tied."""

    def __init__(self, size: Size, style: Style = Style()):
        super().__init__()
        self.size, self.style = size, style
        self.tokens = nn.Embedding(size.n_tokens, size.d_model)
        self.blocks = nn.ModuleList(LlamaBlock(size, style) for _ in range(size.n_layers))
        self.norm = RmsNorm(size.d_model, style.gemma)
        self.head = nn.Linear(size.d_model, size.n_tokens, bias=False)
        nn.init.normal_(self.tokens.weight, std=0.1)
        if style.tied:
            self.head.weight = self.tokens.weight
        n_pairs = self.blocks[0].d_rotated // 2
        angles = torch.outer(torch.arange(size.length), 10000.0 ** (-torch.arange(n_pairs) / n_pairs)).repeat(1, 2)
        places = torch.arange(size.length)
        distance = (places[None, :] - places[:, None]).float()
        bias = torch.zeros(1, 1, size.length, size.length)
        if style.alibi:
            bias = distance * (2.0 ** -torch.arange(1, size.n_heads + 1))[None, :, None, None]
        # Large, but finite, as published models have it.
        bias = bias.masked_fill(distance > 0, -1e9)
        for name, table in (("cos", angles.cos()), ("sin", angles.sin()), ("bias", bias)):
            self.register_buffer(name, table, persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens)
        if self.style.gemma:
            x = x * math.sqrt(self.size.d_model)
        for block in self.blocks:
            x = block(x, self.cos, self.sin, self.bias)
        return self.head(self.norm(x))
