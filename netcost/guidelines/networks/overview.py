"""The study of whole networks as people read it, and as rows for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from netcost.guidelines.networks.panels import REFERENCE, TABLE8, counted, family
from netcost.guidelines.networks.study import METRICS, ROOFLINE, Study
from netcost.guidelines.networks.table8 import ROWS_PRINTED, SOURCE, TABLE_8
from netcost.text import units
from netcost.text.tables import METRICS as COUNTED
from netcost.text.tables import Column, Section, Table, from_records, table_of
from netcost.timing import stats

HEADINGS = {**{name: COUNTED[name].heading for name in METRICS}, ROOFLINE: "Roofline"}


def _interval(ends: stats.Interval | None, unit: str) -> str | None:
    return None if ends is None else " – ".join(units.text(end, unit) for end in ends)


EXPLANATIONS = (
    Column("metric", "Metric", of=lambda found: HEADINGS[found.metric]),
    Column("rho", "Spearman's rho", "ratio"),
    Column("rho_interval", "95 % interval", of=lambda found: _interval(found.rho_ci95, "ratio"), flush_right=True),
    Column("error", "Median error", "percent"),
    Column(
        "error_interval", "95 % interval", of=lambda found: _interval(found.error_ci95, "percent"), flush_right=True
    ),
)

COMPLEXITY = (
    Column("network", "Network", of=lambda row: row.name),
    Column("input", "Input", of=lambda row: f"1x3x{row.side}x{row.side}"),
    Column("published", "Published", "count", of=lambda row: row.mflops * 1e6),
    Column("computed", "Mult-adds", "count", of=lambda row: row.mult_adds),
    Column("difference", "Difference", "percent", of=lambda row: row.mult_adds / (row.mflops * 1e6) - 1),
)

AGREEMENTS = (
    Column("order", "Order by", of=lambda found: found.order.replace(TABLE8, "speed here")),
    Column("platform", "Paper"),
    Column("rho", "Spearman's rho", "ratio"),
    Column("interval", "95 % interval", of=lambda found: _interval(found.ci95, "ratio"), flush_right=True),
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
"""Of a network's name and its latency."""

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
    """Which count explains latency, Table 8 here and in the paper, and where the work of Figure 2's networks lies.

    Args:
        environment: of the timing, as `Environment.to_dict` gives it; None where nothing was timed.
    """
    tables = [_explanations(study, environment or {})] if study.explanations else []
    tables += [_complexity(), *_speeds(study), _agreements(study), _parts(study)]
    if study.latencies:
        tables.append(_networks(study))
    return Section("Whole networks: which count explains latency?", tuple(_paragraphs(study)), tuple(tables))


def records(study: Study) -> Table:
    """A row a network of the zoo with every figure as a number: for programs."""
    rows = []
    for name, latency in study.latencies.items():
        low, high = latency.ci95_s or (None, None)
        rows.append(
            {
                "network": name,
                "family": family(name),
                **{metric: getattr(counted(name), metric) for metric in METRICS},
                ROOFLINE: study.metric(ROOFLINE, name) if study.peaks else None,
                "latency_s": latency.median_s,
                "latency_low_s": low,
                "latency_high_s": high,
            }
        )
    return from_records(RECORDS, rows)


def _paragraphs(study: Study) -> Iterable[str]:
    yield (
        "ShuffleNet V2 starts from the observation that mult-adds alone do not tell speed. Here the zoo's networks are "
        "timed, and each count is asked how well it knows their order (Spearman's rank correlation) and their latency: "
        "one constant times the count, the constant being the median of latency / count over the networks of all other "
        "families, a family being a file of the zoo. The median error is that of |predicted / measured - 1|; intervals "
        "are bootstraps over networks."
    )
    if not study.explanations:
        yield "Nothing was timed."
        return
    least, most = min(study.reference_s), max(study.reference_s)
    yield (
        f"Networks run beside {REFERENCE} in {len(study.reference_s)} panels, and their latency is the ratio to it "
        f"times its median, which was {units.seconds(least)} to {units.seconds(most)}."
    )
    yield answer(study)


