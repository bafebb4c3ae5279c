"""Counting: the cost of one forward pass of a network -> Analysis.

`analyze` traces the network and applies the rules to each operator (`count`); `breakdown` adds the costs up by module,
kind, block or operator. An operator without a rule is unknown: it is listed, and the totals become lower bounds.
`crosscheck` counts the same network with fvcore and torch's FlopCounterMode and explains each difference, and
`crosscheck_step` a training step; `recount` compares the zoo with its published figures.

    >>> from torch import nn
    >>> from netcost.counting import analyze
    >>> analysis = analyze(nn.Conv2d(3, 8, kernel_size=3, bias=False), (1, 3, 34, 34))
    >>> analysis.mult_adds == 32 * 32 * 8 * 3 * 3 * 3
    True
    >>> analysis.memory_access == 3 * 34 * 34 + 8 * 3 * 3 * 3 + 8 * 32 * 32
    True

`training` adds up the phases of a training step and finds its peak memory; `fitting` says if that fits into a device.

`netcost explain memory_access` defines that metric; each other metric has its own page.

This belongs here: a metric of the whole network (one property of `Analysis` and one entry in `text.metrics.METRICS`),
and another way to group the operators' costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcost.text.lazy import resolver

if TYPE_CHECKING:
    from netcost.counting.analysis import Analysis, analyze
    from netcost.counting.count import Count
    from netcost.counting.figures import Figures

# Resolved on first use: a baseline is read without torch.
_PLACES = {"Analysis": "analysis", "Count": "count", "Figures": "figures", "analyze": "analysis"}

__all__ = ["Analysis", "Count", "Figures", "analyze"]

__getattr__ = resolver(__name__, _PLACES)
