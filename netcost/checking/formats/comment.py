"""Writes a report as a comment on a pull request, in GitHub's Markdown."""

from __future__ import annotations

from itertools import accumulate

from netcost.checking.regression import CheckReport, TargetResult, modules_table
from netcost.text.formats import markdown
from netcost.text.tables import Table

MARKER = "<!-- netcost check -->"
"""Invisible first line, by which CI finds the comment again to update it."""
LONGEST = 50_000
"""Characters of the targets' sections; GitHub takes 65,536 in a comment."""
LISTED = 50
"""Targets in the first table, the worst first."""


def render(report: CheckReport) -> str:
    """Write the outcome, and a table per notable target with its changed modules in a fold."""
    mark = "❌" if report.fails else "✅"
    opening = f"{MARKER}\n### {mark} netcost check: {_without_mentions(markdown.escaped(report.headline))}\n"
    notes = [_markdown(Table((), (), notes=report.notes))] if report.notes else []
    notes.append(_markdown(_shortened(report.targets_table())))
    return "\n".join([opening, *notes, *_within(LONGEST, [_section(report, result) for result in report.notable])])


def _shortened(table: Table) -> Table:
    more = len(table.rows) - LISTED
    notes = (f"and {more} more targets: see the log of the job",) if more > 0 else ()
    return Table(table.columns, table.rows[:LISTED], notes=notes)


def render_error(message: str) -> str:
    """Write that the whole check was stopped, and why."""
    words = _without_mentions(markdown.escaped(message))
    return f"{MARKER}\n### ❌ netcost check: nothing was checked\n\n**{words}**\n"


def _section(report: CheckReport, result: TargetResult) -> str:
    figures = _markdown(report.figures_table(result))
    if not result.modules:
        return figures
    count = len(result.modules)
    table = modules_table(result)
    body = _markdown(Table(table.columns, table.rows, notes=table.notes))
    summary = f"{count} {'module' if count == 1 else 'modules'} changed"
    return f"{figures}\n<details><summary>{summary}</summary>\n\n{body}\n</details>\n"


def _markdown(table: Table) -> str:
    return _without_mentions(markdown.render(table))


def _without_mentions(text: str) -> str:
    """Disarm `@`: a name in a user's code may look like a user's name."""
    return text.replace("@", "@<!-- -->")


def _within(limit: int, sections: list[str]) -> list[str]:
    """Return the sections that fit into a comment, and the number of those that do not."""
    fitting = sum(length <= limit for length in accumulate(map(len, sections)))
    more = len(sections) - fitting
    return [*sections[:fitting], *([f"… and {more} more targets: see the log of the job.\n"] if more else [])]
