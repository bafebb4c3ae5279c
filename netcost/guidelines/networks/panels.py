"""Plans and times the panels of networks: the zoo in panels with a common reference, and Table 8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from torch import nn

from netcost.counting.analysis import Analysis, analyze
from netcost.guidelines.grid import conditions
from netcost.guidelines.networks.table8 import TABLE_8
from netcost.guidelines.options import Options
from netcost.guidelines.trial import Goal, Sampling, Timed, VariantTimes
from netcost.targets.naming import Target, resolve
from netcost.text.errors import NetcostError
from netcost.text.reading import PositiveInt
from netcost.timing.conversion import Call
from netcost.timing.measuring import random_call
from netcost.timing.sampling import Progress
from netcost.zoo import ARCHITECTURES

REFERENCE = "mobilenet_v2"
"""Runs in every panel of the zoo: latencies are ratios to it, so that a machine that drifts does not change them."""

PANEL = 6
"""Networks per panel beside the reference; they have similar mult-adds, and so share the rounds fairly."""

QUICK_PER_FAMILY, QUICK_MULT_ADDS = 2, 8e9
"""Quick takes the two cheapest networks of each family, of fewer mult-adds than this."""

ZOO, TABLE8 = "zoo", "table 8"

PAPER_GPU_BATCH = 8
"""Batch size of Table 8 on the GPU; on ARM it is 1, on one thread."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Networks timed side by side.

    Args:
        kind: `ZOO` or `TABLE8`.
        members: names of the zoo or of Table 8's rows; ratios are to the first.
    """

    kind: str
    device: str
    threads: PositiveInt
    batch: PositiveInt
    members: tuple[str, ...]

    def __str__(self) -> str:
        last = f" to {self.members[-1]}" if self.kind == ZOO else ""
        return f"{self.kind}{last}, {self.conditions}"

    @property
    def conditions(self) -> str:
        """Return the batch size and the threads in words."""
        return conditions(self.device, self.batch, self.threads)

    def targets(self) -> list[Target]:
        """Return the members as networks with inputs."""
        rows = {row.name: row for row in TABLE_8}
        targets = (resolve(name) if self.kind == ZOO else rows[name].target() for name in self.members)
        return [target.with_batch(self.batch) for target in targets]


@dataclass(frozen=True, kw_only=True)
class PanelTimes(Sampling):
    """The times of a panel."""

    panel: Panel


@cache
def counted(name: str) -> Analysis:
    """Return a network of the zoo, counted at batch 1."""
    return analyze(name)


def family(name: str) -> str:
    """Return the family of a network: its file in the zoo."""
    return ARCHITECTURES.get(name).build.__module__.rpartition(".")[2]


def chosen(quick: bool) -> list[str]:
    """Return the networks of the zoo to time, from few mult-adds to many."""
    ranked = sorted(ARCHITECTURES, key=lambda name: (counted(name).mult_adds, name))
    if not quick:
        return ranked
    cheap: dict[str, list[str]] = {}
    for name in ranked:
        if counted(name).mult_adds < QUICK_MULT_ADDS:
            cheap.setdefault(family(name), []).append(name)
    kept = {REFERENCE, *(name for names in cheap.values() for name in names[:QUICK_PER_FAMILY])}
    return [name for name in ranked if name in kept]


def plan(
    device: str, threads: Sequence[int], quick: bool, batch: int | None = None, networks: Sequence[str] | None = None
) -> tuple[Panel, ...]:
    """Return the panels: the zoo at batch 1 with all threads; Table 8 as on ARM and, unless quick, as on the GPU.

    Args:
        batch: runs everything at this batch instead.
        networks: names of the zoo and of Table 8's rows to time; None for all that `quick` allows.
    """
    most, is_cpu = threads[-1], device == "cpu"
    printed = {row.name for row in TABLE_8}
    others = [name for name in (chosen(quick) if networks is None else networks) if name not in {REFERENCE, *printed}]
    zoo = (
        Panel(ZOO, device, most, batch or 1, (REFERENCE, *others[index : index + PANEL]))
        for index in range(0, len(others), PANEL)
    )
    rows = tuple(row.name for row in TABLE_8 if networks is None or row.name in networks)
    points = [(threads[0] if is_cpu else most, 1), *(() if quick else [(most, PAPER_GPU_BATCH)])] if rows else []
    if batch is not None:
        points = list(dict.fromkeys((number, batch) for number, _ in points))
    return (*zoo, *(Panel(TABLE8, device, number, size, rows) for number, size in points))


def built(target: Target) -> tuple[nn.Module, Call]:
    """Return a network with real weights, and its input."""
    model = target.build()
    return model, random_call(target.required_inputs(), model=model)


def measure_panel(
    panel: Panel, granted_s: float, progress: Progress | None = None, *, options: Options, goal: Goal
) -> PanelTimes:
    """Time the networks of a panel side by side for `granted_s` seconds; one that cannot be built has an error instead.

    The goal is recorded: `granted_s` has its budget, and the time that others have left over.
    """
    ready: Timed = []
    times: dict[str, VariantTimes] = {}
    for name, target in zip(panel.members, panel.targets(), strict=True):
        try:
            ready = [*ready, (name, *built(target))]
        except NetcostError as error:
            times[name] = VariantTimes(name, error=str(error))
    stopped, timed = options.sample(ready, panel.device, panel.threads, Goal(granted_s, goal.precision), progress)
    series = tuple((times | timed)[name] for name in panel.members)
    return PanelTimes(panel=panel, goal=goal, stopped=stopped, series=series)
