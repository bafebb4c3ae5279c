"""G2: group convolution raises memory access. ShuffleNet V2, section 2 and Table 2."""

from __future__ import annotations

from functools import cache, partial

from netcost.guidelines.guideline import ALIGNED, ARM, GPU, PAPER, Guideline, Order, PaperSpeeds
from netcost.guidelines.variant import Variant, chain, convolution, pointwise

# Channels at x1, by groups; Table 2.
WIDTHS = {
    GPU: {1: 128, 2: 180, 4: 256, 8: 360},
    ARM: {1: 64, 2: 90, 4: 128, 8: 180},
    ALIGNED: {1: 128, 4: 256, 16: 512},
}

# Table 2, whose header prints CPU for what the text calls ARM; units and scales as in Table 1.
PUBLISHED = PaperSpeeds(
    f"{PAPER} Table 2",
    gpu={"g = 1": (2451, 1289, 437), "g = 2": (1725, 873, 341), "g = 4": (1026, 644, 338), "g = 8": (634, 445, 230)},
    arm={"g = 1": (40.0, 10.2, 2.3), "g = 2": (35.0, 9.5, 2.2), "g = 4": (32.9, 8.7, 2.1), "g = 8": (27.8, 7.5, 1.8)},
)


@cache
def variants(widths: str, scale: int) -> tuple[Variant, ...]:
    """Return chains of ten grouped 1x1 convolutions; more groups have more channels."""
    return tuple(_variant(groups, scale * channels) for groups, channels in WIDTHS[widths].items())


def _variant(groups: int, channels: int) -> Variant:
    c = -(-channels // groups) * groups  # the next multiple of the groups, where they do not divide the channels
    return chain(f"g = {groups}", str(c), c, partial(pointwise, c, c, groups), convolution(c, c, groups=groups))


G2 = Guideline(
    name="g2",
    title="G2: group convolution raises memory access",
    design="Ten grouped 1x1 convolutions on a 56x56 map, without bias, batch norm or ReLU. The number of groups g "
    "varies, and the channels c with it, so that c²/g does not.",
    make=variants,
    width_sets=tuple(WIDTHS),
    orders=(Order("", (("g = 1", "g = 2", "g = 4", "g = 8", "g = 16"),)),),
    published=PUBLISHED,
    deviations=(
        "The paper prints 180 channels in 8 groups for ARM at x1, which 8 does not divide; the authors give 184, "
        "which has 3.3 % more mult-adds than g = 1. Others have up to 1.1 % fewer. All times, including the "
        "paper's, are divided by mult-adds.",
        "The second platform of Tables 2 to 4 is headed CPU; text and Table 1 say ARM.",
        "Groups of 23, 45 or 90 channels are not a multiple of the 8 or 16 lanes that a CPU works on at a time. "
        "The aligned widths are, at exactly equal mult-adds.",
    ),
)
