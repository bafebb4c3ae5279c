"""What a claim about speed is decided by: networks timed side by side on one device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netcost.claims.claim import Check, Finding
from netcost.comparison.result import Comparison, Entry, compare
from netcost.guidelines.grid import PRECISION, Setting, Task
from netcost.guidelines.guideline import GUIDELINES
from netcost.guidelines.judging import Finding as Judged
from netcost.guidelines.judging import Verdict as Judgement
from netcost.guidelines.judging import judge as judged
from netcost.guidelines.options import Options
from netcost.guidelines.running import measure_trial
from netcost.guidelines.trial import Goal, TimeAll
from netcost.targets.naming import Target
from netcost.text import units
from netcost.text.errors import MeasurementError
from netcost.timing import stats
from netcost.timing.environment import read_environment
from netcost.timing.measuring import measure_all
from netcost.timing.ratios import Ratio

AGREES = {Judgement.HOLDS: True, Judgement.DOES_NOT_HOLD: False, Judgement.CANNOT_TELL: None}


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """A device, and how long a claim may take on it.

    Args:
        device: "cpu", "cuda" or "cuda:N".
        threads: of the CPU; torch's own number unless given.
        budget_s: seconds for the networks of one claim together.
        time_all: how the variants of a guideline are timed; a test brings its own.
    """

    device: str = "cpu"
    threads: int | None = None
    budget_s: float = 10.0
    time_all: TimeAll = measure_all

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

    def judge(self, name: str, expected: str) -> Finding:
        """A guideline ("g1" to "g4") in the paper's widths for its GPU, x1, at batch 1: a check for each order.

        Raises:
            MeasurementError: a variant could not be timed.
        """
        guideline = GUIDELINES.get(name)
        threads = read_environment(self.device, self.threads).threads
        task = Task(guideline, Setting(self.device, threads, 1, guideline.width_sets[0], 1))
        options = Options(device=self.device, time_all=self.time_all)
        trial = measure_trial(task, options, Goal(self.budget_s, PRECISION), self.budget_s)
        failed = [series.error for series in trial.series if series.error]
        if failed:
            raise MeasurementError(failed[0])
        findings = judged(trial)
        notes = [f"{task}. {finding.sentence}" for finding in findings]
        return Finding(tuple(_judgement(finding, expected) for finding in findings), tuple(notes), measured=True)


def _judgement(finding: Judged, expected: str) -> Check:
    """A finding on an order of variants as a check: how much slower its last variant is than its first."""
    extent = finding.extent
    what = f"time a mult-add, {extent.slow} / {extent.fast}"
    return Check(
        what, extent.ratio.median if extent.ratio else units.MISSING, expected, AGREES[finding.verdict], "times"
    )


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
