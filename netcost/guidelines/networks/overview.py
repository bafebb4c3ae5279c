"""Shows the study of whole networks to people, and gives its rows to programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from netcost.guidelines.networks.panels import PAPER_GPU_BATCH, REFERENCE, TABLE8, PanelTimes, counted
from netcost.guidelines.networks.study import METRICS, ROOFLINE, Study
from netcost.guidelines.networks.table8 import ROWS_PRINTED, SOURCE, TABLE_8, Table8Row
from netcost.text import units
from netcost.text.metrics import METRICS as COUNTED
from netcost.text.tables import Column, Section, Table, from_records, table_of
from netcost.timing import stats

HEADINGS = {**{name: COUNTED[name].heading for name in METRICS}, ROOFLINE: "Roofline"}


def interval(ends: stats.Interval | None, unit: str) -> str | None:
    """Return both ends of an interval as people read them."""
    return None if ends is None else " – ".join(units.text(end, unit) for end in ends)


EXPLANATIONS = (
    Column("metric", "Metric", of=lambda fit: HEADINGS[fit.metric]),
    Column("rho", "Spearman's rho", "ratio"),
    Column("rho_interval", "95 % interval", of=lambda fit: interval(fit.rho_ci95, "ratio"), flush_right=True),
    Column("error", "Median error", "percent"),
    Column("error_interval", "95 % interval", of=lambda fit: interval(fit.error_ci95, "percent"), flush_right=True),
)

COMPLEXITY = (
    Column("network", "Network", of=lambda row: row.name),
    Column("input", "Input", of=lambda row: f"1x3x{row.side}x{row.side}"),
    Column("published", "Published", "count", of=lambda row: row.mflops * 1e6),
    Column("computed", "Mult-adds", "count", of=lambda row: row.mult_adds),
    Column("difference", "Difference", "percent", of=lambda row: row.mult_adds / (row.mflops * 1e6) - 1),
)

AGREEMENTS = (
    Column("order", "Order by", of=lambda agreement: agreement.order.replace(TABLE8, "speed here")),
    Column("platform", "Paper"),
    Column("rho", "Spearman's rho", "ratio"),
    Column("interval", "95 % interval", of=lambda agreement: interval(agreement.ci95, "ratio"), flush_right=True),
)

PARTS = (
    Column("network", "Network"),
    Column("kind", "Kind"),
    Column("mult_adds", "Mult-adds", "percent"),
    Column("memory_access", "Memory access", "percent"),
    Column("time", "Time", "percent"),
)

NETWORKS = (
    Column("network", "Network", of=lambda row: row[0]),
    Column("mult_adds", "Mult-adds", "count", of=lambda row: counted(row[0]).mult_adds),
    Column("memory_access", "Memory access", "elements", of=lambda row: counted(row[0]).memory_access),
    Column("kernels", "Kernels", "count", of=lambda row: counted(row[0]).kernels),
    Column("latency_s", "Latency", "seconds", of=lambda row: row[1].median_s),
    Column("half_width", "± 95 %", "percent", of=lambda row: stats.relative_half_width(row[1].ci95_s, row[1].median_s)),
)
"""For rows of (name of a network, its latency)."""

RECORDS = (
    Column("network", "Network"),
    Column("family", "Family"),
    *(Column(name, COUNTED[name].heading, COUNTED[name].unit) for name in METRICS),
    Column(ROOFLINE, "Roofline", "seconds"),
    Column("latency_s", "Latency", "seconds"),
    Column("latency_low_s", "Latency, low", "seconds"),
    Column("latency_high_s", "Latency, high", "seconds"),
)


def section(study: Study, environment: Mapping[str, Any] | None = None) -> Section:
    """Return the counts against latency, Table 8 here and in the paper, and Figure 2's networks by kind of operator.

    Args:
        environment: of the timing, as `Environment.to_dict` gives it; None where nothing was timed.
    """
    tables = [_explanations(study, environment or {})] if study.explanations else []
    tables += [_complexity(), *_speeds(study)]
    title = f"Table 8: orders compared with those of the paper's speeds, {len(TABLE_8)} networks"
    tables += [table_of(AGREEMENTS, study.agreements, title), _parts(study)]
    if study.latencies:
        networks = sorted(study.latencies.items(), key=lambda row: row[1].median_s)
        tables.append(table_of(NETWORKS, networks, "The networks, from fast to slow"))
    return Section("Whole networks: which count explains latency?", tuple(_paragraphs(study)), tuple(tables))


def records(study: Study) -> Table:
    """Return every figure as a number, with a row per network of the zoo: for programs."""
    rows = (
        {**study.figures(name), "latency_low_s": low, "latency_high_s": high}
        for name, latency in study.latencies.items()
        for low, high in [latency.ci95_s or (None, None)]
    )
    return from_records(RECORDS, rows)


def _paragraphs(study: Study) -> Iterable[str]:
    yield (
        "ShuffleNet V2 starts from the observation that mult-adds alone do not determine speed. Here the zoo's "
        "networks are timed, and each count predicts their order (Spearman's rank correlation) and their latency: one "
        "constant times the count, where the constant is the median of latency / count over the networks of all other "
        "families. A family is a file of the zoo. The median error is that of |predicted / measured - 1|; intervals "
        "are bootstraps over networks."
    )
    if not study.explanations:
        yield "Nothing was timed."
        return
    least, most = min(study.reference_s), max(study.reference_s)
    yield (
        f"Networks run beside {REFERENCE} in {len(study.reference_s)} panels. Their latency is the ratio to it times "
        f"its median, which was {units.seconds(least)} to {units.seconds(most)}."
    )
    yield answer(study)


def answer(study: Study) -> str:
    """Return the fit of mult-adds to latency and that of the best count, for networks that were timed."""
    [by_work] = [fit for fit in study.explanations if fit.metric == "mult_adds"]
    sentence = f"Over {by_work.networks} networks, mult-adds rank latency with rho {units.text(by_work.rho, 'ratio')}"
    if by_work.error is None:
        return f"{sentence}."
    sentence += f" and have a median error of {units.percent(by_work.error)}"
    error, best = min(
        ((fit.error, fit) for fit in study.explanations if fit.error is not None), key=lambda pair: pair[0]
    )
    if error >= by_work.error:
        return f"{sentence}; no other count has a smaller one."
    rho = units.text(best.rho, "ratio")
    return f"{sentence}; the smallest error is {units.percent(error)}, by {HEADINGS[best.metric]} (rho {rho})."


def _explanations(study: Study, environment: Mapping[str, Any]) -> Table:
    title = f"What explains the latency of {study.explanations[0].networks} networks"
    notes = ["A roofline needs the device's measured peaks: give --peaks."]
    if study.peaks is not None:
        differences = study.peaks.differences(environment)
        notes = [f"Roofline of {study.peaks.title}.", *(f"Not of one run: {text}." for text in differences)]
    return table_of(EXPLANATIONS, study.explanations, title, notes)


def _complexity() -> Table:
    notes = (
        f"{SOURCE}: {len(TABLE_8)} networks of its {ROWS_PRINTED} rows are in the zoo.",
        "MobileNet v2 is the authors' re-implementation; its rounding of channels at widths below 1.0 is not printed.",
    )
    return table_of(COMPLEXITY, TABLE_8, "Table 8: complexity as published, and as counted", notes)


def _speeds(study: Study) -> Iterable[Table]:
    """Give images per second here and in the paper; nothing where Table 8 was not timed."""
    columns = (
        Column("network", "Network", of=lambda row: row.name),
        *(
            Column(words, f"Here, {words}", "per_second", of=partial(_images_per_second, timed))
            for timed in study.of(TABLE8)
            for words in [timed.panel.conditions]
        ),
        Column("arm", "Paper ARM, batch 1", "per_second"),
        Column("gpu", "Paper GPU, batch 8", "per_second", of=lambda row: PAPER_GPU_BATCH * row.gpu),
    )
    if study.of(TABLE8):
        yield table_of(columns, TABLE_8, "Table 8: images per second", [*_shared_warnings(study)])


def _images_per_second(timed: PanelTimes, row: Table8Row) -> float | None:
    times = timed.by_name.get(row.name)
    return timed.panel.batch / times.median_s if times and times.median_s else None


def _shared_warnings(study: Study) -> Iterable[str]:
    """Give the warnings about each panel of Table 8 that all of its networks share."""
    for timed in study.of(TABLE8):
        seen = [{str(doubt.get("seen")) for doubt in times.doubts} for times in timed.series if not times.error]
        yield from (f"{timed.panel}: {text}" for text in sorted(set.intersection(*seen) if seen else ()))


def _parts(study: Study) -> Table:
    is_timed = any(part.time is not None for part in study.parts)
    notes = () if is_timed else ("The share of time needs a profile of each operator: give --profile.",)
    shown = [column for column in PARTS if column.name != "time" or is_timed]
    return table_of(shown, study.parts, "Figure 2: the work by kind of operator", notes)
