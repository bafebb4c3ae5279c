r"""Tables as LaTeX for papers: booktabs' rules, numbers flush right, units as people read them.

The text needs `\usepackage{booktabs}`, and pdfLaTeX or later.
"""

from __future__ import annotations

from collections.abc import Iterable

from netcost.text.tables import Table, printable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # at the start of a row, a bare one or a star would belong to the `\\\\` before it
    "*": "{*}",
    "≥": r"$\geq$",
    "µ": r"\textmu{}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
}
"""Signs that LaTeX would read as its own, and the signs of our units that older engines lack."""


def render(table: Table) -> str:
    """Write a `table` float: the title is its caption, the notes stand small below the rules."""
    aligned = "".join("r" if column.is_number else "l" for column in table.columns)
    rows = [[table.text(row, index) for index in range(len(table.columns))] for row in range(len(table.rows))]
    lines = [
        r"\begin{table}",
        r"  \centering",
        *([rf"  \caption{{{escaped(table.title)}}}"] if table.title else []),
        rf"  \begin{{tabular}}{{{aligned}}}",
        r"    \toprule",
        _row(column.heading for column in table.columns),
        r"    \midrule",
        *map(_row, rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        *(rf"  \par\footnotesize {escaped(note)}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def heading(title: str, level: int) -> str:
    """Write the heading of a section, after all floats so far: LaTeX holds back only a limited number of them."""
    return f"\\clearpage\n\\{'sub' * (min(level, 3) - 1)}section{{{escaped(title)}}}\n"


def _row(cells: Iterable[str]) -> str:
    return rf"    {' & '.join(map(escaped, cells))} \\"


def escaped(text: str) -> str:
    """Write `text` on one line, so that it reads literally; leading blanks indent."""
    written = printable(text)
    indent = len(written) - len(written.lstrip(" "))
    return r"\quad " * bool(indent) + "".join(_SPECIAL.get(sign, sign) for sign in written[indent:])
