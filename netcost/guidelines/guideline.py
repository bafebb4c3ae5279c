"""A guideline as an experiment: variants at equal mult-adds, their order from fast to slow, the paper's speeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from netcost.guidelines.variant import Variant
from netcost.text.registry import Registry

GPU, ARM, PAPERS, ALIGNED = "GPU", "ARM", "paper", "aligned"
"""Sets of widths: the paper's for each of its two devices or for both, and ours, which fill whole vector registers."""

SCALES = (1, 2, 4)
"""Multipliers of the widths, as in the paper."""

PAPER = "ShuffleNet V2 (Ma et al., ECCV 2018, arXiv:1807.11164)"


@dataclass(frozen=True, slots=True)
class Order:
    """One order of variants from fast to slow that a guideline claims.

    Args:
        label: says which order is judged ("in series"); "" where the guideline has only one.
        chains: names of variants from fast to slow. Two chains with the same ends are not compared with each other.
    """

    label: str
    chains: tuple[tuple[str, ...], ...]

    def present_chains(self, present: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Return the chains with only the variants that are present."""
        return [tuple(name for name in chain if name in present) for chain in self.chains]

    def steps(self, present: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        """Return (fast, slow) for the neighbours in each chain, of the variants that are present."""
        return tuple(dict.fromkeys(step for chain in self.present_chains(present) for step in pairwise(chain)))

    def ends(self, present: tuple[str, ...]) -> tuple[str, str]:
        """Return the variants that should be the fastest and the slowest of those that are present."""
        first = self.present_chains(present)[0]
        return first[0], first[-1]


@dataclass(frozen=True, slots=True)
class PaperSpeeds:
    """Speeds as the paper prints them, by variant, at x1, x2 and x4.

    Args:
        source: the paper's table.
        gpu: batches per second on a GTX 1080Ti.
        arm: images per second on one core of a Snapdragon 810.
    """

    source: str
    gpu: Mapping[str, tuple[float, float, float]]
    arm: Mapping[str, tuple[float, float, float]]

    def speed(self, platform: str, variant: str, scale: int) -> float | None:
        """Return the speed of a variant; None where the paper prints none."""
        speeds = (self.gpu if platform == GPU else self.arm).get(variant)
        return None if speeds is None else speeds[SCALES.index(scale)]


GUIDELINES: Registry[Guideline] = Registry("guideline", "they are g1, g2, g3, g4 and networks")


@dataclass(frozen=True, eq=False)  # there is one of each
class Guideline:
    """One of the four guidelines, as a controlled experiment; making one registers it under its name.

    Args:
        title: the guideline itself, in one line.
        design: how the experiment holds everything else equal.
        make: gives the variants of a set of widths at a scale; slow-downs are relative to the first.
        width_sets: the sets of widths that it has.
        orders: judged one by one.
        published: the paper's speeds.
        deviations: where this experiment departs from the paper, and why.
    """

    name: str
    title: str
    design: str
    make: Callable[[str, int], tuple[Variant, ...]]
    width_sets: tuple[str, ...]
    orders: tuple[Order, ...]
    published: PaperSpeeds
    deviations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        GUIDELINES.add(self.name, self)

    def variants(self, widths: str, scale: int, extremes_only: bool = False) -> tuple[Variant, ...]:
        """Return the variants of a set of widths at a scale: all, or the first and the last of each order."""
        variants = self.make(widths, scale)
        names = tuple(variant.name for variant in variants)
        kept = {end for order in self.orders for end in order.ends(names)} if extremes_only else names
        return tuple(variant for variant in variants if variant.name in kept)

    def paper_slow_down(self, platform: str, variant: str, scale: int) -> float | None:
        """Return time / time of the base on the paper's device, at equal mult-adds; None without a printed speed."""
        widths = platform if platform in self.width_sets else self.width_sets[0]
        mult_adds = {made.name: made.closed_form.mult_adds for made in self.make(widths, scale)}
        base = next(iter(mult_adds))
        fast, slow = (self.published.speed(platform, name, scale) for name in (base, variant))
        if fast is None or slow is None:
            return None
        return fast / slow * mult_adds[base] / mult_adds[variant]
