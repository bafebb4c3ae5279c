"""The grid of conditions in which the guidelines are tried, and the time for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcost.guidelines.guideline import SCALES, Guideline
from netcost.guidelines.variant import Variant
from netcost.text.reading import PositiveInt

FILLED = {"cpu": 8, "cuda": 64}
"""A batch that fills the device. On a CPU, a layer's activations (13 MB of 128 channels) then exceed a core's own
caches; on a GPU, its 200,000 positions keep every multiprocessor busy."""

FULL_S, QUICK_S = 900.0, 80.0
"""Default seconds for all settings together: a quarter of an hour, or a minute and a third."""

PRECISION = 0.005
"""Default half width of a slow-down's interval at which a setting may stop: half of `judging.THRESHOLD`."""


def conditions(device: str, batch: int, threads: int) -> str:
    """Return the batch size and, on a CPU, the threads in words."""
    return f"batch {batch}, {threads} thread{'s' if threads > 1 else ''}" if device == "cpu" else f"batch {batch}"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions in which variants are timed side by side.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        widths: name of a set of widths, which `scale` multiplies.
    """

    device: str
    threads: PositiveInt
    batch: PositiveInt
    widths: str
    scale: PositiveInt

    @property
    def is_long(self) -> bool:
        """True where a CPU would take too long for every variant: at x4, and with a filled batch."""
        return self.device == "cpu" and (self.scale == max(SCALES) or self.batch > 1)

    def __str__(self) -> str:
        return f"{self.widths} widths x{self.scale}, {self.conditions}"

    @property
    def conditions(self) -> str:
        """Return the batch size and the threads in words."""
        return conditions(self.device, self.batch, self.threads)


@dataclass(frozen=True)
class Task:
    """One guideline in one setting; hashable, so that it is its own key."""

    guideline: Guideline
    setting: Conditions

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Return the variants that are timed side by side; the first is the base."""
        return self.guideline.variants(self.setting.widths, self.setting.scale, self.setting.is_long)

    def paper_slow_down(self, platform: str, variant: str) -> float | None:
        """Return the slow-down that the paper's speeds give; None where it prints none."""
        return self.guideline.paper_slow_down(platform, variant, self.setting.scale)

    def __str__(self) -> str:
        return f"{self.guideline.name.upper()}, {self.setting}"


def grid(
    guidelines: Sequence[Guideline],
    device: str,
    threads: Sequence[int],
    *,
    quick: bool = False,
    batch: int | None = None,
) -> tuple[Task, ...]:
    """Return every setting to try.

    A CPU runs batch 1 at x1 and x2 with each number of threads; with the largest number also x4, and x1 with a filled
    batch. A GPU runs every scale at both batches. Quick is x1 at batch 1 with the largest number of threads.

    Args:
        threads: numbers of CPU threads, in rising order; a GPU needs only one, that of the host.
        batch: runs everything at this batch instead.
    """
    most = threads[-1]
    if quick:
        points = [(1, 1, most)]
    elif device == "cpu":
        points = [(1, scale, number) for scale in SCALES[:-1] for number in threads]
        points += [(1, SCALES[-1], most), (FILLED["cpu"], 1, most)]
    else:
        points = [(size, scale, most) for size in (1, FILLED["cuda"]) for scale in SCALES]
    if batch is not None:
        points = list(dict.fromkeys((batch, scale, number) for _, scale, number in points))
    return tuple(
        Task(guideline, Conditions(device, number, size, widths, scale))
        for guideline in guidelines
        for widths in guideline.width_sets
        for size, scale, number in points
    )
