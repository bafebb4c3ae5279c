"""One report, and the files that it is handed out as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netcost.reports import html
from netcost.reports.charts.figure import Figure, svg
from netcost.reports.markdown import page_as_markdown
from netcost.reports.pages import Page

PICTURES = "pictures"
"""The folder of still pictures, within that of the reports."""


@dataclass(frozen=True, slots=True)
class Report:
    """One result, to be written in every format.

    Args:
        name: of its files, without what follows the dot.
        page: what people see of it.
        files: what is for programs, and what is not made from the page, by what follows the name ("json", "csv").
        shown: names of the page's charts that the index shows.
        is_measured: whether it was made from a saved measurement, NAME.json.
    """

    name: str
    page: Page
    files: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    is_measured: bool = False

    @property
    def endings(self) -> set[str]:
        """What follows the name of each of its files, but for the pictures."""
        return {"md", "html", *self.files, *(["json"] if self.is_measured else [])}

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The page's charts."""
        return tuple(figure for section in self.page.sections for figure in section.figures)

    def picture(self, figure: Figure) -> str:
        """The path of a chart's still picture, within the folder of the reports."""
        return f"{PICTURES}/{self.name}-{figure.name}.svg"

    def written(self) -> dict[str, str]:
        """The text of each file, by its path within the folder of the reports: page, Markdown, pictures, data."""
        pictures = {figure.name: self.picture(figure) for figure in self.figures}
        texts = {"md": page_as_markdown(self.page, pictures), "html": html.render(self.page), **self.files}
        drawn = {self.picture(figure): svg(figure) for figure in self.figures}
        return {**{f"{self.name}.{ending}": text for ending, text in texts.items()}, **drawn}
