"""NC9: weights and work that the result does not need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import prod

from netcost.graph.cost import Kind
from netcost.graph.graph import Op
from netcost.linting.finding import Finding, Keeps, Network, Saving, rule

LARGE_SHARE = 0.5
"""Share of all parameters from which on one layer holds most of them."""

LEAST_LAYERS = 4
"""Layers from which on it says something that one holds most parameters."""

BY_CHANCE = ("rand", "dropout", "bernoulli", "normal", "uniform", "multinomial", "exponential", "poisson")


@rule("NC901")
def unused_parameters(network: Network) -> Iterator[Finding]:
    """Find modules none of whose parameters the pass uses."""
    graph = network.count.graph
    used = {name for op in network.ops for name in op.parameters if name}
    inside: dict[str, set[str]] = defaultdict(set)
    for name in graph.parameters:
        path = name.rpartition(".")[0]
        while True:
            inside[path].add(name)
            if not path:
                break
            path = path.rpartition(".")[0]
    found: list[str] = []
    for path, names in inside.items():
        if names.isdisjoint(used) and (not path or not inside[path.rpartition(".")[0]].isdisjoint(used)):
            found.append(path)
    for path in found:
        specs = [graph.parameters[name] for name in inside[path]]
        size = sum(spec.numel for spec in specs)
        yield Finding(
            "",
            path,
            f"{size:,} parameters that the pass does not use",
            "leave the module out where the network is deployed",
            Saving(params=size),
            Keeps.FUNCTION,
            None,
            network.made.get(path),
        )


@rule("NC902")
def unread_results(network: Network) -> Iterator[Finding]:
    """Find operators whose results nobody reads, with all that only they need."""
    needed: set[int] = set()
    waiting = [source for source in network.count.graph.output_sources if source >= 0]
    waiting += [index for index in range(len(network.ops)) if _is_kept(network, index)]
    while waiting:
        index = waiting.pop()
        if index not in needed:
            needed.add(index)
            waiting += [source for source in network.ops[index].sources if source >= 0]
    dead = [index for index, cost in enumerate(network.count.costs) if cost.kernels and index not in needed]
    by_module: dict[str, list[int]] = defaultdict(list)
    for index in dead:
        by_module[network.ops[index].module].append(index)
    for indices in by_module.values():
        yield network.finding(
            indices[-1],
            f"{len(indices)} operators whose results nobody reads",
            "leave them out",
            Saving.of(network.cost(indices)),
            Keeps.FUNCTION,
        )


def _is_kept(network: Network, index: int) -> bool:
    """True for an operator that writes outside the pass, or a single value, which Python itself may have read."""
    results = network.ops[index].outputs
    return network.writes_outside(index) or all(tensor.numel == 1 for tensor in results)


def by_chance(op: Op) -> bool:
    """True for an operator whose results differ from pass to pass."""
    return any(word in op.name for word in BY_CHANCE)


@rule("NC903")
def computed_twice(network: Network) -> Iterator[Finding]:
    """Find operators that do again what another has done, on the same operands."""
    values: dict[tuple[object, ...], int] = {}
    number: list[object] = []
    again: dict[str, list[int]] = defaultdict(list)
    for index, op in enumerate(network.ops):
        key = _value(network, index, number)
        first = index if key is None else values.setdefault(key, index)
        number.append(first)
        if first != index and network.count.costs[index].kernels:
            again[op.module].append(index)
    for indices in again.values():
        yield network.finding(
            indices[0],
            f"{len(indices)} operators that compute a second time what there is already",
            "keep the first result",
            Saving.of(network.cost(indices)),
            Keeps.FUNCTION,
        )


def _value(network: Network, index: int, number: list[object]) -> tuple[object, ...] | None:
    """Return what an operator computes; None where that is not known, or hangs on chance."""
    op = network.ops[index]
    if op.is_view or network.in_place(index) or by_chance(op) or not op.inputs:
        return None
    operands: list[object] = []
    for position, (source, parameter) in enumerate(zip(op.sources, op.parameters, strict=True)):
        if parameter is not None:
            operands.append(parameter)
        elif network.is_same(op, position):
            operands.append(source if source < 0 else number[source])
        else:
            return None
    return (op.name, *operands, op.inputs, str(sorted(op.arguments.items(), key=str)))


@rule("NC904")
def largest_layer(network: Network) -> Iterator[Finding]:
    """Find the layer that holds more than half of all parameters."""
    parameters = network.count.graph.parameters
    everything = sum(spec.numel for spec in parameters.values())
    layers = {  # a layer that is called several times counts once
        frozenset(op.parameters) - {None}: index
        for index, op in reversed([*network.of_kind(Kind.LINEAR, Kind.CONVOLUTION, Kind.POINTWISE_CONVOLUTION)])
    }
    for names, index in layers.items():
        size = sum([parameters[name].numel for name in names if name in parameters])
        if len(layers) >= LEAST_LAYERS and size > LARGE_SHARE * everything:
            before = network.ops[index].sources[0]
            is_flat = before >= 0 and prod(network.ops[before].outputs[0].shape[2:]) > 1
            yield network.finding(
                index,
                f"{size / everything:.0%} of all parameters are in one layer",
                "pool before it, or make it narrower" if is_flat else "make it narrower",
                Saving(params=size),
                Keeps.NEITHER,
            )
