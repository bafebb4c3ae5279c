"""Counts a network and runs the rules on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from netcost.counting.analysis import built
from netcost.counting.count import count
from netcost.counting.operators import RECURRENT

# Each import registers the rules of a family.
from netcost.linting import (  # noqa: F401
    attention,
    dead,
    elementwise,
    folding,
    fragments,
    groups,
    lanes,
    movement,
    widths,
)
from netcost.linting.finding import MIN_SHARE, RULES, Finding, Network
from netcost.linting.report import LintReport
from netcost.linting.suppressions import UNUSED, idle, suppressions, without
from netcost.profiling.roofline import Peaks
from netcost.targets.naming import Target
from netcost.text.errors import RequestError
from netcost.text.registry import suggestion
from netcost.tracing import paused_collection, trace_call
from netcost.tracing.source_lines import USER, ConstructionLines, owner


@paused_collection()
def lint(
    model: nn.Module | Callable[..., Any] | str | Target,
    inputs: Any = None,
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    min_share: float = MIN_SHARE,
    peaks: Peaks | None = None,
    mode: str = "eval",
    concrete: bool = False,
) -> LintReport:
    """Find what costs more than it must in a network; nothing is timed.

    Args:
        model: as for `analyze`. The lines that construct layers are known of a target alone, which is built here.
        inputs: as for `analyze`.
        select: codes, or how they begin ("NC1"), of the findings to look for [default: all].
        ignore: codes, or how they begin, of findings to leave out.
        min_share: of the memory access, of the kernels or of the parameters that a finding saves at least.
        peaks: of the device, for the time that a change saves and for small operators (NC302).
        mode: "eval" or "train".
        concrete: run on real tensors, for a forward pass that looks at values.

    Raises:
        RequestError: a code is unknown, the peaks have no launch times; and as for `analyze`.
    """
    wanted = codes(select, ignore)
    if peaks is not None and not peaks.launch_s:
        raise RequestError(
            f"the data sheet of {peaks.title} has no time of a launch, which lint estimates by; give a file of "
            "`netcost device --format json -o FILE` instead, or leave --peaks out"
        )
    network, name = counted(model, inputs, mode=mode, concrete=concrete, peaks=peaks)
    findings = all_findings(network)
    lines = [line for line in (*network.count.graph.lines, *network.made.values()) if line is not None]
    own = sorted({line.file for line in lines if owner(line.file) == USER})
    comments, places = suppressions(own), {*lines}
    stay = without([finding for finding in findings if finding.code in wanted], comments)
    hidden = sum(finding.code in wanted for finding in findings) - len(stay)
    if UNUSED in wanted:
        stay += idle([comment for comment in comments if comment.line in places], findings)
    return LintReport(name, network, tuple(stay), min_share, hidden)


def all_findings(network: Network) -> list[Finding]:
    """Run the rules; what is inside a recurrent layer of torch runs as one kernel of a library."""
    found = [replace(finding, code=code) for code in RULES for finding in RULES.get(code)(network)]
    modules = network.count.graph.modules
    return [finding for finding in found if not finding.ops or modules.get(finding.module) not in RECURRENT]


def counted(
    model: nn.Module | Callable[..., Any] | str | Target,
    inputs: Any = None,
    *,
    mode: str = "eval",
    concrete: bool = False,
    peaks: Peaks | None = None,
) -> tuple[Network, str]:
    """Count a network with the lines of its code; return its name too."""
    made = ConstructionLines()
    name, model, _, args, kwargs = built(model, inputs, caller="lint", concrete=concrete, while_building=made.noting())
    graph = trace_call(model, args, kwargs, mode=mode, concrete=concrete, lines=True)
    return Network(count(graph), made.of(model) if isinstance(model, nn.Module) else {}, peaks), name


def codes(select: Sequence[str], ignore: Sequence[str]) -> list[str]:
    """Return the codes to look for.

    Raises:
        RequestError: a code is unknown, or none is left.
    """
    known = [UNUSED, *RULES]
    for code in (*select, *ignore):
        if not any(rule.startswith(code.upper()) for rule in known):
            near = suggestion(code.upper(), known)
            raise RequestError(f"unknown code {code!r}; expected one like NC201, or NC2 for all that begin so{near}")
    wanted = tuple(code.upper() for code in select) or ("",)
    unwanted = tuple(code.upper() for code in ignore)
    chosen = [code for code in known if code.startswith(wanted) and not (unwanted and code.startswith(unwanted))]
    if not chosen:
        raise RequestError("no code is left: each selected one is ignored too; leave one out of --ignore")
    return chosen
