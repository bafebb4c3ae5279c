"""G1: equal channel widths minimise memory access. ShuffleNet V2, section 2 and Table 1."""

from __future__ import annotations

from functools import cache

from torch import nn

from netcost.guidelines.guideline import ALIGNED, ARM, GPU, PAPER, Guideline, Order, PaperSpeeds
from netcost.guidelines.variant import Variant, chain, convolution, pointwise

# (c1, c2) at x1, by ratio; Table 1.
WIDTHS = {
    GPU: {"1:1": (128, 128), "1:2": (90, 180), "1:6": (52, 312), "1:12": (36, 432)},
    ARM: {"1:1": (32, 32), "1:2": (22, 44), "1:6": (13, 78), "1:12": (9, 108)},
    ALIGNED: {"1:1": (128, 128), "1:4": (64, 256), "1:16": (32, 512)},
}

# Table 1: batches per second on a GTX 1080Ti, images per second on a Snapdragon 810, at x1, x2 and x4.
PUBLISHED = PaperSpeeds(
    f"{PAPER} Table 1",
    gpu={"1:1": (1480, 723, 232), "1:2": (1296, 586, 206), "1:6": (876, 489, 189), "1:12": (748, 392, 163)},
    arm={"1:1": (76.2, 21.7, 5.3), "1:2": (72.9, 20.5, 5.1), "1:6": (69.1, 17.9, 4.6), "1:12": (57.6, 15.1, 4.4)},
)


@cache
def variants(widths: str, scale: int) -> tuple[Variant, ...]:
    """Return chains of ten blocks of two 1x1 convolutions, c1 to c2 channels and back."""
    return tuple(_variant(name, scale * c1, scale * c2) for name, (c1, c2) in WIDTHS[widths].items())


def _variant(name: str, c1: int, c2: int) -> Variant:
    form = convolution(c1, c2) + convolution(c2, c1)
    return chain(name, f"{c1}·{c2}", c1, lambda: nn.Sequential(pointwise(c1, c2), pointwise(c2, c1)), form)


G1 = Guideline(
    name="g1",
    title="G1: equal channel widths minimise memory access",
    design="Ten blocks of two 1x1 convolutions, c1 to c2 channels and back, on a 56x56 map, without bias, batch "
    "norm or ReLU. The ratio c1 : c2 varies; c1·c2 does not.",
    make=variants,
    width_sets=tuple(WIDTHS),
    orders=(Order("", (("1:1", "1:2", "1:4", "1:6", "1:12", "1:16"),)),),
    published=PUBLISHED,
    deviations=(
        "The paper's rows are not quite equal: 1:12 has 5.1 % fewer mult-adds than 1:1, and with the ARM widths "
        "1:2 has 5.5 % fewer. All times, including the paper's, are therefore divided by mult-adds.",
        "36, 52 or 90 channels are not a multiple of the 8 or 16 lanes that a CPU works on at a time. The aligned "
        "widths are, at exactly equal mult-adds, so that odd widths cannot explain a slow-down there.",
    ),
)
