"""Linting: a network -> findings: where it costs more than it must, at which line, and what to do instead.

`finding` holds what a rule is given and what it makes. Each rule is one function with a code, in the file of its
family: `widths` (NC1), `groups` (NC2), `fragments` (NC3), `elementwise` (NC4), `movement` (NC5), `folding` (NC6),
`attention` (NC7), `lanes` (NC8, told only where it was timed) and `dead` (NC9). `running` counts the network and runs
the rules; `suppressions` reads the comments that switch one off at a line; `report` merges findings of one line and
writes them, `comparing` sets two networks side by side, `estimating` tells seconds
by a device's rates, `measuring` and `applying` time changes.

    >>> from torch import nn
    >>> from netcost.linting import lint
    >>> network = nn.Sequential(nn.Conv2d(8, 64, 1), nn.ReLU(), nn.ReLU(), nn.Conv2d(64, 64, 3))
    >>> [(finding.code, finding.module) for finding in lint(network, (1, 8, 32, 32), select=["NC402"]).findings]
    [('NC402', '2')]

This belongs here: another finding, which is one function with its code, its entry in `explanations.toml`, and a network
that has it and one that has it not in the tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

if TYPE_CHECKING:
    from netcost.linting.finding import Finding, Keeps, Saving
    from netcost.linting.report import LintReport
    from netcost.linting.running import lint

# Resolved on first use: the command line names the formats without torch.
_PLACES = {
    "Finding": "finding",
    "Keeps": "finding",
    "LintReport": "report",
    "Saving": "finding",
    "lint": "running",
}

__all__ = ["Finding", "Keeps", "LintReport", "Saving", "lint"]

__getattr__ = resolver(__name__, _PLACES)
