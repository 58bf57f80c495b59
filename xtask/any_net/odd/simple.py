"""Nets of linear layers with something odd: codes of places, ties, gates, pieces, uncommon functions."""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from write import Case


class Nerf(nn.Module):
    """Sines and cosines of doubled frequencies, a skip of the code into the middle, two outputs."""

    def __init__(self):
        super().__init__()
        self.register_buffer("frequencies", 2.0 ** torch.arange(3), persistent=False)
        self.before = nn.Sequential(nn.Linear(21, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU())
        self.after = nn.Sequential(nn.Linear(29, 8), nn.ReLU())
        self.density, self.color = nn.Linear(8, 1), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        angles = (x[..., None] * self.frequencies).flatten(1)
        code = torch.cat([x, torch.sin(angles), torch.cos(angles)], dim=1)
        h = self.after(torch.cat([code, self.before(code)], dim=1))
        return F.softplus(self.density(h)), torch.sigmoid(self.color(h))


class TiedAutoencoder(nn.Module):
    """The decoder has the encoder's matrices, transposed."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 3)
        self.back_bias, self.last_bias = nn.Parameter(torch.randn(8)), nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        code = self.second(torch.tanh(self.first(x)))
        h = torch.tanh(F.linear(code, self.second.weight.T, self.back_bias))
        return F.linear(h, self.first.weight.T, self.last_bias)


class SharedLayer(nn.Module):
    """One layer used three times, as a net that is unrolled to a fixed point."""

    def __init__(self):
        super().__init__()
        self.enter, self.again, self.head = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        h = torch.relu(x)
        for _ in range(3):
            h = torch.relu(self.again(h) + x)
        return self.head(h)


class Highway(nn.Module):
    """Each layer mixes its input and a change, by a gate and its complement."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(6, 6)
        self.changes = nn.ModuleList(nn.Linear(6, 6) for _ in range(2))
        self.gates = nn.ModuleList(nn.Linear(6, 6) for _ in range(2))
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        for change, gate in zip(self.changes, self.gates):
            g = torch.sigmoid(gate(x))
            x = g * F.selu(change(x)) + (1 - g) * x
        return self.head(x)


class Maxout(nn.Module):
    """The largest of three linear pieces a unit; a sum of squares; a norm of the whole."""

    def __init__(self):
        super().__init__()
        self.pieces = nn.Linear(4, 18)
        self.square = nn.Linear(6, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.pieces(x).view(-1, 6, 3).amax(dim=2)
        h = F.normalize(self.square(h).square(), dim=1)
        return self.head(h)


class Functions(nn.Module):
    """One layer a function: what a unit may do that is not in every net."""

    FUNCTIONS = [
        F.elu, F.celu, F.mish, F.hardswish, F.hardtanh, F.softsign, F.logsigmoid, F.hardshrink, F.softshrink,
        torch.abs, torch.sin, torch.cos, torch.atan, torch.erf, torch.square, F.relu6, F.tanhshrink, F.softplus,
        lambda x: torch.relu(x).square(), lambda x: torch.clamp(x, min=-0.5), lambda x: torch.exp(-x * x),
        lambda x: torch.where(x > 0, x, 0.2 * x), lambda x: torch.sign(x) * torch.sqrt(torch.abs(x) + 1e-3),
    ]

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in self.FUNCTIONS)

    def forward(self, x: Tensor) -> Tensor:
        for layer, function in zip(self.layers, self.FUNCTIONS):
            x = x + function(layer(x))
        return x


class BatchNormed(nn.Module):
    """BatchNorm between linear layers, once without gains, and a linear layer that only BatchNorm reads."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm1d(4), nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(),
            nn.Linear(6, 6), nn.BatchNorm1d(6, affine=False), nn.Tanh(), nn.Linear(6, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class WeightNormed(nn.Module):
    """Directions and lengths of rows apart, and a matrix that is a product of two."""

    def __init__(self):
        super().__init__()
        self.first = nn.utils.parametrizations.weight_norm(nn.Linear(4, 6))
        self.tall, self.flat = nn.Parameter(torch.randn(6, 2)), nn.Parameter(torch.randn(2, 6))
        self.frozen, self.head = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        h = torch.relu(self.frozen(h) + F.linear(h, self.tall @ self.flat) * 0.5)
        return self.head(h)


class Mixer(nn.Module):
    """Tokens are mixed, then channels, with one norm before each."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(8, 8)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(3))
        self.tokens = nn.Sequential(nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 5))
        self.channels = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        x = x + self.tokens(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norms[1](x))
        return self.head(self.norms[2](x).mean(dim=1))


def vector(net: nn.Module, n: int = 4, outputs: tuple[str, ...] = ("y",)) -> Case:
    return Case(net, {"x": torch.randn(3, n)}, list(outputs))


NETS = {
    "nerf": lambda: vector(Nerf(), 3, ("density", "color")),
    "tied_autoencoder": lambda: vector(TiedAutoencoder(), 6),
    "shared_layer": lambda: vector(SharedLayer()),
    "highway": lambda: vector(Highway(), 6),
    "maxout": lambda: vector(Maxout()),
    "functions": lambda: vector(Functions()),
    "batch_normed": lambda: vector(BatchNormed()),
    "weight_normed": lambda: vector(WeightNormed()),
    "mixer": lambda: Case(Mixer(), {"x": torch.randn(2, 5, 8)}),
}
