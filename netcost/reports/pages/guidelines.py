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
    overall = replace(first, title="What holds where", level=2)
    figures = [charts.slow_downs(findings, guideline) for guideline in findings.guidelines]
    if findings.networks is not None:
        study = findings.networks
        predicted, by_kind = networks_charts.predicted(study), networks_charts.by_kind(study)
        figures.append((*predicted, *networks_charts.against_latency(study), *by_kind))
    drawn = [illustrated(part, part_figures) for part, part_figures in zip(parts, figures, strict=True)]
    every = tuple(table for table in tables(findings) if table.rows)
    details = [PageSection("Every figure", tables=every, folded=True)] if every else []
    shown = (illustrated(overall), *drawn, *details)
    return Page(first.title, _lead(findings), shown, made_by, _made_with(findings), has_contents=True)


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
