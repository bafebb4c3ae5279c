"""Eager execution: torch calls operator after operator, as Python reaches them."""

from __future__ import annotations

from netcost.timing.runtimes.runtime import NetworkCall, Runtime, Started, flat_tensors
from netcost.timing.setting import EAGER


def _start(network: NetworkCall) -> Started:
    return Started(network.arguments.bound(network.model), flat_tensors)


RUNTIME = Runtime(EAGER, "eager", "calling", _start)
