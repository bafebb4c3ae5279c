"""Results as Python shows them: `repr` in one line, `print` as tables, a notebook as HTML or Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from netcost.text.formats import parts_of
from netcost.text.tables import Section

MOST = 3
"""Names of networks in one line."""


class Shown:
    """A result that says what it is in one line, and shows its tables where it is printed.

    A class says in `_brief` what stands in the line, and has `tables()` or `sections()`, or its own `_parts`.
    """

    __slots__ = ()

    def _brief(self) -> str:
        """Return the name and the main figures."""
        raise NotImplementedError

    def _parts(self, format_name: str) -> Sequence[Section]:
        """Return the parts that a format shows."""
        return parts_of(self, format_name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._brief()}>"

    def __str__(self) -> str:
        from netcost.text.formats import sections

        return sections.as_terminal(self._parts("table")).rstrip("\n")

    def _repr_markdown_(self) -> str:
        from netcost.text.formats import sections

        return sections.as_markdown(self._parts("markdown"))

    def _repr_html_(self) -> str:
        from netcost.text.formats import html_text

        return html_text.render(self._parts("html"))


def named(names: Sequence[str]) -> str:
    """Name the first networks and count the others: "googlenet, vgg16, nin and 4 more"."""
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
