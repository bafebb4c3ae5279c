"""The options of a run of guidelines and networks: the timing, and the profiles and peaks that are added to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import nn

from netcost.guidelines.grid import Conditions
from netcost.guidelines.trial import Goal, TimeAll, Timed, VariantTimes, plain
from netcost.profiling.roofline import Peaks
from netcost.timing.conversion import Call
from netcost.timing.measurement import Measurement
from netcost.timing.measuring import measure_all
from netcost.timing.runtimes import runtime_version
from netcost.timing.sampling import Clock, Progress, Stop
from netcost.timing.setting import EffectiveSetting, Timing


@dataclass(frozen=True)
class Options:
    """The options of a run.

    Args:
        timing: the device and how it is timed; one thread and torch's own number are tried unless it gives a number.
            Its budget is for all settings of the guidelines together, and as much again for all panels of networks. Its
            precision is the half width of every ratio's 95 % interval at which a setting may stop. Both have defaults.
        batch: of everything that is timed; batch 1 and a filled batch unless given.
        quick: x1, batch 1 and the largest number of threads only; fewer networks.
        networks: names of the zoo and of Table 8's rows to time; None for all that `quick` allows.
        time_all, clock: take the times and watch the budget; a test brings its own.
        elementwise_share: profiles a variant of G4 after its timing: the share of element-wise operators in its time.
        time_by_kind: profiles a network on a device with a number of threads: seconds per kind of operator.
        peaks: of the device, measured; without them there is no roofline.
    """

    timing: Timing = Timing()
    batch: int | None = None
    quick: bool = False
    networks: Sequence[str] | None = None
    time_all: TimeAll = measure_all
    clock: Clock = time.perf_counter
    elementwise_share: Callable[[nn.Module, Call, Conditions], float | None] | None = None
    time_by_kind: Callable[[str, str, int], Mapping[str, float] | None] | None = None
    peaks: Peaks | None = None

    @property
    def setting(self) -> EffectiveSetting:
        """Return the setting in which everything is timed; the zoo's own is fp32, contiguous, eager."""
        asked = {name: getattr(self.timing, name) for name in ("dtype", "memory_format", "backend", "cold_cache")}
        known = {name: value for name, value in asked.items() if value is not None}
        return EffectiveSetting(**known, runtime=runtime_version(self.timing.backend))

    def goal(self, tasks: int, *, full_s: float, quick_s: float, precision: float) -> Goal:
        """Return the goal of each of `tasks` tasks, from the timing's own budget and precision or else from these."""
        whole_s, half_width = self.timing.goal(quick_s if self.quick else full_s, precision)
        return Goal(whole_s / max(tasks, 1), half_width)

    def sample(
        self, ready: Timed, device: str, threads: int, goal: Goal, progress: Progress | None
    ) -> tuple[str, dict[str, VariantTimes]]:
        """Time models side by side; return the reason why it stopped, and the times by name."""
        timing = replace(self.timing, device=device, threads=threads, **plain(goal))
        results = self.time_all(ready, timing, progress) if ready else []
        stops = [str(result.stopped) for result in results if isinstance(result, Measurement)]
        named = zip((name for name, _, _ in ready), results, strict=True)
        return next(iter(stops), str(Stop.FAILED)), {name: VariantTimes.of(name, result) for name, result in named}
