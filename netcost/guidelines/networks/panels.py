"""Which networks are timed side by side, and on what: the zoo in panels with a common reference, and Table 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from torch import nn

from netcost.counting.analysis import Analysis, analyze
from netcost.guidelines.grid import conditions
from netcost.guidelines.networks.table8 import TABLE_8
from netcost.guidelines.options import Options
from netcost.guidelines.trial import Goal, Sampling, Timed, VariantTimes, series_of, stop_of
from netcost.targets.naming import Target, resolve
from netcost.text.errors import MeasurementError, NetcostError
from netcost.timing.conversion import Call
from netcost.timing.measuring import random_call
from netcost.timing.sampling import Progress
from netcost.zoo import ARCHITECTURES

REFERENCE = "mobilenet_v2"
"""In every panel of the zoo: latencies are taken as ratios to it, so that a machine that drifts does not move them."""

PANEL = 6
"""Networks a panel beside the reference; they have about as many mult-adds, and so share the rounds fairly."""

QUICK_PER_FAMILY, QUICK_MULT_ADDS = 2, 8e9
"""Quick takes the two cheapest networks of each family, of less than so many mult-adds."""

ZOO, TABLE8 = "zoo", "table 8"

PAPER_GPU_BATCH = 8
"""The batch of Table 8 on the GPU; on ARM it is one, on one thread."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Networks timed side by side.

    Args:
        kind: of the zoo, or of Table 8.
        device: "cpu", "cuda" or "cuda:N".
        threads: of the CPU.
        batch: first size of the input.
        members: names of the zoo or of Table 8's rows; ratios are to the first.
    """

    kind: str
    device: str
    threads: int
    batch: int
    members: tuple[str, ...]

    def __str__(self) -> str:
        last = f" to {self.members[-1]}" if self.kind == ZOO else ""
        return f"{self.kind}{last}, {self.conditions}"

    @property
    def conditions(self) -> str:
        """Batch and threads, in words."""
        return conditions(self.device, self.batch, self.threads)

    def targets(self) -> list[Target]:
        """The members as networks with inputs."""
        rows = {row.name: row for row in TABLE_8}
        plain = (resolve(each) if self.kind == ZOO else rows[each].target() for each in self.members)
        return [target.with_batch(self.batch) for target in plain]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "members": list(self.members)}


@dataclass(frozen=True, kw_only=True)
class PanelTimes(Sampling):
    """A panel, timed."""

    panel: Panel


@cache
def counted(name: str) -> Analysis:
    """A network of the zoo, counted at batch 1."""
    return analyze(name)


def family(name: str) -> str:
    """The file of the zoo that a network stands in."""
    return ARCHITECTURES.get(name).build.__module__.rpartition(".")[2]


def chosen(quick: bool) -> list[str]:
    """Networks of the zoo, from few mult-adds to many."""
    ranked = sorted(ARCHITECTURES, key=lambda name: (counted(name).mult_adds, name))
    if not quick:
        return ranked
    taken: Mapping[str, list[str]] = {family(name): [] for name in ranked}
    for name in ranked:
        if len(taken[family(name)]) < QUICK_PER_FAMILY and counted(name).mult_adds < QUICK_MULT_ADDS:
            taken[family(name)].append(name)
    return [name for name in ranked if name in taken[family(name)] or name == REFERENCE]


def plan(device: str, threads: Sequence[int], quick: bool) -> tuple[Panel, ...]:
    """The zoo at batch 1 with all threads; Table 8 as on ARM and, unless it must be quick, as on the GPU."""
    most, is_cpu = threads[-1], device == "cpu"
    others = [name for name in chosen(quick) if name != REFERENCE]
    zoo = (
        Panel(ZOO, device, most, 1, (REFERENCE, *others[index : index + PANEL]))
        for index in range(0, len(others), PANEL)
    )
    rows = tuple(row.name for row in TABLE_8)
    points = [(threads[0] if is_cpu else most, 1), *(() if quick else [(most, PAPER_GPU_BATCH)])]
    return (*zoo, *(Panel(TABLE8, device, number, batch, rows) for number, batch in points))


def built(target: Target) -> tuple[nn.Module, Call]:
    """A network with real weights, and what goes into it."""
    return target.build(), random_call(target.required_inputs())


def measure_panel(
    panel: Panel,
    granted_s: float,
    progress: Progress | None = None,
    *,
    goal: Goal,
    options: Options,
) -> PanelTimes:
    """Time the networks of a panel side by side; one that cannot be built has an error instead of times.

    Args:
        granted_s: seconds that it may take: those of the goal, and what others have left over.
        goal: when it is to stop, which is recorded.
        options: how times are taken.
    """
    ready: Timed = []
    failed: dict[str, VariantTimes] = {}
    for name, target in zip(panel.members, panel.targets(), strict=True):
        try:
            ready = [*ready, (name, *built(target))]
        except NetcostError as error:
            failed[name] = series_of(name, MeasurementError(str(error)))
    timing = options.timing_on(panel.device, panel.threads, granted_s, goal.precision)
    results = options.time_all(ready, timing, progress) if ready else []
    timed = {name: series_of(name, result) for (name, _, _), result in zip(ready, results, strict=True)}
    series = tuple({**failed, **timed}[name] for name in panel.members)
    return PanelTimes(panel=panel, goal=goal, stopped=stop_of(results), series=series)
