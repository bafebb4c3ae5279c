"""The page of the guidelines: what holds here, drawn beside the paper, and every table of the report."""

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
    """The report of the guidelines with charts of the slow-downs, and of networks against each count."""
    first, *parts = sections(findings)
    overall = replace(first, title="What holds where", level=2)
    figures = [charts.slow_downs(findings, guideline) for guideline in findings.guidelines]
    if findings.networks is not None:
        study = findings.networks
        drawn_of = (networks_charts.predicted, networks_charts.against_latency, networks_charts.by_kind)
        figures.append(tuple(figure for draw in drawn_of for figure in draw(study)))
    drawn = [illustrated(part, each) for part, each in zip(parts, figures, strict=True)]
    every = tuple(table for table in tables(findings) if table.rows)
    details = [PageSection("Every figure", tables=every, folded=True)] if every else []
    shown = (illustrated(overall), *drawn, *details)
    return Page(first.title, _lead(findings), shown, made_by, _made_with(findings), has_contents=True)


@page_of.register
def _(shown: ShownFindings) -> Page:
    return guidelines_page(shown.findings)


def _lead(findings: Findings) -> str:
    """How often each guideline holds, and what explains the latency of whole networks."""
    told = []
    for guideline in findings.guidelines:
        found = [each for order in guideline.orders for each in findings.verdicts(guideline, order.label)]
        holds = sum(each.verdict is GuidelineVerdict.HOLDS for each in found)
        if found:
            told.append(f"{guideline.name.upper()} holds in {units.exact(holds)} of {units.exact(len(found))} verdicts")
    study = findings.networks
    answered = [networks_overview.answer(study)] if study is not None and study.explanations else []
    return " ".join([*([f"{'; '.join(told)}."] if told else []), *answered])


def _made_with(findings: Findings) -> tuple[str, ...]:
    """Versions, and where it was timed."""
    environment = findings.environment or {}
    gpu = environment.get("gpu") or {}
    where = gpu.get("name") or environment.get("cpu") or environment.get("machine")
    timed = (f"torch {environment.get('torch')}", str(where)) if environment else ()
    return f"netcost {findings.version}", *timed
