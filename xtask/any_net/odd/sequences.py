"""Nets of sequences: recurrent ones, dilated causal convolutions, convolutions of words, a linear state space."""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from write import Case


class Recurrent(nn.Module):
    """Words, recurrent layers of a kind, and a linear layer on the mean of all steps."""

    def __init__(self, layers: nn.Module, d_state: int):
        super().__init__()
        self.words = nn.Embedding(20, 5)
        self.layers = layers
        self.head = nn.Linear(d_state, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        out, _ = self.layers(self.words(tokens))
        return self.head(out.mean(dim=1))


class Cells(nn.Module):
    """An LSTM cell and a GRU cell written step by step; states begin as learned numbers."""

    def __init__(self):
        super().__init__()
        self.h, self.c, self.g = (nn.Parameter(torch.randn(1, n)) for n in (5, 5, 4))
        self.lstm, self.gru = nn.LSTMCell(3, 5), nn.GRUCell(5, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        h, c, g = self.h.expand(n, -1), self.c.expand(n, -1), self.g.expand(n, -1)
        out = []
        for t in range(x.shape[1]):
            h, c = self.lstm(x[:, t], (h, c))
            g = self.gru(h, g)
            out.append(self.head(g))
        return torch.stack(out, dim=1)


class StatesInOut(nn.Module):
    """An LSTM of one layer whose states are inputs and outputs, as nets for streams have it."""

    def __init__(self):
        super().__init__()
        self.front = nn.Conv1d(2, 4, 3, padding=1)
        self.lstm = nn.LSTM(4, 6, batch_first=True)
        self.head = nn.Linear(6, 1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = F.relu(self.front(x)).transpose(1, 2)
        z, (h, c) = self.lstm(z, (h, c))
        return torch.sigmoid(self.head(F.relu(z))).mean(dim=1), h, c


class WaveNet(nn.Module):
    """Dilated causal convolutions, gated by tanh times sigmoid; each adds to a stream and to a sum of skips.

    Nobody reads the last stream, so its layer is a parameter without use, as in many such nets.
    """

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(6, 6, 1)
        self.filters = nn.ModuleList(nn.Conv1d(6, 5, 2, dilation=d) for d in (1, 2, 4))
        self.gates = nn.ModuleList(nn.Conv1d(6, 5, 2, dilation=d) for d in (1, 2, 4))
        self.streams = nn.ModuleList(nn.Conv1d(5, 6, 1) for _ in range(3))
        self.skips = nn.ModuleList(nn.Conv1d(5, 7, 1) for _ in range(3))
        for layer in self.skips:
            nn.init.normal_(layer.weight)
        self.last = nn.Sequential(nn.ReLU(), nn.Conv1d(7, 8, 1), nn.ReLU(), nn.Conv1d(8, 4, 1))

    def forward(self, x: Tensor) -> Tensor:
        x, total = self.first(x), 0.0
        for step, (f, g, stream, skip) in enumerate(zip(self.filters, self.gates, self.streams, self.skips)):
            before = F.pad(x, (2**step, 0))
            z = torch.tanh(f(before)) * torch.sigmoid(g(before))
            x, total = x + stream(z), total + skip(z)
        return F.log_softmax(self.last(total), dim=1)


class Words(nn.Module):
    """Convolutions of three widths over words, the largest of each over time, one linear layer."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30, 6, padding_idx=0)
        self.filters = nn.ModuleList(nn.Conv1d(6, 4, n) for n in (2, 3, 4))
        self.head = nn.Linear(12, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens).transpose(1, 2)
        return self.head(torch.cat([F.relu(f(x)).max(dim=2).values for f in self.filters], dim=1))


class StateSpace(nn.Module):
    """A diagonal linear state space as one long convolution, with a gated output."""

    def __init__(self):
        super().__init__()
        self.enter, self.gate = nn.Linear(3, 6), nn.Linear(3, 6)
        self.log_decay = nn.Parameter(torch.rand(6, 4))
        self.write, self.read = nn.Parameter(torch.randn(6, 4)), nn.Parameter(torch.randn(6, 4))
        self.skip = nn.Parameter(torch.randn(6))
        self.leave = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        u = self.enter(x)
        n = x.shape[1]
        ages = torch.arange(n - 1, -1, -1, dtype=x.dtype)
        kernel = torch.einsum("cn,cn,cnt->ct", self.write, self.read, torch.exp(-self.log_decay.exp()[..., None] * ages))
        mixed = F.conv1d(F.pad(u.transpose(1, 2), (n - 1, 0)), kernel[:, None], groups=6).transpose(1, 2)
        return self.leave((mixed + self.skip * u) * F.silu(self.gate(x)))


def words(net: nn.Module, n_tokens: int = 20) -> Case:
    return Case(net, {"tokens": torch.randint(0, n_tokens, (2, 5))})


NETS = {
    "gru": lambda: words(Recurrent(nn.GRU(5, 6, num_layers=2, batch_first=True), 6)),
    "bilstm": lambda: words(Recurrent(nn.LSTM(5, 4, num_layers=2, bidirectional=True, batch_first=True), 8)),
    "rnn_tanh": lambda: words(Recurrent(nn.RNN(5, 6, batch_first=True), 6)),
    "rnn_relu": lambda: words(Recurrent(nn.RNN(5, 6, nonlinearity="relu", batch_first=True, bidirectional=True), 12)),
    "lstm_projected": lambda: words(Recurrent(nn.LSTM(5, 6, proj_size=4, batch_first=True), 4)),
    "cells": lambda: Case(Cells(), {"x": torch.randn(2, 4, 3)}),
    "states_in_out": lambda: Case(
        StatesInOut(),
        {"x": torch.randn(2, 2, 5), "h": 0.3 * torch.randn(1, 2, 6), "c": 0.3 * torch.randn(1, 2, 6)},
        ["y", "h_new", "c_new"],
    ),
    "wavenet": lambda: Case(WaveNet(), {"x": torch.randn(2, 6, 12)}),
    "text_cnn": lambda: words(Words(), 30),
    "state_space": lambda: Case(StateSpace(), {"x": torch.randn(2, 12, 3)}),
}
