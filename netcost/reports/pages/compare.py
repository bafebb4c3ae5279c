"""The page of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from netcost.comparison.batches import Sweep
from netcost.comparison.entry import Entry
from netcost.comparison.result import Comparison
from netcost.reports.charts import compare as charts
from netcost.reports.pages.page import Page, PageSection, page_of, timed_on
from netcost.text import units

MOST_IN_TITLE, MOST_SENTENCES = 4, 3
"""Most networks in the title and in the lead; the table has all."""

FEW = 4
"""Most networks whose ratios come first, and each of which has a sentence."""

COUNTED = {"mult_adds": "mult-adds", "memory_access": "memory access"}
"""The counts in the lead, in words."""


@page_of.register
def compare_page(comparison: Comparison, made_by: str = "") -> Page:
    """Return the ratios, counts against times, the table for people, and a table of every figure that can be sorted.

    Of more than `FEW` networks, the counts against the times come first, with the names at the points.
    """
    sections = list(_pictures(comparison))
    if len(comparison.entries) > FEW:
        sections.reverse()
    roofline = charts.under_roof(comparison)
    if roofline is not None:
        sections.append(PageSection("Distance from the roof", figures=(roofline,)))
    table = comparison.table()
    sections.append(PageSection("Side by side", tables=(replace(table, notes=()),), paragraphs=table.notes))
    sections.append(PageSection("Every figure", tables=(comparison.records(),), folded=True))
    models = [entry.model for entry in comparison.entries]
    in_runtimes = any(entry.backend for entry in comparison.entries)
    title = _title(list(dict.fromkeys(models)) if in_runtimes else models)
    return Page(title, lead(comparison), tuple(sections), made_by, _made_with(comparison))


def _pictures(comparison: Comparison) -> Iterator[PageSection]:
    """Yield the ratios, and the counts against the times: those that there is anything to draw of."""
    ratios = charts.ratios(comparison)
    if ratios is not None:
        yield PageSection("Metric by metric", figures=(ratios,))
    timed = charts.timed(comparison)
    counts = [
        metric
        for metric in charts.AGAINST_LATENCY
        if all(entry.figures is not None and entry.figures.values[metric] for entry in timed)
    ]
    if len(timed) > 1 and counts:
        against = tuple(charts.against_latency(comparison, metric) for metric in counts)
        yield PageSection("On paper and on the clock", figures=against)


@page_of.register
def sweep_page(sweep: Sweep, made_by: str = "") -> Page:
    """Return latency and throughput over the batch size, each network's knee, and every point in a table."""
    table = sweep.table()
    told = {f"{knee.model}: {knee.verdict}." for knee in sweep.knees}
    notes = tuple(note for note in table.notes if note not in told)
    sections = []
    if sweep.knees:
        both = (charts.over_batch(sweep, "throughput_per_s"), charts.over_batch(sweep, "median_s"))
        sections.append(PageSection("Over the batch size", figures=both))
    sections.append(PageSection("Point by point", tables=(replace(table, notes=()),), paragraphs=notes))
    sections.append(PageSection("Every figure", tables=(sweep.records(),), folded=True))
    title = _title(list(dict.fromkeys(entry.model for entry in sweep.entries)))
    return Page(f"{title} by batch size", _sweep_lead(sweep), tuple(sections), made_by, _made_with(sweep.comparison))


def _sweep_lead(sweep: Sweep) -> str:
    """Say each network's knee and its most throughput, and the ratio of the first two at the largest batch size."""
    sentences, size = [], len(sweep.batches)
    for index, knee in enumerate(sweep.knees[:MOST_SENTENCES]):
        points = sweep.entries[index * size : (index + 1) * size]
        rates = [(point.measurement.throughput_per_s or 0.0, point.batch) for point in points if point.measurement]
        most = (
            f"; its best throughput is {units.text(max(rates)[0], 'per_second')}, at batch {max(rates)[1]}"
            if rates
            else ""
        )
        sentences.append(f"{knee.model}: {knee.verdict}{most}.")
    others = [(entry, entry.ratio) for entry in sweep.entries[size : 2 * size] if entry.ratio is not None]
    for entry, ratio in others[-1:]:
        label = sweep.comparison.label(entry)
        sentences.append(f"{label} takes {units.times(ratio.median)} the time of {ratio.to} ({ratio.verdict}).")
    return " ".join(sentences)


def _title(names: Sequence[str]) -> str:
    """Name the networks, at most `MOST_IN_TITLE` of them."""
    more = len(names) - MOST_IN_TITLE
    return ", ".join(names[:MOST_IN_TITLE]) + (f" and {units.exact(more)} more" if more > 0 else "")


def lead(comparison: Comparison) -> str:
    """Say each network's time in units of the base's, and the counts that do and do not explain it."""
    others = comparison.entries[1:]
    if not others:
        return ""
    if len(others) > FEW - 1 and any(entry.ratio is not None for entry in others):
        return _extremes(comparison)
    return " ".join(_sentence(comparison, entry) for entry in others[:MOST_SENTENCES]).strip()


def _extremes(comparison: Comparison) -> str:
    """Name the fastest and the slowest of many networks."""
    timed = sorted(charts.timed(comparison), key=lambda entry: entry.measurement.median_s if entry.measurement else 0)
    number, base = units.exact(len(timed)), comparison.entries[0]
    sentences = []
    for entry, which in ((timed[0], f"fastest of {number}"), (timed[-1], "slowest")):
        label = comparison.label(entry)
        if entry is base:
            sentences.append(f"The {which} is {label}, the base.")
        elif entry.ratio is not None:
            time = f"{units.times(entry.ratio.median)} the time of {comparison.label(base)}"
            sentences.append(f"The {which} is {label}, with {time}{_counts(base, entry)}.")
    return " ".join(sentences)


def _sentence(comparison: Comparison, entry: Entry) -> str:
    """Say the time of a network in units of the base's, and the counts that might explain it."""
    base = comparison.entries[0]
    label, of, counts = comparison.label(entry), comparison.label(base), _counts(base, entry)
    if entry.ratio is None:
        return f"{label} has{counts.removeprefix(':')} of {of}." if counts else ""
    return f"{label} takes {units.times(entry.ratio.median)} the time of {of} ({entry.verdict}){counts}."


def _counts(base: Entry, entry: Entry) -> str:
    """Say the mult-adds and the memory access of a network in units of the base's.

    A count on the other side of 1 than the time is introduced by "but": it does not explain the time.
    """
    if base.figures is None or entry.figures is None:
        return ""
    values = [(entry.figures.values[name], base.figures.values[name], heading) for name, heading in COUNTED.items()]
    counted = {heading: value / whole for value, whole, heading in values if value and whole}
    time = 1.0 if entry.ratio is None else entry.ratio.median
    against = [(ratio - 1) * (time - 1) < 0 for ratio in counted.values()]
    shares = [f"{units.times(ratio)} the {heading}" for heading, ratio in counted.items()]
    if not shares:
        return ""
    joined = (", but " if against[-1] and not against[0] else " and ").join(shares)
    return f": {'but ' if all(against) else ''}{joined}"


def _made_with(comparison: Comparison) -> tuple[str, ...]:
    """Return the versions and the machines."""
    facts = [f"netcost {run.version}" for run in comparison.runs]
    for run in comparison.runs:
        facts += [] if run.environment is None else timed_on(run.environment)
    return tuple(dict.fromkeys(facts))
