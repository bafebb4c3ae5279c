"""A network or module of the zoo with a part of it replaced: what a claim's perturbation is made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from netcost.claims.evidence import counted
from netcost.claims.windows import windows
from netcost.counting.analysis import Analysis, analyze
from netcost.targets.naming import Target, resolve
from netcost.targets.weightless import weightless
from netcost.tracing import input_specs

Changes = Mapping[str, Any]
"""What to put where, by path: {"pool2.stride": 1, "conv4": nn.Identity}; what can be called is, to make it."""


def altered(target: str, changes: Changes, mode: str = "eval", **arguments: Any) -> Analysis:
    """A target of the zoo, changed and counted.

    Args:
        target: "googlenet", "module:inception_v1".
        changes: what to put where.
        mode: "eval" or "train".
        arguments: of its builder.
    """
    found = resolve(target, arguments)
    return analyze(_changed(found, changes), found.required_inputs(), mode=mode)


def part(target: str, path: str, changes: Changes, **arguments: Any) -> Analysis:
    """One part of a target of the zoo, changed and counted on its own, on the map that it sees there unchanged.

    Args:
        path: of the part: "inception_4a".
        changes: what to put where, by paths from the target.
    """
    first = next(each for each in windows(counted(target, **arguments)) if each.is_in(path))
    network = _changed(resolve(target, arguments), changes)
    shape = (1, first.channels_in, *first.grid_in)
    return analyze(network.get_submodule(path), input_specs(shape))


def _changed(target: Target, changes: Changes) -> nn.Module:
    """The module without weights, and with the changes."""
    network = target.build_weightless()
    with weightless():
        for path, change in changes.items():
            owner, _, name = path.rpartition(".")
            assert hasattr(network.get_submodule(owner), name), f"{target.name!r} has no {path!r}"
            setattr(network.get_submodule(owner), name, change() if callable(change) else change)
    return network
