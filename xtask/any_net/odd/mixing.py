"""Nets in which values multiply, choose or share: experts, bilinear layers, hypernetworks, graphs, sets.

Where a net is linear at an end, that end is wide: behind a narrow one much of a net is invisible.
"""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from write import Case


class Experts(nn.Module):
    """Four experts as stacked matrices, all computed; a softmax of the router weighs them."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(6, 6)
        self.router = nn.Linear(6, 4)
        self.up = nn.Parameter(0.5 * torch.randn(4, 5, 6))
        self.bias = nn.Parameter(torch.randn(4, 5))
        self.down = nn.Parameter(0.5 * torch.randn(4, 6, 5))
        self.head = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        weights = F.softmax(self.router(x), dim=-1)
        h = F.gelu(torch.einsum("bi,ehi->beh", x, self.up) + self.bias)
        return self.head(x + torch.einsum("be,beh,eoh->bo", weights, h, self.down))


class ExpertsOfOneToken(nn.Module):
    """Two experts as modules; each token has the weights of a sigmoid router."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(6, 6)
        self.router = nn.Linear(6, 2, bias=False)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 5), nn.SiLU(), nn.Linear(5, 6)) for _ in range(2))
        self.head = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        weights = torch.sigmoid(self.router(x))
        weights = weights / weights.sum(dim=-1, keepdim=True)
        mixed = sum(weights[..., i : i + 1] * expert(x) for i, expert in enumerate(self.experts))
        return self.head(x + mixed)


class Bilinear(nn.Module):
    """Two inputs meet in a bilinear layer."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(nn.Linear(4, 5), nn.ReLU())
        self.right = nn.Sequential(nn.Linear(3, 6), nn.Tanh())
        self.meet = nn.Bilinear(5, 6, 7)
        self.head = nn.Linear(7, 2)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.head(F.relu(self.meet(self.left(a), self.right(b))))


class Hypernetwork(nn.Module):
    """A net of the second input makes the matrix by which the first input is multiplied."""

    def __init__(self):
        super().__init__()
        self.make = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 5 * 4))
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor, task: Tensor) -> Tensor:
        matrix = self.make(task).view(-1, 5, 4)
        return self.head(F.relu(torch.bmm(matrix, x[:, :, None]).squeeze(2)))


class SeveralInOut(nn.Module):
    """Three inputs and three outputs; one output is an inner value, two branches share a layer."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Linear(4, 6)
        self.place = nn.Embedding(10, 6)
        self.one, self.two = nn.Linear(6, 6), nn.Linear(12, 3)

    def forward(self, a: Tensor, b: Tensor, place: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        left, right = F.relu(self.shared(a)), F.relu(self.shared(b))
        inner = left + self.place(place)
        return self.one(inner), self.two(torch.cat([inner, right], dim=1)), left - right


class DeepSet(nn.Module):
    """A net for each element, the mean and the largest over a set, a net of both."""

    def __init__(self):
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 6))
        self.all = nn.Sequential(nn.Linear(12, 8), nn.Softplus(), nn.Linear(8, 2))

    def forward(self, x: Tensor) -> Tensor:
        h = self.each(x)
        return self.all(torch.cat([h.mean(dim=1), h.amax(dim=1)], dim=1))


class GraphNet(nn.Module):
    """Two graph convolutions: neighbours are averaged by an adjacency that is an input."""

    def __init__(self):
        super().__init__()
        self.own, self.others = nn.Linear(3, 7), nn.Linear(3, 7, bias=False)
        self.second = nn.Linear(7, 5)
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        edges = edges / edges.sum(dim=-1, keepdim=True).clamp(min=1.0)
        h = F.relu(self.own(x) + self.others(edges @ x))
        return self.head(F.leaky_relu(edges @ self.second(h), 0.2).sum(dim=1))


class EdgeNet(nn.Module):
    """Attention of a graph: scores are sums of one number for either end, all pairs at once."""

    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(6, 6)
        self.end, self.start = nn.Linear(6, 2), nn.Linear(6, 2)
        self.head = nn.Linear(12, 12)

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        scores = F.leaky_relu(self.end(h)[:, :, None] + self.start(h)[:, None, :], 0.2)
        mixed = torch.einsum("bijh,bjd->bihd", F.softmax(scores, dim=2), h)
        return self.head(mixed.flatten(2))


class Coupling(nn.Module):
    """A normalising flow: half of the inputs scales and shifts the other half, then they change places."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList(nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 4)) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b = x.chunk(2, dim=1)
        volume = 0.0
        for net in self.nets:
            log_scale, shift = net(a).chunk(2, dim=1)
            a, b = b * torch.exp(log_scale) + shift, a
            volume = volume + log_scale.sum(dim=1)
        return torch.cat([a, b], dim=1), volume


def two(net: nn.Module, a: int, b: int, names: tuple[str, str]) -> Case:
    return Case(net, {names[0]: torch.randn(3, a), names[1]: torch.randn(3, b)})


NETS = {
    "experts": lambda: Case(Experts(), {"x": torch.randn(3, 6)}),
    "experts_as_modules": lambda: Case(ExpertsOfOneToken(), {"x": torch.randn(2, 4, 6)}),
    "bilinear": lambda: two(Bilinear(), 4, 3, ("a", "b")),
    "hypernetwork": lambda: two(Hypernetwork(), 4, 3, ("x", "task")),
    "several_in_out": lambda: Case(
        SeveralInOut(),
        {"a": torch.randn(3, 4), "b": torch.randn(3, 4), "place": torch.randint(0, 10, (3,))},
        ["one", "two", "inner"],
    ),
    "deep_set": lambda: Case(DeepSet(), {"x": torch.randn(2, 5, 3)}),
    "graph_net": lambda: Case(GraphNet(), {"x": torch.randn(2, 4, 3), "edges": (torch.rand(2, 4, 4) > 0.5).float()}),
    "graph_attention": lambda: Case(EdgeNet(), {"x": torch.randn(2, 4, 6)}),
    "coupling": lambda: Case(Coupling(), {"x": torch.randn(3, 4)}, ["y", "volume"]),
}
