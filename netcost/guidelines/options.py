"""How guidelines and networks are tried: on what, for how long, and with what a profile or a roofline adds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from netcost.guidelines.grid import Setting
from netcost.guidelines.trial import Goal, TimeAll
from netcost.profiling.roofline import Peaks
from netcost.timing.conversion import Call
from netcost.timing.measuring import measure_all
from netcost.timing.sampling import Clock

ElementwiseShare = Callable[[nn.Module, Call, Setting], float | None]
"""The part of a variant's time that element-wise operators take, by a profile; None where there is none."""

TimeByKind = Callable[[str, str, int], Mapping[str, float] | None]
"""Seconds that each kind of operator takes in a network of the zoo, on a device with that number of threads, by a
profile; None where there is none."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to try.

    Args:
        device: "cpu", "cuda", "cuda:1", or "none" to time nothing.
        threads: of the CPU; one and torch's own number unless given.
        quick: x1, batch 1 and the largest number of threads only; fewer networks.
        budget_s: seconds for all settings of the guidelines together, and as many for all panels of networks; each has
            a budget of its own unless given.
        precision: half width of every ratio's 95 % interval at which a setting may stop before; guidelines and networks
            have their own unless given.
        time_all, clock: how times are taken, and the budget is watched; a test brings its own.
        elementwise_share, time_by_kind: profiles, asked after the timing of G4's variants and of the networks.
        peaks: of the device, measured; without them there is no roofline.
    """

    device: str = "cpu"
    threads: int | None = None
    quick: bool = False
    budget_s: float | None = None
    precision: float | None = None
    time_all: TimeAll = measure_all
    clock: Clock = time.perf_counter
    elementwise_share: ElementwiseShare | None = None
    time_by_kind: TimeByKind | None = None
    peaks: Peaks | None = None

    def goal(self, tasks: int, *, full_s: float, quick_s: float, precision: float) -> Goal:
        """When each of so many tasks is to stop, by what was given or else by these."""
        whole_s = self.budget_s if self.budget_s is not None else quick_s if self.quick else full_s
        return Goal(whole_s / max(tasks, 1), precision if self.precision is None else self.precision)
