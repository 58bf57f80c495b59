"""Nets of images: U-Net, grouped convolutions, squeeze and excitation, layer scale, pixel shuffle, and their like."""
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from write import Case


def conv(n_in: int, n_out: int, size: int = 3, **options) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, size, padding=size // 2, **options)


class UNet(nn.Module):
    """Two levels down by pooling, two up by transposed convolutions; each skip is laid beside."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(conv(3, 6), nn.BatchNorm2d(6), nn.ReLU())
        self.lower = nn.Sequential(conv(6, 8), nn.BatchNorm2d(8), nn.ReLU())
        self.bottom = nn.Sequential(conv(8, 10), nn.BatchNorm2d(10), nn.ReLU())
        self.raise_1 = nn.ConvTranspose2d(10, 7, 2, stride=2)
        self.right_1 = nn.Sequential(conv(15, 8), nn.ReLU())
        self.raise_2 = nn.ConvTranspose2d(8, 5, 4, stride=2, padding=1)
        self.right_2 = nn.Sequential(conv(11, 6), nn.LeakyReLU(0.1), nn.Conv2d(6, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        a = self.left(x)
        b = self.lower(F.max_pool2d(a, 2))
        c = self.bottom(F.max_pool2d(b, 2))
        d = self.right_1(torch.cat([self.raise_1(c), b], dim=1))
        return self.right_2(torch.cat([self.raise_2(d), a], dim=1))


class ResNeXt(nn.Module):
    """A residual block with a grouped convolution and GroupNorm; the stem and the head are plain."""

    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8)
        self.narrow = nn.Sequential(conv(8, 12, 1), nn.GroupNorm(3, 12), nn.ReLU())
        self.grouped = nn.Sequential(conv(12, 12, groups=4, bias=False), nn.GroupNorm(3, 12), nn.ReLU())
        self.wide = nn.Sequential(conv(12, 8, 1), nn.GroupNorm(2, 8))
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.relu(x + self.wide(self.grouped(self.narrow(x))))
        return self.head(x.mean(dim=(2, 3)))


class SqueezeExcitation(nn.Module):
    """An inverted bottleneck: 1×1, depthwise, channels weighed by a small net of their means, 1×1, sum."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 6, stride=2), nn.BatchNorm2d(6), nn.Hardswish())
        self.widen = nn.Sequential(conv(6, 12, 1, bias=False), nn.BatchNorm2d(12), nn.SiLU())
        self.depth = nn.Sequential(conv(12, 12, groups=12, bias=False), nn.BatchNorm2d(12), nn.SiLU())
        self.squeeze, self.excite = nn.Conv2d(12, 3, 1), nn.Conv2d(3, 12, 1)
        self.narrow = nn.Sequential(conv(12, 6, 1, bias=False), nn.BatchNorm2d(6))
        self.head = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        h = self.depth(self.widen(x))
        weights = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(h, 1))))
        x = x + self.narrow(h * F.hardsigmoid(weights))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class ConvNeXt(nn.Module):
    """A depthwise 7×7, LayerNorm over channels, two linear layers, layer scale, sum."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.depth = conv(8, 8, 7, groups=8)
        self.norm = nn.LayerNorm(8, eps=1e-6)
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)
        self.scale = nn.Parameter(0.5 * torch.ones(8))
        self.last = nn.LayerNorm(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        h = self.norm(self.depth(x).permute(0, 2, 3, 1))
        h = self.scale * self.down(F.gelu(self.up(h)))
        x = x + h.permute(0, 3, 1, 2)
        return self.head(self.last(x.mean(dim=(2, 3))))


class SuperResolution(nn.Module):
    """Convolutions with a residual, then channels become places; the enlarged image is added."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(conv(3, 8), nn.PReLU(8))
        self.inner = nn.Sequential(conv(8, 8), nn.PReLU(), conv(8, 8))
        self.widen = conv(8, 20)
        self.last = conv(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        h = F.relu(F.pixel_shuffle(self.widen(h + self.inner(h)), 2))
        return self.last(h) + F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class StandardConv(nn.Conv2d):
    """A convolution whose kernels are first shifted and scaled to mean 0 and variance 1 (weight standardisation)."""

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight
        w = w - w.mean(dim=(1, 2, 3), keepdim=True)
        w = w / torch.sqrt(w.var(dim=(1, 2, 3), keepdim=True, unbiased=False) + 1e-5)
        return F.conv2d(x, w, self.bias, self.stride, self.padding)


class StandardNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = StandardConv(3, 8, 3, padding=1)
        self.norm = nn.GroupNorm(4, 8)
        self.second = StandardConv(8, 6, 3, padding=1, stride=2)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.first(x)))
        return self.head(F.relu(self.second(x)).amax(dim=(2, 3)))


