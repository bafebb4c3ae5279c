"""Search a space of generated networks: least memory access within a budget of multiply-adds.

Run it with `python examples/cheapest_variant.py`, or from a shell:

    netcost search examples/cheapest_variant.py:variant --input 1x3x224x224 --budget 'mult_adds <= 150M' \
        --budget 'mult_adds >= 105M' --minimize memory_access --jobs 0

ShuffleNet V2 explains why to rank by memory access: candidates of equal multiply-adds differ in it, and so does their
time. The largest networks that fit are worth training, hence the second budget.
"""

from typing import Annotated

from torch import nn

from netcost.search import Engine, Range, search


def variant(
    width: Annotated[int, Range[8, 40, 8]],
    expansion: Annotated[int, Range[1, 5]],
    depth: Annotated[int, Range[1, 4]],
) -> nn.Module:
    """Make a stack of inverted residuals from its numbers."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, kernel_size=3, stride=4, padding=1)]
    for stage in range(3):
        channels = width * 2**stage
        layers += [inverted_residual(channels, expansion) for _ in range(depth)]
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
    result = search(
        f"{__file__}:variant",
        inputs=["1x3x224x224"],
        budgets=["mult_adds <= 150M", "mult_adds >= 105M"],
        minimize=["memory_access"],
        engine=Engine(jobs=2),
    )
    print(f"{len(result.rows)} variants, {len(result.within)} of them within 70 to 100 % of 150 M mult-adds")
    for row in sorted(result.within, key=lambda row: row.figures["memory_access"]):
        moved, mult_adds = row.figures["memory_access"] / 1e6, row.figures["mult_adds"] / 1e6
        print(f"  {result.label(row)}: {mult_adds:6.1f} M mult-adds, {moved:6.2f} M elements moved")
    print(f"cheapest: {result.label(result.front[0])}")


if __name__ == "__main__":
    main()
