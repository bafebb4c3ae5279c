"""What a guideline is: variants at equal mult-adds, their order from fast to slow, and the paper's speeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from netcost.guidelines.variant import Variant
from netcost.text.names import Registry

GPU, ARM, PAPERS, ALIGNED = "GPU", "ARM", "paper", "aligned"
"""Sets of widths: the paper's for each of its two devices, or for both, and ours, which fill whole vector registers."""

SCALES = (1, 2, 4)
"""Multipliers of the widths, as in the paper."""

PAPER = "ShuffleNet V2 (Ma et al., ECCV 2018, arXiv:1807.11164)"

Make = Callable[[str, int], tuple[Variant, ...]]
"""The variants of a set of widths at a scale; the first one is the base of the slow-downs."""

Step = tuple[str, str]
"""Names of two variants: the guideline says that the second is slower."""


@dataclass(frozen=True, slots=True)
class Order:
    """In which order a guideline says that variants are slower.

    Args:
        label: what is judged ("in series"), or nothing where a guideline has one order only.
        chains: names of variants from fast to slow; of two chains with the same ends, neither is compared with
            the other.
    """

    label: str
    chains: tuple[tuple[str, ...], ...]

    def steps(self, present: tuple[str, ...]) -> tuple[Step, ...]:
        """Neighbours in a chain, of the variants that are there."""
        kept = (tuple(name for name in chain if name in present) for chain in self.chains)
        return tuple(dict.fromkeys(step for chain in kept for step in pairwise(chain)))

    def ends(self, present: tuple[str, ...]) -> Step:
        """The variant that should be fastest, and the one that should be slowest, of those that are there."""
        kept = [name for name in self.chains[0] if name in present]
        return kept[0], kept[-1]


@dataclass(frozen=True, slots=True)
class PaperSpeeds:
    """Speeds as the paper prints them, by variant at x1, x2 and x4.

    Args:
        source: the paper's table.
        gpu: batches a second on a GTX 1080Ti.
        arm: images a second on one core of a Snapdragon 810.
    """

    source: str
    gpu: Mapping[str, tuple[float, float, float]]
    arm: Mapping[str, tuple[float, float, float]]

    def speed(self, platform: str, variant: str, scale: int) -> float | None:
        """Of a variant; None where the paper has none."""
        speeds = (self.gpu if platform == GPU else self.arm).get(variant)
        return None if speeds is None else speeds[SCALES.index(scale)]


@dataclass(frozen=True, eq=False)  # there is one of each
class Guideline:
    """One of the four, as a controlled experiment.

    Args:
        name: "g1".
        title: what it says.
        design: how the experiment holds everything else equal.
        make: the variants of a set of widths at a scale.
        width_sets: those that it has.
        orders: what is judged, each on its own.
        published: the paper's speeds.
        deviations: slips of the paper, our assumptions, and what is done about them.
    """

    name: str
    title: str
    design: str
    make: Make
    width_sets: tuple[str, ...]
    orders: tuple[Order, ...]
    published: PaperSpeeds
    deviations: tuple[str, ...] = ()

    def variants(self, widths: str, scale: int, extremes_only: bool = False) -> tuple[Variant, ...]:
        """The variants of a set of widths at a scale, or of each order the first and the last only."""
        made = self.make(widths, scale)
        if not extremes_only:
            return made
        names = tuple(variant.name for variant in made)
        kept = {end for order in self.orders for end in order.ends(names)}
        return tuple(variant for variant in made if variant.name in kept)

    def paper_slow_down(self, platform: str, variant: str, scale: int) -> float | None:
        """Time of a variant / time of the base on the paper's device, at equal mult-adds; None where it has none."""
        widths = platform if platform in self.width_sets else self.width_sets[0]
        made = {each.name: each for each in self.make(widths, scale)}
        base = next(iter(made))
        fast, slow = (self.published.speed(platform, name, scale) for name in (base, variant))
        if fast is None or slow is None:
            return None
        return fast / slow * made[base].closed_form.mult_adds / made[variant].closed_form.mult_adds


GUIDELINES: Registry[Guideline] = Registry("guideline", "they are g1, g2, g3, g4 and networks")


def register(guideline: Guideline) -> Guideline:
    """Make a guideline known under its name."""
    return GUIDELINES.add(guideline.name, guideline)