class Shuffle(nn.Module):
    """ShuffleNet's unit: half of the channels pass, half are changed, then both are interleaved."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.branch = nn.Sequential(
            nn.Sequential(conv(4, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            nn.Sequential(conv(4, 4, groups=4, bias=False), nn.BatchNorm2d(4)),
            nn.Sequential(conv(4, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
        )
        self.last = conv(8, 6, 1)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(2):
            kept, changed = x.chunk(2, dim=1)
            both = torch.stack([kept, self.branch(changed)], dim=2)
            x = both.flatten(1, 2)
        return self.head(F.relu6(self.last(x)).mean(dim=(2, 3)))


class Style(nn.Module):
    """InstanceNorm whose gains and shifts come from a second input; reflecting edges; enlarged by repetition."""

    def __init__(self):
        super().__init__()
        self.first = conv(3, 8, padding_mode="reflect")
        self.norm = nn.InstanceNorm2d(8)
        self.gain, self.shift = nn.Linear(5, 8), nn.Linear(5, 8)
        self.inner = nn.Sequential(conv(8, 6, padding_mode="replicate"), nn.InstanceNorm2d(6, affine=True), nn.ReLU())
        self.last = conv(6, 3)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        h = self.norm(self.first(x))
        h = F.relu(h * (1 + self.gain(style))[:, :, None, None] + self.shift(style)[:, :, None, None])
        h = F.interpolate(self.inner(h), scale_factor=2.0, mode="nearest")
        return torch.tanh(self.last(h))


class Inception(nn.Module):
    """Four branches side by side, one behind average pooling; then a dense connection and a flatten."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(conv(3, 6, bias=False), nn.BatchNorm2d(6, eps=1e-3), nn.ReLU())
        self.one, self.three, self.five = conv(6, 3, 1), conv(6, 4), conv(6, 2, 5)
        self.pooled = conv(6, 3, 1)
        self.dense = nn.Sequential(nn.BatchNorm2d(12), nn.ReLU(), conv(12, 4))
        self.norm = nn.BatchNorm2d(16)
        self.head = nn.Sequential(nn.Linear(16 * 4 * 4, 10), nn.ReLU(), nn.Linear(10, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.stem(x), 3, stride=2, padding=1)
        around = F.avg_pool2d(x, 3, stride=1, padding=1)
        x = torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(around)], dim=1)
        x = F.gelu(self.norm(torch.cat([x, self.dense(x)], dim=1)))
        return self.head(x.flatten(1))


class Volume(nn.Module):
    """Convolutions over three axes of places, one of them transposed."""

    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv3d(2, 6, 3, stride=2, padding=1), nn.BatchNorm3d(6), nn.ELU())
        self.up = nn.ConvTranspose3d(6, 3, 2, stride=2, groups=3)

    def forward(self, x: Tensor) -> Tensor:
        return self.up(F.avg_pool3d(F.max_pool3d(self.down(x), 3, 1, 1), 3, 1, 1))


def image(net: nn.Module, side: int = 8, n: int = 2) -> Case:
    return Case(net, {"x": torch.randn(n, 3, side, side)})


NETS = {
    "unet": lambda: image(UNet()),
    "resnext_groupnorm": lambda: image(ResNeXt()),
    "squeeze_excitation": lambda: image(SqueezeExcitation()),
    "convnext_block": lambda: image(ConvNeXt(), 16),
    "super_resolution": lambda: image(SuperResolution()),
    "weight_standardised": lambda: image(StandardNet()),
    "shuffle": lambda: image(Shuffle()),
    "style": lambda: Case(Style(), {"x": torch.randn(2, 3, 8, 8), "style": torch.randn(2, 5)}),
    "inception": lambda: image(Inception()),
    "volume": lambda: Case(Volume(), {"x": torch.randn(2, 2, 6, 6, 6)}),
}
