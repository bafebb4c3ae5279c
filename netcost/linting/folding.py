"""NC6: layers that a runtime cannot fold, or that the network could fold itself."""

from __future__ import annotations

from collections.abc import Iterator

from netcost.graph.cost import Kind
from netcost.graph.fusion import FOLDING
from netcost.graph.graph import uses_running_statistics
from netcost.linting.finding import Finding, Keeps, Network, Saving, rule
from netcost.linting.widths import layer_of

LINEAR = "aten.linear"


@rule("NC601")
def unfolded_norms(network: Network) -> Iterator[Finding]:
    """Find batch norms that follow no convolution or linear layer of their own, so that they are run."""
    for index, op in enumerate(network.ops):
        source = op.sources[0] if op.sources else -1
        if not uses_running_statistics(op):
            continue
        if not network.is_kind(source, *FOLDING) or network.only_reader(source) != index:
            behind = "the network's input" if source < 0 else network.count.kinds[source]
            yield network.finding(
                index,
                f"batch norm behind {behind}"
                + (", which others read too" if network.is_kind(source, *FOLDING) else ""),
                "put it directly behind a convolution, where inference folds it into the weights",
                Saving.of(network.count.costs[index]),
                Keeps.CAPACITY,
            )


@rule("NC602")
def biases_before_norm(network: Network) -> Iterator[Finding]:
    """Find biases that the batch norm behind them takes away."""
    for index, op in network.of_kind(*FOLDING):
        bias = op.operand("bias")
        if bias is None or (reader := _norm_of(network, index)) is None:
            continue
        name = op.parameters[op.roles.index("bias")]
        users = [other for other, layer in enumerate(network.ops) if name is not None and name in layer.parameters]
        if users and (users[0] != index or any(_norm_of(network, user) is None for user in users)):
            continue  # a shared layer is found once, if all its calls are normed
        yield network.finding(
            index,
            f"a bias of {bias.numel} before batch norm",
            "pass bias=False: the norm subtracts it and has a bias of its own",
            Saving(bias.elements, bias.size_bytes, params=bias.numel),
            Keeps.FUNCTION,
            (index, reader),
        )


def _norm_of(network: Network, index: int) -> int | None:
    """Return the batch norm that alone reads a layer, channel by channel; None where there is none."""
    reader, bias = network.only_reader(index), network.ops[index].operand("bias")
    if reader is None or bias is None or "batch_norm" not in network.ops[reader].name:
        return None
    read = network.ops[reader].inputs[0]
    is_whole = read.numel == network.ops[index].outputs[0].numel
    return reader if is_whole and len(read.shape) > 1 and read.shape[1] == bias.numel else None


@rule("NC603")
def linear_in_a_row(network: Network) -> Iterator[Finding]:
    """Find two linear layers or 1x1 convolutions without anything between, where their product does less work."""
    merged: set[str | None] = set()
    for index, op in network.of_kind(Kind.POINTWISE_CONVOLUTION, Kind.LINEAR):
        first, reader = layer_of(network, index), network.only_reader(index)
        second = None if reader is None else layer_of(network, reader)
        if first is None or second is None or first.width_out != second.width_in or first.places != second.places:
            continue
        if op.name != network.ops[second.index].name or not network.is_same(network.ops[second.index], 0):
            continue
        if op.name == LINEAR and network.ops[second.index].inputs[0].shape[-1] != op.outputs[0].shape[-1]:
            continue
        one = first.places * first.width_in * second.width_out
        two = first.places * first.width_out * (first.width_in + second.width_out)
        if one <= two:
            between = 2 * network.ops[index].outputs[0].elements
            weights = first.width_out * (first.width_in + second.width_out) - first.width_in * second.width_out
            saving = Saving.of_elements(between + weights, network.ops[index].inputs[0], 1, two - one)
            yield network.finding(
                index,
                f"{first.width_in} to {first.width_out} to {second.width_out} channels, and nothing between",
                "multiply their weights into one layer",
                saving._replace(params=0 if op.parameters[1] in merged else weights),
                Keeps.FUNCTION,
                (index, second.index),
            )
            merged.add(op.parameters[1])


@rule("NC604")
def weights_made_anew(network: Network) -> Iterator[Finding]:
    """Find work on parameters alone, such as weight standardisation, that each pass repeats."""
    if network.count.graph.mode == "train":
        return  # they change from pass to pass
    on_weights: list[bool] = []
    for index, op in enumerate(network.ops):
        own = any(op.parameters) or any(source >= 0 and on_weights[source] for source in op.sources)
        on_weights.append(own and not network.depends[index])
    seen: dict[str, list[int]] = {}
    for index, is_constant in enumerate(on_weights):
        if is_constant and network.count.costs[index].kernels:
            seen.setdefault(network.ops[index].module, []).append(index)
    for indices in seen.values():
        yield network.finding(
            indices[0],
            f"{len(indices)} operators on weights alone, in each pass",
            "compute the weights once after training, and store them",
            Saving.of(network.cost(indices))._replace(params=0),
            Keeps.FUNCTION,
        )
