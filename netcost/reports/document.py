"""One report, and its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netcost.reports import html
from netcost.reports.charts import Figure, svg
from netcost.reports.charts.figure import DARK
from netcost.reports.markdown import page_as_markdown
from netcost.reports.pages import Page


@dataclass(frozen=True, slots=True)
class Report:
    """One result, to be written in every format.

    Args:
        name: of its files, without the ending.
        page: for people.
        files: for programs, or not made from the page, by their endings ("json", "csv").
        shown: names of the page's charts that the index shows.
        dark: names of the charts that are also drawn for dark pages.
        is_measured: True where it was made from a saved measurement, NAME.json.
    """

    name: str
    page: Page
    files: Mapping[str, str] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    is_measured: bool = False
    dark: tuple[str, ...] = ()

    @property
    def endings(self) -> set[str]:
        """The endings of its files, without the pictures."""
        return {"md", "html", *self.files, *(["json"] if self.is_measured else [])}

    def picture(self, figure: Figure) -> str:
        """Return the path of a chart's still picture, within the folder of the reports."""
        return f"pictures/{self.name}-{figure.name}.svg"

    def written(self) -> dict[str, str]:
        """Return the text of each file, by its path within the folder of the reports."""
        figures = self.page.figures
        pictures = {figure.name: self.picture(figure) for figure in figures}
        texts = {"md": page_as_markdown(self.page, pictures), "html": html.render(self.page), **self.files}
        drawn = {self.picture(figure): svg(figure) for figure in figures}
        dark = {
            self.picture(figure).replace(".svg", "-dark.svg"): svg(figure, DARK)
            for figure in figures
            if figure.name in self.dark
        }
        return {**{f"{self.name}.{ending}": text for ending, text in texts.items()}, **drawn, **dark}
