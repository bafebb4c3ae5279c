"""Applies every change that keeps the function to a whole network, and times it beside the original.

The network is exported, its operators are matched with those that were counted, and the nodes of each finding are
replaced. Both sides run from their exported graphs, so that nothing else differs between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import torch
from torch import Tensor, fx, nn

from netcost.linting.finding import Finding, Keeps
from netcost.linting.measuring import TimeAll
from netcost.linting.report import LintReport
from netcost.linting.rewrites import TOLERANCE
from netcost.text import units
from netcost.text.errors import ForwardError, MeasurementError
from netcost.text.registry import Registry
from netcost.timing import Ratio, Timing, measure_all
from netcost.timing.measuring import random_call
from netcost.timing.ratios import ratio_of_rounds
from netcost.tracing import described

ATEN = torch.ops.aten

Apply = Callable[[fx.GraphModule, list[fx.Node]], bool]
APPLIED: Registry[Apply] = Registry("code of an applied change")


def applies(code: str) -> Callable[[Apply], Apply]:
    """Register the decorated function, which replaces the nodes of a finding; it returns False where it cannot."""

    def register(function: Apply) -> Apply:
        return APPLIED.add(code, function)

    return register


@dataclass(frozen=True, slots=True)
class Applied:
    """A network with all changes that keep its function, beside itself.

    Args:
        codes: of the changes, with the number of each.
        ratio: changed / as it is; None without a change.
    """

    codes: dict[str, int]
    ratio: Ratio | None

    @property
    def sentence(self) -> str:
        """The gain in words."""
        if not self.codes:
            return "No finding has a change that keeps the outputs and can be applied to the whole network."
        listed = ", ".join(f"{code} ({times})" for code, times in self.codes.items())
        number = sum(self.codes.values())
        changes = "1 change" if number == 1 else f"{number} changes"
        if self.ratio is None:
            return f"With {changes} ({listed}) the outputs are the same; no time could be compared."
        ends = self.ratio.ci95
        interval = "" if ends is None else f" ({units.times(1 / ends[1])} to {units.times(1 / ends[0])})"
        speed = units.times(1 / self.ratio.median)
        return f"With {changes} ({listed}) the network is {speed}{interval} as fast here: {self.ratio.verdict}."


def applied(
    report: LintReport, model: nn.Module, inputs: Any, timing: Timing, *, time_all: TimeAll = measure_all
) -> Applied:
    """Apply what keeps the function to a copy of the network, check its outputs, and time both.

    Args:
        model: the network of the report, with values in its weights.
        inputs: as for `analyze`.

    Raises:
        ForwardError: torch.export cannot export the network, or its outputs have changed.
    """
    call = random_call(inputs, torch.float32, model)
    args, kwargs = call
    try:
        exported = torch.export.export(deepcopy(model).eval(), tuple(args), dict(kwargs)).module()
    except Exception as error:
        raise ForwardError(f"torch.export cannot export {report.model}: {described(error)}") from error
    assert isinstance(exported, fx.GraphModule)
    changed = deepcopy(exported)
    nodes = matched(report, changed)
    codes: Counter[str] = Counter()
    for finding in report.found:
        if _apply(changed, finding, nodes):
            codes[finding.code] += 1
    changed.graph.eliminate_dead_code()
    changed.recompile()
    _require_equal(report.model, exported, changed, args, kwargs)
    if not codes:
        return Applied({}, None)
    asked = timing.or_else(10.0, 0.02)
    before, after = time_all([("as it is", exported, call), ("changed", changed, call)], asked)
    if isinstance(before, MeasurementError) or isinstance(after, MeasurementError):
        return Applied(dict(codes), None)
    return Applied(dict(codes), ratio_of_rounds("as it is", before, after))


def matched(report: LintReport, exported: fx.GraphModule) -> dict[int, fx.Node]:
    """Return the node of each counted operator, where both sequences of operators have it."""
    nodes = [node for node in exported.graph.nodes if node.op == "call_function"]
    theirs = [".".join(str(node.target).split(".")[:2]) for node in nodes]
    ours = [op.name for op in report.network.ops]
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return {one + step: nodes[other + step] for one, other, size in blocks for step in range(size)}


def _apply(changed: fx.GraphModule, finding: Finding, nodes: dict[int, fx.Node]) -> bool:
    apply = APPLIED.find(finding.code)
    if apply is None or finding.keeps is not Keeps.FUNCTION or not all(index in nodes for index in finding.ops):
        return False
    own = [nodes[index] for index in finding.ops]
    return not any(node._erased for node in own) and apply(changed, own)


def _require_equal(name: str, one: nn.Module, other: nn.Module, args: Any, kwargs: Any) -> None:
    with torch.no_grad():
        pairs = zip(_leaves(one(*args, **kwargs)), _leaves(other(*args, **kwargs)), strict=True)
        difference = max(float((a - b).abs().max() / a.abs().max().clamp(min=1e-12)) for a, b in pairs)
    if difference > 10 * TOLERANCE:
        raise ForwardError(f"{name}: its outputs change by {difference:.1e} with the changes; please report this")


def _leaves(value: Any) -> list[Tensor]:
    leaves = torch.utils._pytree.tree_leaves(value)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _weight(changed: fx.GraphModule, node: Any) -> Tensor | None:
    """Return the values of a node that is a weight; None for another."""
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    value: Any = changed
    for part in str(node.target).split("."):
        value = getattr(value, part)
    return value if isinstance(value, Tensor) else None


def _new_weight(changed: fx.GraphModule, name: str, value: Tensor) -> fx.Node:
    name = f"netcost_{name}"
    changed.register_parameter(name, nn.Parameter(value.detach().clone(), requires_grad=False))
    return changed.graph.get_attr(name)


@applies("NC303")
def join_layers(changed: fx.GraphModule, nodes: list[fx.Node]) -> bool:
    """Join layers on one input in one, and split its output."""
    first = nodes[0]
    weights = [_weight(changed, node.args[1]) for node in nodes]
    biases = [_weight(changed, node.args[2]) if len(node.args) > 2 else None for node in nodes]
    sizes = [weight.shape[0] for weight in weights if weight is not None]
    one_input = all(node.args[0] is first.args[0] and node.args[3:] == first.args[3:] for node in nodes)
    has_bias = biases[0] is not None
    if len(sizes) < len(nodes) or not one_input or any((bias is not None) is not has_bias for bias in biases):
        return False
    axis = -1 if first.target is ATEN.linear.default else 1
    with changed.graph.inserting_before(first):
        weight = _new_weight(changed, f"{first.name}_weight", torch.cat([one for one in weights if one is not None]))
        bias = None
        if has_bias:
            bias = _new_weight(changed, f"{first.name}_bias", torch.cat([one for one in biases if one is not None]))
        joined = changed.graph.call_function(first.target, (first.args[0], weight, bias, *first.args[3:]))  # type: ignore[arg-type]
        parts = changed.graph.call_function(ATEN.split_with_sizes.default, (joined, sizes, axis))
        for number, node in enumerate(nodes):
            part = changed.graph.call_function(_item, (parts, number))
            node.replace_all_uses_with(part)
    for node in nodes:
        changed.graph.erase_node(node)
    return True


def _item(parts: tuple[Tensor, ...], number: int) -> Tensor:
    return parts[number]


@applies("NC402")
def apply_once(changed: fx.GraphModule, nodes: list[fx.Node]) -> bool:
    """Leave out the second of two equal activations."""
    [node] = nodes
    node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]  # its input is a node
    changed.graph.erase_node(node)
    return True


@applies("NC501")
def stack_parts(changed: fx.GraphModule, nodes: list[fx.Node]) -> bool:
    """Join and shuffle parts in one copy."""
    joined, last = nodes
    shape = joined.meta["val"].shape
    while last.meta["val"].shape != shape:  # a copy of five dimensions, of which a view follows
        if len(last.users) != 1:
            return False
        last = next(iter(last.users))
    with changed.graph.inserting_before(last):
        stacked = changed.graph.call_function(ATEN.stack.default, (joined.args[0], 2))
        flat = changed.graph.call_function(ATEN.flatten.using_ints, (stacked, 1, 2))
    last.replace_all_uses_with(flat)
    changed.graph.erase_node(last)
    return True


@applies("NC504")
def pad_within(changed: fx.GraphModule, nodes: list[fx.Node]) -> bool:
    """Let the convolution pad."""
    pad, layer = nodes
    padding = list(reversed(list(pad.args[1])[::2]))  # type: ignore[arg-type]  # a list of numbers
    given: list[Any] = [*layer.args, *[None, [1], [0], [1], 1][len(layer.args) - 2 :]]
    if layer.args[0] is not pad or any(given[4]) or len(pad.users) > 1:
        return False
    given[0], given[4] = pad.args[0], padding
    layer.args = tuple(given)
    changed.graph.erase_node(pad)
    return True


@applies("NC701")
def fuse_attention(changed: fx.GraphModule, nodes: list[fx.Node]) -> bool:
    """Call the operator of attention, with the scale and the bias that stand between the product and the softmax."""
    first, softmax, last = nodes
    node, scale, bias = first, 1.0, None
    while node is not softmax:
        if len(node.users) != 1:
            return False
        node = next(iter(node.users))
        other = node.args[1] if len(node.args) > 1 else None
        if node.target in (ATEN.mul.Tensor, ATEN.div.Tensor) and isinstance(other, int | float) and bias is None:
            scale = scale * other if node.target is ATEN.mul.Tensor else scale / other
        elif node.target is ATEN.add.Tensor and isinstance(other, fx.Node) and bias is None:
            bias = other
        elif node is not softmax:
            return False
    if last.args[0] is not softmax or len(softmax.users) > 1 or softmax.args[1] not in (-1, 3):
        return False
    with changed.graph.inserting_before(last):
        keys = changed.graph.call_function(ATEN.transpose.int, (first.args[1], -2, -1))
        fused = changed.graph.call_function(
            ATEN.scaled_dot_product_attention.default,
            (first.args[0], keys, last.args[1], bias, 0.0, False),
            {"scale": scale},
        )
    last.replace_all_uses_with(fused)
    changed.graph.erase_node(last)
    return True
