"""How long one network takes in units of another, and whether a winner may be called.

Networks timed in the same rounds are compared round by round. Those of two runs are compared by their medians, and
only where the runs had the same environment and setting: otherwise the ratio is a fact about the runs, and the
verdict is "cannot tell", with what differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from netcost.timing import stats
from netcost.timing.doubts import Drift, OtherLoad, Throttled
from netcost.timing.environment import Environment
from netcost.timing.measurement import Measurement

VOLATILE = frozenset({"load_per_core", "clock_mhz", "throttle_reasons"})
"""What an environment says of the moment; doubts say whether it mattered."""

UNSTEADY = (Drift, OtherLoad, Throttled)
"""Doubts that the rounds of one run share, and two runs do not."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Latency in units of another network's.

    Args:
        to: the other network.
        estimate: the ratio and its interval.
        same_rounds: whether both were timed in the same rounds.
        against: why no winner may be called; empty where one may.
    """

    to: str
    estimate: stats.RatioEstimate
    same_rounds: bool = True
    against: tuple[str, ...] = ()

    @property
    def median(self) -> float:
        """The ratio; below 1, this network is faster."""
        return self.estimate.median

    @property
    def ci95(self) -> stats.Interval | None:
        """Its 95 % interval, or None with too few rounds."""
        return self.estimate.ci95

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval as a share of the ratio, or None with too few rounds."""
        return stats.relative_half_width(self.ci95, self.median)

    @property
    def verdict(self) -> str:
        """Faster, slower, or cannot tell."""
        if self.against:
            return str(stats.SpeedVerdict.CANNOT_TELL)
        threshold = stats.SAME_ROUNDS if self.same_rounds else stats.BETWEEN_RUNS
        return str(stats.verdict(self.ci95, threshold))

    def to_dict(self) -> dict[str, Any]:
        """The "ratio" object of `compare --format json`."""
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
    """The ratio other / base of two networks timed in the same rounds; None where the clock saw no time.

    Another batch is other work, of which no network wins.
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
    """The ratio other / base of two networks of different runs; None where the clock saw no time."""
    times = base[0].times_s, other[0].times_s
    if min(*times[0], *times[1]) <= 0:
        return None
    unsteady = (*(f"of {to}, {doubt}" for doubt in _unsteady(base[0])), *_unsteady(other[0]))
    against = (*_differences(_conditions(*base), _conditions(*other)), *unsteady)
    return Ratio(to, stats.ratio_between_runs(*times), same_rounds=False, against=against)


def _conditions(measurement: Measurement, environment: Environment | None) -> dict[str, Any]:
    """Everything that must be the same for two runs to be compared, by its name in the JSON."""
    return {
        **({} if environment is None else environment.to_dict()),
        "device": measurement.device,
        "threads": measurement.threads,
        "batch": measurement.batch,
        **measurement.setting.to_dict(),
    }


def _differences(base: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """What differs, as "threads: 2 and 1"."""
    for name in dict.fromkeys((*base, *other)):
        before, after = base.get(name), other.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _differences(before, after, f"{prefix}{name} ")
        elif before != after and name not in VOLATILE:
            yield f"{prefix}{name}: {_said(before)} and {_said(after)}"


def _said(value: Any) -> str:
    return "none" if value is None or isinstance(value, Mapping) else str(value)


def _unsteady(measurement: Measurement) -> Iterator[str]:
    """What within one run would have cancelled."""
    return (str(doubt) for doubt in measurement.doubts if isinstance(doubt, UNSTEADY))
