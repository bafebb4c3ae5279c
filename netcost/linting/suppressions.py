"""Comments that switch findings off at a line: `# netcost: ignore[NC201]`, or `# netcost: ignore` for all."""

from __future__ import annotations

import linecache
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
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


def without(findings: Sequence[Finding], comments: Sequence[Suppression]) -> list[Finding]:
    """Return the findings that no comment switches off."""
    return [finding for finding in findings if not any(comment.covers(finding) for comment in comments)]


def idle(comments: Iterable[Suppression], findings: Sequence[Finding]) -> list[Finding]:
    """Make a finding per comment that switches nothing off, or that names a code for nothing.

    Args:
        comments: at lines where the network calls operators or makes layers; others may be about another network.
        findings: all that there are.
    """
    found = []
    for comment in comments:
        here = [finding.code for finding in findings if comment.covers(finding)]
        codes = [code for code in comment.codes if not any(used.startswith(code) for used in here)]
        if codes or not here:
            is_all = len(codes) == len(comment.codes)
            seen = f"the comment switches off {', '.join(codes) or 'findings'}, and there is none at this line"
            instead = "take the comment out" if is_all else f"take {', '.join(codes)} out of it"
            found.append(Finding(UNUSED, "", seen, instead, Saving(), Keeps.FUNCTION, comment.line))
    return found
