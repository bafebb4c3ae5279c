"""Cost of a module of your own: its totals, their place in the module, and the effect of a change.

Run it with `python examples/cost_of_your_module.py`. Nothing is computed and no weight is allocated: a network of any
size is counted in milliseconds.
"""

from torch import Tensor, nn

import netcost


class SqueezeExcite(nn.Module):
    """Rescales each channel by a gate computed from the whole map (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // reduction, kernel_size=1)
        self.expand = nn.Conv2d(channels // reduction, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        scale = x.mean((2, 3), keepdim=True)  # (N, C, 1, 1)
        return x * self.expand(self.reduce(scale).relu()).sigmoid()


class Residual(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut."""

    def __init__(self, channels: int, excite: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.excite = SqueezeExcite(channels) if excite else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(self.conv1(x)).relu()
        return (self.excite(self.norm2(self.conv2(y))) + x).relu()


def main() -> None:
    with netcost.weightless():
        plain = nn.Sequential(*[Residual(64, excite=False) for _ in range(4)])
        excited = nn.Sequential(*[Residual(64, excite=True) for _ in range(4)])

    before = netcost.analyze(plain, (1, 64, 56, 56))
    after = netcost.analyze(excited, (1, 64, 56, 56))

    print("cost added by squeeze-excitation:")
    for name in ("params", "mult_adds", "memory_access", "memory_access_fused", "kernels", "depth"):
        old, new = getattr(before, name), getattr(after, name)
        print(f"  {name:20} {old:>14,} -> {new:>14,}  ({new / old - 1:+.1%})")

    print("\nmemory access of one block by kind of operator:")
    kinds = netcost.analyze(excited[0], (1, 64, 56, 56)).by_kind()
    print(kinds[["kind", "mult_adds", "memory_access"]].to_string(index=False))


if __name__ == "__main__":
    main()
