"""The result of timing one network: every time, the setting, the effort and the warnings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from netcost.text import units
from netcost.timing import stats
from netcost.timing.doubts import Doubt
from netcost.timing.sampling import Stop
from netcost.timing.setting import EffectiveSetting


@dataclass(frozen=True, slots=True)
class Effort:
    """The goal of the sampling and the time it took: the same for all networks of one run."""

    precision: float  # half width of an interval to reach, as a share of its centre
    budget_s: float  # first calls and warm-up included
    spent_s: float  # building, copying and compiling come before it
    stopped: Stop

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain values."""
        return {**asdict(self), "stopped": str(self.stopped)}


@dataclass(frozen=True, slots=True, repr=False)
class Measurement:
    """The times of one model on one device, in seconds per call, with the warnings about them.

    The first call of a compiled model compiles it (`compile_s`). Torch's own cache of compiled kernels is left as it
    was, so a network that torch has compiled before compiles faster.
    """

    device: str
    threads: int
    batch: int | None
    setting: EffectiveSetting
    compile_s: float | None  # None for eager
    first_call_s: float
    warmup_s: tuple[float, ...]
    calls_per_sample: int
    times_s: tuple[float, ...]  # on the wall clock, from the call until the device has finished; one per round
    device_times_s: tuple[float, ...] | None  # between GPU events around the same calls; None on a CPU
    effort: Effort
    doubts: tuple[Doubt, ...] = ()

    def __repr__(self) -> str:
        ends = "" if self.ci95_s is None else f" ({' to '.join(map(units.seconds, self.ci95_s))})"
        return f"<Measurement: {units.seconds(self.median_s)}{ends} on {self.device}, {self.samples} samples>"

    @property
    def stopped(self) -> Stop:
        """Return the reason why the sampling ended."""
        return self.effort.stopped

    @property
    def median_s(self) -> float:
        """Return the median time of a call (seconds)."""
        return stats.median(self.times_s)

    @property
    def device_median_s(self) -> float | None:
        """Return the median time between the GPU events around a call (seconds); None on a CPU."""
        return None if self.device_times_s is None else stats.median(self.device_times_s)

    @property
    def ci95_s(self) -> stats.Interval | None:
        """Return the exact 95 % interval of the median (seconds), or None with too few samples."""
        return stats.ci95(self.times_s)

    @property
    def half_width(self) -> float | None:
        """Return half the width of that interval as a share of the median, or None with too few samples."""
        return stats.relative_half_width(self.ci95_s, self.median_s)

    @property
    def iqr_s(self) -> float | None:
        """Return the interquartile range (seconds), or None with too few samples."""
        return stats.iqr(self.times_s)

    @property
    def samples(self) -> int:
        """Return the number of samples."""
        return len(self.times_s)

    @property
    def throughput_per_s(self) -> float | None:
        """Return the inputs per second, batch / median; None where the inputs have no batch."""
        return self.batch / self.median_s if self.batch is not None and self.median_s > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """Return the "latency" object of `compare --format json`: figures first, then the times behind them."""
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            **self.setting.to_dict(),
            "median_s": self.median_s,
            "ci95_s": None if self.ci95_s is None else list(self.ci95_s),
            "half_width": self.half_width,
            "iqr_s": self.iqr_s,
            "samples": self.samples,
            "throughput_per_s": self.throughput_per_s,
            "device_median_s": self.device_median_s,
            "compile_s": self.compile_s,
            **self.effort.to_dict(),
            "doubts": [doubt.to_dict() for doubt in self.doubts],
            "first_call_s": self.first_call_s,
            "warmup_s": list(self.warmup_s),
            "calls_per_sample": self.calls_per_sample,
            "times_s": list(self.times_s),
            "device_times_s": None if self.device_times_s is None else list(self.device_times_s),
        }
