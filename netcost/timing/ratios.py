"""Latency ratios of two networks, and their verdicts.

Networks timed in the same rounds are compared round by round. Those of two runs are compared by their medians, and a
verdict needs the same environment and setting in both runs: otherwise the ratio is a fact about the runs, and the
verdict is "cannot tell", with the differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netcost.timing import stats
from netcost.timing.doubts import Drift, OtherLoad, Throttled
from netcost.timing.environment import Environment
from netcost.timing.measurement import Measurement

VOLATILE = {
    "load_per_core",
    "clock_mhz",
    "throttle_reasons",
}  # change all the time; where it matters, a warning says so
UNSTEADY = (Drift, OtherLoad, Throttled)  # warnings whose cause cancels within the rounds of one run, not between two


BEYOND_ANY_LOAD = 10.0
"""Factor between all times of two runs from which no load, drift or lower clock explains it."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Latency divided by that of the network `to`."""

    to: str
    estimate: stats.RatioEstimate
    same_rounds: bool = True  # False for networks of two runs
    against: tuple[str, ...] = ()  # reasons against a verdict

    @property
    def median(self) -> float:
        """Return the ratio; below 1, this network is faster."""
        return self.estimate.median

    @property
    def ci95(self) -> stats.Interval | None:
        """Return its 95 % interval, or None with too few rounds."""
        return self.estimate.ci95

    @property
    def half_width(self) -> float | None:
        """Return half the width of the interval as a share of the ratio, or None with too few rounds."""
        return stats.relative_half_width(self.ci95, self.median)

    @property
    def is_by_size(self) -> bool:
        """True where too few rounds give no interval, but every time of one is far above those of the other."""
        return self.ci95 is None and self.estimate.apart

    @property
    def verdict(self) -> str:
        """Return "faster", "slower" or "cannot tell"."""
        if self.against:
            return str(stats.SpeedVerdict.CANNOT_TELL)
        if self.is_by_size:
            return str(stats.SpeedVerdict.FASTER if self.median < 1 else stats.SpeedVerdict.SLOWER)
        threshold = stats.SAME_ROUNDS if self.same_rounds else stats.BETWEEN_RUNS
        return str(stats.verdict(self.ci95, threshold))

    def to_dict(self) -> dict[str, Any]:
        """Return the "ratio" object of `compare --format json`."""
        return {
            "to": self.to,
            "median": self.median,
            "ci95": None if self.ci95 is None else list(self.ci95),
            "half_width": self.half_width,
            "same_rounds": self.same_rounds,
            "verdict": self.verdict,
            **({"against": list(self.against)} if self.against else {}),
        }


def ratio_of_rounds(to: str, base: Measurement, other: Measurement) -> Ratio | None:
    """Return the ratio other / base of two networks timed in the same rounds; None where a time is 0 s.

    Another batch is other work, for which there is no verdict.
    """
    rounds = min(base.samples, other.samples)
    times = base.times_s[:rounds], other.times_s[:rounds]
    if min(*times[0], *times[1]) <= 0:
        return None
    against = tuple(_differences({"batch": base.batch}, {"batch": other.batch}))
    return Ratio(to, stats.ratio(*times), against=against)


def ratio_of_runs(
    to: str, base: tuple[Measurement, Environment | None], other: tuple[Measurement, Environment | None]
) -> Ratio | None:
    """Return the ratio other / base of two networks of different runs; None where a time is 0 s."""
    times = base[0].times_s, other[0].times_s
    if min(*times[0], *times[1]) <= 0:
        return None
    estimate = stats.ratio_between_runs(*times)
    unsteady = [
        f"{prefix}{doubt}"
        for prefix, (measurement, _) in ((f"of {to}, ", base), ("", other))
        for doubt in measurement.doubts
        if isinstance(doubt, UNSTEADY) and not stats.are_apart(*times, BEYOND_ANY_LOAD)
    ]
    against = (*_differences(_conditions(*base), _conditions(*other)), *unsteady)
    return Ratio(to, estimate, same_rounds=False, against=against)


def _conditions(measurement: Measurement, environment: Environment | None) -> dict[str, Any]:
    """Return the conditions that two runs must share for a verdict, by their names in the JSON."""
    return {
        **({} if environment is None else environment.to_dict()),
        "device": measurement.device,
        "threads": measurement.threads,
        "batch": measurement.batch,
        **measurement.setting.to_dict(),
    }


def _differences(base: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield each difference, as "threads: 2 and 1"."""
    for name in dict.fromkeys((*base, *other)):
        before, after = base.get(name), other.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{prefix}{name} ")
        elif before != after and name not in VOLATILE:
            yield f"{prefix}{name}: {_text(before)} and {_text(after)}"


def _text(value: Any) -> str:
    return "none" if value is None or isinstance(value, Mapping) else str(value)
