"""Compares measured speeds with claims: checks made from comparisons, and from findings on the guidelines."""

from __future__ import annotations

from collections.abc import Sequence

from netcost.claims.bench import Bench
from netcost.claims.claim import Check, ClaimFinding
from netcost.comparison.entry import Entry
from netcost.comparison.result import Comparison
from netcost.guidelines.judging import GuidelineFinding, GuidelineVerdict
from netcost.text import units
from netcost.timing import stats
from netcost.timing.ratios import Ratio

AGREES = {GuidelineVerdict.HOLDS: True, GuidelineVerdict.DOES_NOT_HOLD: False, GuidelineVerdict.CANNOT_TELL: None}


def judged(bench: Bench, name: str, expected: str) -> ClaimFinding:
    """Try a guideline ("g1" to "g4") and make one check per order of its variants.

    Raises:
        MeasurementError: a variant could not be timed.
    """
    task, findings = bench.judge(name)
    notes = tuple(f"{task}. {finding.sentence}" for finding in findings)
    return ClaimFinding(tuple(_judgement(finding, expected) for finding in findings), notes, measured=True)


def _judgement(finding: GuidelineFinding, expected: str) -> Check:
    """Make a check from a finding on an order of variants: the slow-down from its first to its last variant."""
    extent = finding.extent
    what = f"time a mult-add, {extent.slow} / {extent.fast}"
    slow_down = units.MISSING if extent.slow_down is None else extent.slow_down
    return Check(what, slow_down, expected, AGREES[finding.verdict], "times")


def slower(what: str, entry: Entry, expected: str) -> Check:
    """Check that a network is slower than the base, by the verdict on the interval of the ratio."""
    return _timed(what, entry, expected, stats.SpeedVerdict.SLOWER)


def faster(what: str, entry: Entry, expected: str) -> Check:
    """Check that a network is faster than the base, by the verdict on the interval of the ratio."""
    return _timed(what, entry, expected, stats.SpeedVerdict.FASTER)


def about(what: str, entry: Entry, low: float, high: float, expected: str) -> Check:
    """Check that the ratio to the base lies between `low` and `high`; an interval across either end does not decide."""
    ratio = _ratio(entry)
    if ratio.ci95 is None:
        agrees = None
    elif ratio.ci95[1] < low or ratio.ci95[0] > high:
        agrees = False
    else:
        agrees = True if low <= ratio.ci95[0] and ratio.ci95[1] <= high else None
    return Check(what, ratio.median, expected, agrees, "times")


def timed(result: Comparison, *checks: Check, notes: Sequence[str] = ()) -> ClaimFinding:
    """Return a finding of measured checks, with the interval of each ratio and the conditions of the timing."""
    ratios = [_ratio_note(entry, result.entries[0].model) for entry in result.entries[1:]]
    return ClaimFinding(checks, (*notes, *ratios, *result.notes()), measured=True)


def _timed(what: str, entry: Entry, expected: str, wanted: stats.SpeedVerdict) -> Check:
    agrees = None if entry.verdict == stats.SpeedVerdict.CANNOT_TELL else entry.verdict == wanted
    return Check(what, _ratio(entry).median, expected, agrees, "times")


def _ratio(entry: Entry) -> Ratio:
    assert entry.ratio is not None, "the bench lets no failed measurement through"
    return entry.ratio


def _ratio_note(entry: Entry, base: str) -> str:
    """Return the ratio of a network to the base with its interval, in words."""
    ratio = _ratio(entry)
    ends = "no interval" if ratio.ci95 is None else " – ".join(units.times(end) for end in ratio.ci95)
    return f"{entry.model} takes {units.times(ratio.median)} the time of {base} ({ends}): {entry.verdict}."
