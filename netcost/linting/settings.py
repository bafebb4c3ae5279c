"""Settings of `netcost lint`: `[tool.netcost.lint]` of the nearest pyproject.toml, or of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from netcost.linting.finding import MIN_SHARE
from netcost.text.reading import Constraint
from netcost.text.settings import settings

Share = Annotated[float, Constraint("a share from 0 to 1", lambda share: 0 <= share <= 1)]


@dataclass(frozen=True, slots=True)
class LintSettings:
    """Findings to look for.

    Args:
        select: codes, or how they begin; none for all.
        ignore: codes, or how they begin.
        min_share: that a finding saves at least.
    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    min_share: float = MIN_SHARE


def lint_settings(path: str | None = None) -> LintSettings:
    """Read the settings; the defaults where there are none.

    Raises:
        RequestError: the file is missing or holds an invalid value; the message names file and key.
    """
    found = settings(path)
    if found is None or "lint" not in found[1]:
        return LintSettings()
    node = found[1]["lint"]
    node.only(("select", "ignore", "min-share"))
    lists = {name: tuple(code.read(str) for code in node.get(name, []).items()) for name in ("select", "ignore")}
    return LintSettings(**lists, min_share=node.get("min-share", MIN_SHARE).read(Share))
