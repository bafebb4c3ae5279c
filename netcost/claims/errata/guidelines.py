"""The experiments of ShuffleNet V2 (arXiv:1807.11164), section 2 and Tables 1 to 4."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean

from netcost.claims.checks import beside, printed, stated, unstated
from netcost.claims.claim import ERRATA, Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found, not_a_cost
from netcost.claims.evidence import counted_convolution
from netcost.claims.sources import SHUFFLENET_V2
from netcost.text import units

SIDE = 56

GPU_WIDTHS = ((128, 128), (90, 180), (52, 312), (36, 432))
ARM_WIDTHS = ((32, 32), (22, 44), (13, 78), (9, 108))
"""Channels of Table 1 from 1:1 to 1:12, as printed for x1."""


@claim(
    id="g1-equal-flops",
    rows="M29",
    topic=Topic.GUIDELINES,
    says="All rows of the table on equal channel widths have the same multiply-adds.",
    source=f"{SHUFFLENET_V2}, Table 1",
    recorded=ClaimVerdict.FAILS,
    perturbation={"wide": 455},
    registry=ERRATA,
)
def equal_flops(wide: int = 432) -> ClaimFinding:
    """Count the multiply-adds of each width per position of the map; 455 channels instead of 432 would be close."""
    gpu = [*GPU_WIDTHS[:3], (36, wide)]
    return found(_equal("GPU", gpu), _equal("ARM", ARM_WIDTHS))


def _equal(platform: str, widths: Sequence[tuple[int, int]]) -> Check:
    work = {pair: counted_convolution(*pair, 1, SIDE).mult_adds // SIDE**2 for pair in widths}
    terms = [
        Term(f"{before} to {after}", mult_adds, f"{before}·{after}") for (before, after), mult_adds in work.items()
    ]
    values = tuple(work.values())
    return stated(f"{platform}: multiply-adds a place", values, "equal", len(set(values)) == 1, terms=terms)


@claim(
    id="g2-eight-groups-of-180",
    rows="M30",
    topic=Topic.GUIDELINES,
    says="On ARM a layer of 8 groups has 180 channels.",
    source=f"{SHUFFLENET_V2}, Table 2",
    recorded=ClaimVerdict.FAILS,
    perturbation={"channels": 184},
    registry=ERRATA,
)
def eight_groups(channels: int = 180, groups: int = 8) -> ClaimFinding:
    """Show that such a layer cannot be built; count the nearest two that can, relative to the ungrouped one."""
    below, above = channels // groups * groups, -(-channels // groups) * groups
    base = counted_convolution(64, 64, 1, SIDE).mult_adds
    near = {
        width: counted_convolution(width, width, 1, SIDE, groups=groups).mult_adds / base
        for width in dict.fromkeys((below, above))
    }
    return found(
        stated(
            f"{channels} channels in {groups} groups", channels / groups, "whole", channels % groups == 0, unit="exact"
        ),
        *(
            beside(unstated(f"multiply-adds with {width}, over those of 64 ungrouped", ratio, unit="times"))
            for width, ratio in near.items()
        ),
    )


@claim(
    id="guidelines-cpu-heading",
    rows="M31",
    topic=Topic.GUIDELINES,
    says="The second platform of the guidelines' tables is a CPU.",
    source=f"{SHUFFLENET_V2}, Tables 2 to 4",
    recorded=ClaimVerdict.NOT_A_COST,
    registry=ERRATA,
)
def cpu_heading() -> ClaimFinding:
    """Decline: it is a heading."""
    return not_a_cost("Tables 2 to 4 head it CPU; Table 1 and the text have ARM. There is nothing to count.")


FRAGMENTS = {
    "c = 128": {"1 fragment": 2446, "4 in series": 752, "4 in parallel": 691},
    "c = 512": {"1 fragment": 434, "4 in series": 349, "4 in parallel": 292},
}
"""Batches/s on the GPU, as printed in Table 3."""

ELEMENTWISE = {
    "GPU, c = 32": (2427, 2842),
    "GPU, c = 64": (2066, 2376),
    "GPU, c = 128": (1436, 1782),
    "ARM, c = 32": (56.7, 66.3),
    "ARM, c = 64": (16.9, 20.2),
    "ARM, c = 128": (5.0, 5.4),
}
"""Batches or images/s with ReLU and shortcut, and without either, as printed in Table 4."""

AROUND_20_PERCENT = (0.15, 0.25)
"""Gains that the text may mean."""


@claim(
    id="guidelines-text",
    rows="M33",
    topic=Topic.GUIDELINES,
    says="Four fragments are 3 times slower than one, and without ReLU and shortcut a bottleneck is around 20% faster.",
    source=f"{SHUFFLENET_V2}, section 2 against Tables 3 and 4",
    recorded=ClaimVerdict.PARTLY,
    registry=ERRATA,
)
def text_against_tables() -> ClaimFinding:
    """Divide the paper's own speeds; nothing is counted or timed here."""
    slower = [
        printed(f"{width}, {name}", speeds["1 fragment"] / speed, "3", unit="times")
        for width, speeds in FRAGMENTS.items()
        for name, speed in speeds.items()
        if name != "1 fragment"
    ]
    gains = {setting: without / with_both - 1 for setting, (with_both, without) in ELEMENTWISE.items()}
    low, high = AROUND_20_PERCENT
    faster = [
        stated(f"gain, {setting}", gain, "around 20%", low <= gain <= high, unit="percent")
        for setting, gain in gains.items()
    ]
    return found(
        *slower,
        *faster,
        beside(unstated("mean gain", mean(gains.values()), unit="percent")),
        notes=[
            f"Around 20% is taken as {units.percent(low)} to {units.percent(high)}; the speeds are the paper's own."
        ],
    )
