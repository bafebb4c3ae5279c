"""What a claim about speed is decided by: networks timed side by side on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcost import stats, units
from netcost.claims.claim import Check, Finding
from netcost.comparison import Comparison, Entry, compare
from netcost.errors import MeasurementError
from netcost.ratios import Ratio
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

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.startswith("cuda")

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


def about(what: str, entry: Entry, low: float, high: float, expected: str) -> Check:
    """Whether the ratio to the base lies between `low` and `high`: its whole interval within, or its whole beyond."""
    ratio = _ratio(entry)
    if ratio.ci95 is None:
        agrees = None
    elif ratio.ci95[1] < low or ratio.ci95[0] > high:
        agrees = False
    else:
        agrees = True if low <= ratio.ci95[0] and ratio.ci95[1] <= high else None
    return Check(what, ratio.median, expected, agrees, "times")


def timed(result: Comparison, *checks: Check, notes: Sequence[str] = ()) -> Finding:
    """What was measured, with the interval of each ratio and how it was taken."""
    ratios = [_ratio_note(entry, result.entries[0].model) for entry in result.entries[1:]]
    return Finding(checks, (*notes, *ratios, *result.notes()), measured=True)


def _timed(what: str, entry: Entry, expected: str, wanted: stats.Verdict) -> Check:
    agrees = None if entry.verdict == stats.Verdict.CANNOT_TELL else entry.verdict == wanted
    return Check(what, _ratio(entry).median, expected, agrees, "times")


def _ratio(entry: Entry) -> Ratio:
    assert entry.ratio is not None, "the stopwatch lets no failed measurement through"
    return entry.ratio


def _ratio_note(entry: Entry, base: str) -> str:
    """The ratio of a network to the base with its interval, in words."""
    ratio = _ratio(entry)
    ends = "no interval" if ratio.ci95 is None else " – ".join(units.times(end) for end in ratio.ci95)
    return f"{entry.model} takes {units.times(ratio.median)} the time of {base} ({ends}): {entry.verdict}."
