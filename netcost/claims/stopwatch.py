"""What a claim about speed is decided by: networks timed side by side on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcost import stats, units
from netcost.claims.claim import Check
from netcost.comparison import Comparison, Entry, compare
from netcost.errors import MeasurementError
from netcost.targets import Target


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """A device, and how long a claim may take on it.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        threads: of the CPU; torch's own number unless given.
        budget_s: seconds for the networks of one claim together.
    """

    device: str = "cpu"
    threads: int | None = None
    budget_s: float = 10.0

    def compare(self, models: Sequence[str | Target], batch: int | None = None) -> Comparison:
        """The networks, counted and timed; the first is the base of the ratios.

        Raises:
            MeasurementError: one of them could not be timed.
        """
        result = compare(models, self.device, threads=self.threads, batch=batch, budget_s=self.budget_s)
        if result.errors:
            raise MeasurementError(str(result.errors[0]))
        return result


def slower(what: str, entry: Entry, expected: str) -> Check:
    """Whether a network is slower than the base, by a verdict on the interval of the ratio."""
    return _timed(what, entry, expected, stats.Verdict.SLOWER)


def faster(what: str, entry: Entry, expected: str) -> Check:
    """Whether a network is faster than the base, by a verdict on the interval of the ratio."""
    return _timed(what, entry, expected, stats.Verdict.FASTER)


def _timed(what: str, entry: Entry, expected: str, wanted: stats.Verdict) -> Check:
    assert entry.ratio is not None, "the stopwatch lets no failed measurement through"
    verdict = entry.verdict
    agrees = None if verdict == stats.Verdict.CANNOT_TELL else verdict == wanted
    return Check(what, entry.ratio.median, expected, agrees, "times")


def interval_note(entry: Entry) -> str:
    """The ratio of a network to the base with its interval, in words."""
    assert entry.ratio is not None, "the stopwatch lets no failed measurement through"
    interval = entry.ratio.ci95
    ends = "no interval" if interval is None else " – ".join(units.times(end) for end in interval)
    return f"{entry.model}: {units.times(entry.ratio.median)} the time of the base ({ends}), {entry.verdict}"
