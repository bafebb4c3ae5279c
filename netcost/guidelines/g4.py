"""G4: element-wise operations are not negligible. ShuffleNet V2, section 2 and Table 4."""

from __future__ import annotations

from functools import cache, partial

from torch import Tensor, nn

from netcost.guidelines.guideline import PAPER, PAPERS, Guideline, Order, PaperSpeeds
from netcost.guidelines.variant import ClosedForm, Variant, addition, chain, convolution, pointwise, relu

CHANNELS = 32
"""Channels of a unit's input and output at x1; x2 and x4 have the 64 and 128 of Table 4."""

NONE, RELU, SHORTCUT, BOTH = "neither", "ReLU", "shortcut", "both"

# Table 4, whose columns are 32, 64 and 128 channels.
PUBLISHED = PaperSpeeds(
    f"{PAPER} Table 4",
    gpu={NONE: (2842, 2376, 1782), RELU: (2647, 2256, 1735), SHORTCUT: (2672, 2121, 1458), BOTH: (2427, 2066, 1436)},
    arm={NONE: (66.3, 20.2, 5.4), RELU: (61.9, 18.8, 5.2), SHORTCUT: (57.3, 18.2, 5.1), BOTH: (56.7, 16.9, 5.0)},
)


class VariantBottleneck(nn.Module):
    """ResNet's bottleneck: 1x1, 3x3 and 1x1 convolution, the inner ones a quarter as wide; no bias or batch norm.

    Args:
        channels: of the input and the output (N, channels, H, W).
        has_relu: True where a ReLU follows each of the first two convolutions and the addition.
        has_shortcut: True where the input is added to the output of the convolutions.
    """

    def __init__(self, channels: int, has_relu: bool, has_shortcut: bool) -> None:
        super().__init__()
        inner = channels // 4
        self.reduce = pointwise(channels, inner)
        self.conv = nn.Conv2d(inner, inner, kernel_size=3, padding=1, bias=False)
        self.expand = pointwise(inner, channels)
        self.relu = nn.ReLU(inplace=True) if has_relu else nn.Sequential()
        self.has_shortcut = has_shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        expanded: Tensor = self.expand(self.relu(self.conv(self.relu(self.reduce(x)))))
        output: Tensor = self.relu(expanded + x if self.has_shortcut else expanded)
        return output


@cache
def variants(_widths: str, scale: int) -> tuple[Variant, ...]:
    """Return chains of ten bottlenecks with neither ReLU nor shortcut, one or both; there is one set of widths."""
    return tuple(_variant(name, scale * CHANNELS) for name in (NONE, SHORTCUT, RELU, BOTH))


def _variant(name: str, c: int) -> Variant:
    has_relu, has_shortcut, inner = name in (RELU, BOTH), name in (SHORTCUT, BOTH), c // 4
    form = convolution(c, inner) + convolution(inner, inner, kernel=3) + convolution(inner, c)
    form += relu(inner) * 2 + relu(c) if has_relu else ClosedForm()
    form += addition(c) if has_shortcut else ClosedForm()
    return chain(name, f"{c}·{inner}·{c}", c, partial(VariantBottleneck, c, has_relu, has_shortcut), form)


G4 = Guideline(
    name="g4",
    title="G4: element-wise operations are not negligible",
    design="Ten bottlenecks of 1x1, 3x3 and 1x1 convolutions on a 56x56 map, without bias or batch norm, with and "
    "without ReLU and shortcut. None of these has a mult-add.",
    make=variants,
    width_sets=(PAPERS,),
    orders=(Order("", ((NONE, RELU, BOTH), (NONE, SHORTCUT, BOTH))),),
    published=PUBLISHED,
    deviations=(
        "The paper does not print the input: 56x56, as in its other tables, is our assumption. So is that c counts "
        "a unit's input and output, and that it has c/4 channels inside, as in ResNet: with 4c outside, c = 128 at "
        "the printed 1436 per second would be 12.5 T mult-adds per second, twice what a GTX 1080Ti can do.",
        "The base here is the variant with neither, so that a slow-down is what ReLU and shortcut cost; the paper "
        "starts from both. It uses the same widths on both of its devices.",
        "The paper says that removing both saves around 20 %; its own figures are 8 to 24 %, 17 % on average.",
    ),
)
