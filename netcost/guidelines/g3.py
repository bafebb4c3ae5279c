"""G3: fragmentation reduces parallelism. ShuffleNet V2, section 2 and Table 3."""

from __future__ import annotations

from functools import cache, partial, reduce

import torch
from torch import Tensor, nn

from netcost.guidelines.guideline import ALIGNED, ARM, GPU, PAPER, Guideline, Order, PaperSpeeds
from netcost.guidelines.variant import Variant, addition, chain, convolution, pointwise

# Channels at x1, by fragments. Table 3 prints those of one fragment only. For half of the mult-adds, 90 and 45 are the
# widths of Tables 1 and 2 nearest to c/√2.
WIDTHS = {
    GPU: {1: 128, 2: 90, 4: 64},
    ARM: {1: 64, 2: 45, 4: 32},
    ALIGNED: {1: 128, 4: 64},
}

SERIES, PARALLEL = "in series", "in parallel"

# Table 3, whose columns are the channels of one fragment: x1, x2 and x4 of the widths above.
PUBLISHED = PaperSpeeds(
    f"{PAPER} Table 3",
    gpu={
        "1 fragment": (2446, 1274, 434),
        "2 in series": (1790, 909, 336),
        "4 in series": (752, 745, 349),
        "2 in parallel": (1537, 803, 320),
        "4 in parallel": (691, 572, 292),
    },
    arm={
        "1 fragment": (40.2, 10.1, 2.3),
        "2 in series": (38.6, 10.1, 2.2),
        "4 in series": (38.4, 10.1, 2.3),
        "2 in parallel": (33.4, 9.1, 2.2),
        "4 in parallel": (35.0, 8.4, 2.1),
    },
)


class Parallel(nn.Module):
    """1x1 convolutions side by side on the same map (N, channels, H, W), whose outputs are added."""

    def __init__(self, fragments: int, channels: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(pointwise(channels, channels) for _ in range(fragments))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        joined: Tensor = reduce(torch.add, (branch(x) for branch in self.branches))
        return joined


@cache
def variants(widths: str, scale: int) -> tuple[Variant, ...]:
    """Return chains of ten blocks of one, two or four 1x1 convolutions, in series and in parallel."""
    channels = [(fragments, scale * c) for fragments, c in WIDTHS[widths].items()]
    in_series = (_series(fragments, c) for fragments, c in channels)
    return (*in_series, *(_parallel(fragments, c) for fragments, c in channels[1:]))


def _series(fragments: int, c: int) -> Variant:
    name = "1 fragment" if fragments == 1 else f"{fragments} {SERIES}"
    form = convolution(c, c) * fragments
    return chain(name, str(c), c, lambda: nn.Sequential(*(pointwise(c, c) for _ in range(fragments))), form)


def _parallel(fragments: int, c: int) -> Variant:
    form = convolution(c, c) * fragments + addition(c) * (fragments - 1)
    return chain(f"{fragments} {PARALLEL}", str(c), c, partial(Parallel, fragments, c), form)


G3 = Guideline(
    name="g3",
    title="G3: fragmentation reduces parallelism",
    design="Ten blocks of one, two or four 1x1 convolutions on a 56x56 map, without bias, batch norm or ReLU, with "
    "fewer channels where there are more of them, so that mult-adds stay equal. Fragments in series make the chain "
    "longer, those in parallel do not: the two are judged separately.",
    make=variants,
    width_sets=tuple(WIDTHS),
    orders=tuple(Order(form, (("1 fragment", f"2 {form}", f"4 {form}"),)) for form in (SERIES, PARALLEL)),
    published=PUBLISHED,
    deviations=(
        "The paper does not say how parallel branches are joined. Here they are added, which is element-wise work that "
        "the series form does not have: the table of variants has its share of the memory access.",
        "Two fragments would be 90.5 channels wide for 128; 90, as in Tables 1 and 2, have 1.1 % fewer mult-adds. "
        "All times, including the paper's, are divided by mult-adds.",
        "torch runs parallel branches one after the other, as it does any operators; fragments only divide the "
        "work that one operator can share among threads.",
    ),
)
