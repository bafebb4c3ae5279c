"""The page of the guidelines: the verdicts, charts beside the paper's figures, and every table of the report."""

from __future__ import annotations

from dataclasses import replace

from netcost.guidelines.findings import Findings
from netcost.guidelines.judging import GuidelineVerdict
from netcost.guidelines.networks import overview as networks_overview
from netcost.guidelines.overview import ShownFindings, sections
from netcost.guidelines.records import tables
from netcost.reports.charts import guidelines as charts
from netcost.reports.charts import networks as networks_charts
from netcost.reports.pages.page import Page, PageSection, illustrated, page_of
from netcost.text import units


def guidelines_page(findings: Findings, made_by: str = "") -> Page:
    """Return the report of the guidelines with charts of the slow-downs, and of networks against each metric."""
    first, *parts = sections(findings)
    panels = {guideline.name: charts.slow_downs(findings, guideline) for guideline in findings.guidelines}
    main = {name: charts.main(figures) for name, figures in panels.items()}
    shown = [illustrated(replace(first, title="What holds where", level=2), tuple(main.values()))]
    for guideline, part in zip(findings.guidelines, parts, strict=False):
        few = 1 + len(guideline.orders)  # the variants, and a table of verdicts per order
        others = tuple(figure for figure in panels[guideline.name] if figure is not main[guideline.name])
        shown.append(illustrated(replace(part, tables=part.tables[:few])))
        if others or part.tables[few:]:
            title = f"{guideline.name.upper()}: other widths, and setting by setting"
            shown.append(PageSection(title, (), part.tables[few:], 3, others, folded=True))
    study = findings.networks
    if study is not None:
        both = (*networks_charts.predicted(study), *networks_charts.by_kind(study))
        networks = illustrated(parts[-1], both)
        shown = [*shown, networks] if findings.guidelines else [networks, *shown]
    every = tuple(table for table in tables(findings) if table.rows)
    details = [PageSection("Every figure", tables=every, folded=True)] if every else []
    return Page(first.title, _lead(findings), (*shown, *details), made_by, _made_with(findings))


page_of.register(ShownFindings, lambda shown: guidelines_page(shown.findings))


def _lead(findings: Findings) -> str:
    """Say how often each guideline holds, and which metric explains the latency of whole networks."""
    counts = []
    for guideline in findings.guidelines:
        verdicts = [
            judged.verdict for order in guideline.orders for judged in findings.verdicts(guideline, order.label)
        ]
        holds = units.exact(verdicts.count(GuidelineVerdict.HOLDS))
        if verdicts:
            counts.append(f"{guideline.name.upper()} holds in {holds} of {units.exact(len(verdicts))} verdicts")
    study = findings.networks
    answer = [networks_overview.answer(study)] if study is not None and study.explanations else []
    return " ".join([*([f"{'; '.join(counts)}."] if counts else []), *answer])


def _made_with(findings: Findings) -> tuple[str, ...]:
    """Return the versions and the machine."""
    environment = findings.environment or {}
    gpu = environment.get("gpu") or {}
    where = gpu.get("name") or environment.get("cpu") or environment.get("machine")
    timed = (f"torch {environment.get('torch')}", str(where)) if environment else ()
    return f"netcost {findings.version}", *timed
