"""Pick the cheapest of a hundred generated networks: least memory access within a budget of multiply-adds.

Run it with `python examples/cheapest_variant.py`. Each candidate is counted in a few milliseconds, so that a search
over architectures can ask for cost at every step. ShuffleNet V2 explains why to rank by memory access:
candidates of equal multiply-adds differ in it, and so does their time.
"""

import itertools
from dataclasses import dataclass

from torch import nn

import netcost

BUDGET = 150e6
"""Multiply-adds that a candidate may take at 224 x 224."""


@dataclass(frozen=True)
class Variant:
    """A stack of inverted residuals, by its three numbers."""

    width: int
    expansion: int
    depth: int

    def build(self) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(3, self.width, kernel_size=3, stride=4, padding=1)]
        for stage in range(3):
            channels = self.width * 2**stage
            layers += [inverted_residual(channels, self.expansion) for _ in range(self.depth)]
            layers += [nn.Conv2d(channels, 2 * channels, kernel_size=1), nn.MaxPool2d(2)]
        return nn.Sequential(*layers)


def inverted_residual(channels: int, expansion: int) -> nn.Module:
    """1x1 up, depthwise 3x3, 1x1 down (Sandler et al., CVPR 2018), without the shortcut."""
    wide = channels * expansion
    return nn.Sequential(
        nn.Conv2d(channels, wide, kernel_size=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(wide, wide, kernel_size=3, padding=1, groups=wide),
        nn.ReLU(inplace=True),
        nn.Conv2d(wide, channels, kernel_size=1),
    )


def main() -> None:
    variants = [Variant(*numbers) for numbers in itertools.product(range(8, 48, 8), range(1, 6), range(1, 5))]
    costs = {}
    for variant in variants:
        with netcost.weightless():
            module = variant.build()
        costs[variant] = netcost.analyze(module, (1, 3, 224, 224))

    # The largest networks that fit are worth training; among them, memory access decides.
    fitting = {variant: cost for variant, cost in costs.items() if 0.7 * BUDGET <= cost.mult_adds <= BUDGET}
    ranked = sorted(fitting, key=lambda variant: fitting[variant].memory_access)
    print(f"{len(variants)} variants, {len(fitting)} of them within 70 to 100 % of {BUDGET / 1e6:.0f} M mult-adds")
    for variant in ranked:
        cost = fitting[variant]
        print(
            f"  width {variant.width:2}  expansion {variant.expansion}  depth {variant.depth}: "
            f"{cost.mult_adds / 1e6:6.1f} M mult-adds, {cost.memory_access / 1e6:6.2f} M elements moved"
        )
    print(f"cheapest: {ranked[0]}")


if __name__ == "__main__":
    main()
