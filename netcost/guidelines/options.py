"""How guidelines and networks are tried: on what, for how long, and with what a profile or a roofline adds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from netcost.guidelines.grid import Conditions
from netcost.guidelines.trial import Goal, TimeAll
from netcost.profiling.roofline import Peaks
from netcost.timing.conversion import Call
from netcost.timing.measuring import measure_all
from netcost.timing.sampling import Clock
from netcost.timing.setting import Timing

ElementwiseShare = Callable[[nn.Module, Call, Conditions], float | None]
"""The part of a variant's time that element-wise operators take, by a profile; None where there is none."""

TimeByKind = Callable[[str, str, int], Mapping[str, float] | None]
"""Seconds that each kind of operator takes in a network of the zoo, on a device with that number of threads, by a
profile; None where there is none."""


@dataclass(frozen=True)
class Options:
    """How to try.

    Args:
        timing: on which device, and how; one thread and torch's own number are tried unless it says. Its budget is for
            all settings of the guidelines together, and as much for all panels of networks; its precision is the half
            width of every ratio's 95 % interval at which a setting may stop. Both have their own values unless given.
        quick: x1, batch 1 and the largest number of threads only; fewer networks.
        time_all, clock: how times are taken, and the budget is watched; a test brings its own.
        elementwise_share, time_by_kind: profiles, asked after the timing of G4's variants and of the networks.
        peaks: of the device, measured; without them there is no roofline.
    """

    timing: Timing = Timing()
    quick: bool = False
    time_all: TimeAll = measure_all
    clock: Clock = time.perf_counter
    elementwise_share: ElementwiseShare | None = None
    time_by_kind: TimeByKind | None = None
    peaks: Peaks | None = None

    def goal(self, tasks: int, *, full_s: float, quick_s: float, precision: float) -> Goal:
        """When each of so many tasks is to stop, by what was given or else by these."""
        whole_s, half_width = self.timing.goal(quick_s if self.quick else full_s, precision)
        return Goal(whole_s / max(tasks, 1), half_width)

    def timing_on(self, device: str, threads: int, granted_s: float, precision: float) -> Timing:
        """Return how one setting is timed."""
        return replace(self.timing, device=device, threads=threads, budget_s=granted_s, precision=precision)