def answer(study: Study) -> str:
    """What mult-adds know, and what knows more, of networks that were timed."""
    found = study.explanations
    [plain] = [each for each in found if each.metric == "mult_adds"]
    told = f"Over {plain.networks} networks, mult-adds rank latency with rho {units.text(plain.rho, 'ratio')}"
    if plain.error is None:
        return f"{told}."
    told += f" and miss it by {units.percent(plain.error)} in the median"
    better = [each for each in found if each.error is not None and each.error < plain.error]
    if not better:
        return f"{told}; no other count misses by less."
    best = min(better, key=lambda each: each.error or 0.0)
    rho = units.text(best.rho, "ratio")
    least = units.percent(best.error or 0.0)
    return f"{told}; the smallest error is {least}, by {HEADINGS[best.metric]} (rho {rho})."


def _explanations(study: Study, environment: Mapping[str, Any]) -> Table:
    title = f"What explains the latency of {study.explanations[0].networks} networks"
    return table_of(EXPLANATIONS, study.explanations, title, [*_whose_roofline(study, environment)])


def _whose_roofline(study: Study, environment: Mapping[str, Any]) -> Iterable[str]:
    """Of which peaks the roofline is, and in what they are not those of the timing."""
    if study.peaks is None:
        yield "A roofline needs the device's measured peaks, which were not given."
        return
    yield f"Roofline of {study.peaks.title}."
    yield from (f"Not of one run: {each}." for each in study.peaks.differences(environment))


def _complexity() -> Table:
    notes = (
        f"{SOURCE}: {len(TABLE_8)} networks of its {ROWS_PRINTED} rows are in the zoo.",
        "MobileNet v2 is the authors' re-implementation; how it rounds channels at widths below 1.0 is not printed.",
    )
    return table_of(COMPLEXITY, TABLE_8, "Table 8: complexity as published, and as counted", notes)


def _speeds(study: Study) -> Iterable[Table]:
    """Images a second here and in the paper; nothing where Table 8 was not timed."""
    panels = [each.panel for each in study.of(TABLE8)]
    if not panels:
        return
    here = [Column(panel.conditions, f"Here, {panel.conditions}", "per_second") for panel in panels]
    columns = (
        Column("network", "Network"),
        *here,
        Column("arm", "Paper ARM, batch 1", "per_second"),
        Column("gpu", "Paper GPU, batch 8", "per_second"),
    )
    rows = [
        {
            "network": row.name,
            **{
                panel.conditions: panel.batch / series.median_s if series.median_s else None
                for panel, series in study.table8_series(row.name)
            },
            "arm": row.arm,
            "gpu": 8 * row.gpu,
        }
        for row in TABLE_8
    ]
    yield from_records(columns, rows, "Table 8: images a second", [*_said(study)])


def _said(study: Study) -> Iterable[str]:
    """Doubts about the panels of Table 8 that all of its networks share."""
    for each in study.of(TABLE8):
        told = [{str(doubt.get("seen")) for doubt in series.doubts} for series in each.series if not series.error]
        yield from (f"{each.panel}: {text}" for text in sorted(set.intersection(*told) if told else ()))


def _agreements(study: Study) -> Table:
    title = f"Table 8: orders beside those of the paper's speeds, {len(TABLE_8)} networks"
    return table_of(AGREEMENTS, study.agreements, title)


def _parts(study: Study) -> Table:
    is_timed = any(part.time is not None for part in study.parts)
    notes = () if is_timed else ("The share of time needs a profile of each operator, which was not given.",)
    shown = [column for column in PARTS if column.name != "time" or is_timed]
    return table_of(shown, study.parts, "Figure 2: where the work lies, by kind of operator", notes)


def _networks(study: Study) -> Table:
    rows = sorted(study.latencies.items(), key=lambda row: row[1].median_s)
    return table_of(NETWORKS, rows, "The networks, from fast to slow")
