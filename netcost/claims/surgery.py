"""Replaces parts of networks and modules of the zoo: claims are perturbed with it."""

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
"""New values by path: {"pool2.stride": 1, "conv4": nn.Identity}; a callable is called to make the value."""


def altered(target: str, changes: Changes, mode: str = "eval", **arguments: Any) -> Analysis:
    """Change a target of the zoo and count it.

    Args:
        target: "googlenet", "module:inception_v1".
        mode: "eval" or "train".
        arguments: of its builder.
    """
    resolved = resolve(target, arguments)
    return analyze(_changed(resolved, changes), resolved.required_inputs(), mode=mode)


def part(target: str, path: str, changes: Changes, **arguments: Any) -> Analysis:
    """Change a target of the zoo and count one part of it alone, on the map that it reads in the unchanged target.

    Args:
        path: of the part: "inception_4a".
        changes: by paths from the target.
    """
    first = next(window for window in windows(counted(target, **arguments)) if window.is_in(path))
    network = _changed(resolve(target, arguments), changes)
    shape = (1, first.channels_in, *first.grid_in)
    return analyze(network.get_submodule(path), input_specs(shape))


def _changed(target: Target, changes: Changes) -> nn.Module:
    """Build the module without weights, and with the changes."""
    network = target.build_weightless()
    with weightless():
        for path, change in changes.items():
            owner, _, name = path.rpartition(".")
            assert hasattr(network.get_submodule(owner), name), f"{target.name!r} has no {path!r}"
            setattr(network.get_submodule(owner), name, change() if callable(change) else change)
    return network
