"""Comments that switch findings off at a line: `# netcost: ignore[NC201]`, or `# netcost: ignore` for all."""

from __future__ import annotations

import linecache
import re
import tokenize
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from netcost.graph.graph import SourceLine
from netcost.linting.finding import Finding, Keeps, Saving

UNUSED = "NC001"
"""The code of a comment that switches nothing off."""

_COMMENT = re.compile(r"#\s*netcost:\s*ignore(?:\[([^\]]*)\])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Suppression:
    """A comment at a line, and the codes that it names; none for all."""

    line: SourceLine
    codes: tuple[str, ...]

    def covers(self, finding: Finding) -> bool:
        """True where the finding is at the line, and its code is named."""
        is_here = self.line in (finding.line, finding.made)
        return is_here and (not self.codes or any(finding.code.startswith(code) for code in self.codes))


def suppressions(files: Iterable[str]) -> list[Suppression]:
    """Read the comments of source files; what is written in a string is none."""
    found = []
    for file in files:
        for number, text in _comments(linecache.getlines(file)):
            comment = _COMMENT.search(text)
            if comment is not None:
                codes = tuple(code.strip().upper() for code in (comment[1] or "").split(",") if code.strip())
                found.append(Suppression(SourceLine(file, number), codes))
    return found


def _comments(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the comments of a file with the numbers of their lines."""
    if not any(_COMMENT.search(line) for line in lines):
        return
    try:
        for token in tokenize.generate_tokens(iter(lines).__next__):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):  # a file that has changed since it was imported
        return


def split(
    findings: Sequence[Finding], comments: Sequence[Suppression], lines: Collection[SourceLine | None]
) -> tuple[list[Finding], int, list[Finding]]:
    """Return the findings that stay, the number of those switched off, and a finding per comment that did nothing.

    Args:
        lines: where the network calls operators or makes layers; a comment elsewhere may be about another network.
    """
    stay = [finding for finding in findings if not any(comment.covers(finding) for comment in comments)]
    unused = [
        Finding(
            UNUSED,
            "",
            f"the comment switches off {', '.join(comment.codes) or 'findings'}, and there is none at this line",
            "take the comment out",
            Saving(),
            Keeps.FUNCTION,
            comment.line,
        )
        for comment in comments
        if comment.line in lines and not any(comment.covers(finding) for finding in findings)
    ]
    return stay, len(findings) - len(stay), unused
