"""A report as the body of a comment on a pull request, in GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from netcost.checking.regression import CheckReport, TargetResult, modules_table
from netcost.text.formats import markdown
from netcost.text.tables import Table

MARKER = "<!-- netcost check -->"
"""Stands first, unseen: by it the comment is found again, and updated in its place."""
LONGEST = 60_000
"""Characters; GitHub takes 65,536 in a comment."""


def render(report: CheckReport) -> str:
    """The outcome, a table of what changed a target, and the modules that did it behind a fold."""
    mark = "❌" if report.fails else "✅"
    opening = f"{MARKER}\n### {mark} netcost check: {_inert(markdown.escaped(report.headline))}\n"
    notes = [_words(Table((), (), notes=report.notes))] if report.notes else []
    return "\n".join([opening, *notes, *_within(LONGEST, list(_sections(report)))])


def _sections(report: CheckReport) -> Iterator[str]:
    """A part a target: its figures, and its modules folded."""
    for result in report.notable:
        modules = [_folded(result)] if result.modules else []
        yield "\n".join([_words(report.figures_table(result)), *modules])


def _folded(result: TargetResult) -> str:
    """The modules that changed, shown when asked for."""
    count = len(result.modules)
    summary = f"{count} {'module' if count == 1 else 'modules'} changed"
    table = modules_table(result)
    body = _words(Table(table.columns, table.rows, notes=table.notes))
    return f"<details><summary>{summary}</summary>\n\n{body}\n</details>\n"


def _words(table: Table) -> str:
    return _inert(markdown.render(table))


def _inert(text: str) -> str:
    """The text with no one mentioned by it: a name in a user's code may look like a user's name."""
    return text.replace("@", "@<!-- -->")


def _within(limit: int, sections: list[str]) -> list[str]:
    """As many of the parts as a comment holds, and how many there are besides."""
    kept: list[str] = []
    for section in sections:
        if sum(map(len, kept)) + len(section) > limit:
            return [*kept, f"… and {len(sections) - len(kept)} more targets: see the log of the job.\n"]
        kept.append(section)
    return kept
