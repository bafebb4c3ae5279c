"""Laws of counting that hold whatever the shapes are: each test is named after the law it checks."""

from __future__ import annotations

from math import isqrt, prod
from typing import NamedTuple

import pytest
from handmade import Network, Value, call, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

import netcost
from netcost.counting.count import Count, count
from netcost.graph import fusion, liveness
from netcost.graph.cost import COST_FIELDS, Cost, total
from netcost.graph.graph import CONSTANT, Graph, Op, Storage
from netcost.graph.rules import find
from netcost.graph.structure import depth

few = settings(deadline=None, max_examples=60)


def cost_of(op: Op) -> Cost:
    rule = find(op.name)
    assert rule is not None and rule.cost is not None
    return rule.cost(op)


class Layer(NamedTuple):
    """A convolution: sizes in space, channels of one group, groups and kernel."""

    batch: int
    size_in: tuple[int, ...]
    size_out: tuple[int, ...]
    channels_in: int
    channels_out: int
    groups: int
    kernel: tuple[int, ...]

    @property
    def weight(self) -> tuple[int, ...]:
        """(O, C/g, *K)."""
        return (self.channels_out, self.channels_in // self.groups, *self.kernel)

    @property
    def weight_elements(self) -> int:
        """Of the kernel, without a bias."""
        return prod(self.weight)

    def forward(self) -> Op:
        """(N, C, *S) to (N, O, *S')."""
        x, y = (self.batch, self.channels_in, *self.size_in), (self.batch, self.channels_out, *self.size_out)
        return call("aten.convolution", y, {"groups": self.groups}, input=x, weight=self.weight)

    def adjoint(self) -> Op:
        """(N, O, *S') to (N, C, *S), with the same weight."""
        x, y = (self.batch, self.channels_out, *self.size_out), (self.batch, self.channels_in, *self.size_in)
        return call("aten.convolution", y, {"groups": self.groups, "transposed": True}, input=x, weight=self.weight)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Any convolution in one to three dimensions of space, with stride, padding, dilation and groups."""
    rank = draw(st.integers(1, 3))
    groups = draw(st.integers(1, 4))
    kernel, size_in, size_out = [], [], []
    for _ in range(rank):
        side, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
        padding = draw(st.integers(0, side - 1))
        reach = dilation * (side - 1) + 1
        length = draw(st.integers(max(1, reach - 2 * padding), 12))
        kernel.append(side)
        size_in.append(length)
        size_out.append((length + 2 * padding - reach) // stride + 1)
    return Layer(
        draw(st.integers(1, 3)),
        tuple(size_in),
        tuple(size_out),
        groups * draw(st.integers(1, 4)),
        groups * draw(st.integers(1, 4)),
        groups,
        tuple(kernel),
    )


@few
@given(layers())
def test_grouping_divides_the_mult_adds_and_the_weights_by_the_groups(layer):
    dense, grouped = cost_of(layer._replace(groups=1).forward()), cost_of(layer.forward())
    assert grouped.mult_adds * layer.groups == dense.mult_adds
    assert grouped.flops * layer.groups == dense.flops
    assert grouped.activations == dense.activations
    saved = dense.memory_access - grouped.memory_access
    assert saved == layer.weight_elements * layer.groups - layer.weight_elements


@few
@given(layers(), st.integers(2, 5))
def test_batch_scales_the_work_and_the_activations_and_not_the_weights(layer, times):
    one, many = cost_of(layer.forward()), cost_of(layer._replace(batch=layer.batch * times).forward())
    assert many.mult_adds == times * one.mult_adds
    assert many.flops == times * one.flops
    assert many.activations == times * one.activations
    weights = layer.weight_elements
    assert many.memory_access - weights == times * (one.memory_access - weights)


@few
@given(layers())
def test_a_transposed_convolution_costs_what_its_adjoint_costs(layer):
    forward, adjoint = cost_of(layer.forward()), cost_of(layer.adjoint())
    assert adjoint.mult_adds == forward.mult_adds
    assert adjoint.flops == forward.flops
    assert adjoint.memory_access == forward.memory_access
    assert adjoint.memory_access_bytes == forward.memory_access_bytes
    assert adjoint.activations == layer.batch * layer.channels_in * prod(layer.size_in)


@few
@given(layers())
def test_a_bias_adds_its_elements_and_one_flop_an_output(layer):
    op = layer.forward()
    biased = op._replace(inputs=(*op.inputs, tensor(layer.channels_out)), roles=(*op.roles, "bias"))
    plain, cost = cost_of(op), cost_of(biased)
    assert cost.mult_adds == plain.mult_adds
    assert cost.flops == plain.flops + op.outputs[0].numel
    assert cost.memory_access == plain.memory_access + layer.channels_out


@few
@given(st.integers(1, 4), st.integers(1, 30), st.integers(1, 30), st.integers(1, 40), st.integers(1, 40), st.data())
def test_a_1x1_convolution_follows_the_formulas_of_shufflenet_v2(batch, height, width, a, b, data):
    groups = data.draw(st.integers(1, 8))
    c1, c2 = groups * a, groups * b
    layer = Layer(batch, (height, width), (height, width), c1, c2, groups, (1, 1))
    cost = cost_of(layer.forward())
    assert cost.mult_adds * groups == batch * height * width * c1 * c2
    assert groups * cost.memory_access == groups * batch * height * width * (c1 + c2) + c1 * c2


@few
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_g1_equal_widths_have_the_least_memory_access_of_all_with_the_same_mult_adds(height, width, channels):
    """ShuffleNet V2, equation 2: MAC >= 2 sqrt(h·w·B) + B / (h·w) with B = h·w·c1·c2, equal where c1 = c2."""
    area, product = height * width, channels * channels
    mult_adds = area * product
    for c1 in range(1, product + 1):
        if product % c1:
            continue
        cost = cost_of(Layer(1, (height, width), (height, width), c1, product // c1, 1, (1, 1)).forward())
        assert cost.mult_adds == mult_adds
        beyond_weights = cost.memory_access - mult_adds // area
        root = isqrt(area * mult_adds)
        assert root * root == area * mult_adds, "h·w·B is a square, so that the bound is exact"
        assert beyond_weights >= 2 * root
        assert (beyond_weights == 2 * root) == (c1 == channels)


costs = st.builds(Cost, **{name: st.integers(0, 10**12) for name in COST_FIELDS})


@few
@given(costs, costs, costs)
def test_costs_add_in_any_order_and_grouping(a, b, c):
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    for name in COST_FIELDS:
        assert getattr(a + b, name) == getattr(a, name) + getattr(b, name)


@few
@given(st.lists(costs, max_size=5))
def test_the_empty_cost_is_zero_and_the_total_is_the_sum(several):
    assert total([]) == Cost()
    assert total(several) == sum(several, Cost())
    assert all(cost + Cost() == cost for cost in several)


@pytest.mark.parametrize("other", [0, 1.5, (1, 2), "2"])
def test_a_cost_adds_to_nothing_but_a_cost(other):
    with pytest.raises(TypeError):
        Cost() + other


def test_a_cost_is_not_multiplied_as_a_tuple_would_be():
    for multiply in (lambda cost: cost * 2, lambda cost: 2 * cost):
        with pytest.raises(TypeError, match="only added"):
            multiply(Cost(1, 2))


@st.composite
def networks(draw: st.DrawFn) -> Graph:
    """A random network of convolutions, norms, poolings and arithmetic, with weights that are computed as well."""
    net = Network()
    values = [net.input(draw(st.integers(1, 2)), draw(st.integers(1, 6)), 4, 4)]
    for _ in range(draw(st.integers(1, 12))):
        x = values[draw(st.integers(0, len(values) - 1))]
        values.append(extended(net, x, values, draw(st.sampled_from(sorted(STEPS))), draw(st.integers(1, 6))))
    kept = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True))
    return net.graph(*kept)


def extended(net: Network, x: Value, values: list[Value], step: str, channels: int) -> Value:
    """One more operator on `x`; what needs a second operand takes one of the same shape, or `x` again."""
    if step == "conv":
        return net.conv(x, channels, bias=channels % 2 == 0)
    if step == "conv of computed weight":
        return net.conv(x, channels, weight=net.relu(net.parameter(channels, x.shape[1], 1, 1)))
    if step == "norm in training":
        return net.norm(x, training=True)
    if step == "dropped":
        net.pool(net.relu(x))
        net.view(x)
        return x
    alike = [value for value in values if value.shape == x.shape]
    other = alike[channels % len(alike)]
    return STEPS[step](net, x, other)


STEPS = {
    "conv": None,
    "conv of computed weight": None,
    "norm in training": None,
    "dropped": None,
    "norm": lambda net, x, _: net.norm(x),
    "relu": lambda net, x, _: net.relu(x),
    "relu_": lambda net, x, _: net.relu_(x),
    "pool": lambda net, x, _: net.pool(x),
    "add": lambda net, x, other: net.add(x, other),
    "cat": lambda net, x, other: net.cat([x, other]),
    "scale": lambda net, x, _: net.run("aten.mul", x.shape, {"self": x, "other": net.parameter(x.shape[1], 1, 1)}),
    "mystery": lambda net, x, _: net.run("mylib.mystery", x.shape, {"self": x}),
}


@few
@given(networks())
def test_fused_memory_access_is_at_most_the_unfused_operator_by_operator(graph):
    counted = count(graph)
    for cost in counted.costs:
        assert 0 <= cost.memory_access_fused_bytes == 4 * cost.memory_access_fused
    fused = fusion_of(counted)
    for head in range(len(graph.ops)):
        members = [index for index, group in enumerate(fused.group) if group == head]
        assert sum(fused.access[index] for index in members) <= sum(
            counted.costs[index].memory_access for index in members
        )


def fusion_of(counted: Count) -> fusion.Fused:
    return fusion.fuse(
        counted.graph,
        counted.kinds,
        [cost.memory_access for cost in counted.costs],
        [cost.memory_access_bytes for cost in counted.costs],
    )


@few
@given(networks())
def test_what_is_fused_away_is_written_and_read_by_no_one_else(graph):
    counted = count(graph)
    for index, head in enumerate(fusion_of(counted).group):
        if head == index:
            continue
        producer = max(graph.ops[index].sources)
        assert fusion_of(counted).group[producer] == head
        assert [reader for reader, op in enumerate(graph.ops) if producer in op.sources and not op.is_view] == [index]
        assert producer not in graph.output_sources


@few
@given(networks())
def test_blocks_partition_the_operators_that_are_no_views(graph):
    counted = count(graph)
    members = [index for block in counted.structure.blocks for index in block.ops]
    assert sorted(members) == [index for index, op in enumerate(graph.ops) if not op.is_view]
    assert sum(block.fragments for block in counted.structure.blocks) == counted.structure.compute_ops


@few
@given(networks())
def test_depth_is_at_most_the_number_of_compute_operators(graph):
    structure = count(graph).structure
    assert structure.depth <= structure.compute_ops
    assert (structure.depth == 0) == (structure.compute_ops == 0)
    assert structure.parallelism is None if structure.depth == 0 else structure.parallelism >= 1


@few
@given(st.lists(st.lists(st.integers(0, 30), max_size=3), min_size=1, max_size=10), st.lists(st.booleans()))
def test_one_more_compute_operator_deepens_a_graph_by_one_at_most(reads, flags):
    ops = tuple(
        Op("op", sources=tuple(read % index if index else CONSTANT for read in several))
        for index, several in enumerate(reads)
    )
    counts = [bool(flags[index]) if index < len(flags) else False for index in range(len(ops))]
    for index, is_compute in enumerate(counts):
        if not is_compute:
            more = [*counts[:index], True, *counts[index + 1 :]]
            assert depth(Graph(ops), counts) <= depth(Graph(ops), more) <= depth(Graph(ops), counts) + 1


@few
@given(networks())
def test_the_operators_parameters_add_up_to_those_of_the_network_that_it_uses(graph):
    used = {name for op in graph.ops if not op.is_view for name in op.parameters if name}
    assert total(count(graph).costs).params == sum(graph.parameters[name].numel for name in used)


@st.composite
def lifetimes(draw: st.DrawFn) -> Graph:
    """A few operators, and storages that are born and die at any of them."""
    length = draw(st.integers(1, 8))
    storages = []
    for _ in range(draw(st.integers(1, 8))):
        born = draw(st.integers(-1, length - 1))
        storages.append(Storage(draw(st.integers(0, 1000)), born, draw(st.integers(born, length - 1))))
    return Graph((Op("aten.relu"),) * length, storages=tuple(storages), weight_bytes=draw(st.integers(0, 1000)))


@few
@given(lifetimes())
def test_peak_memory_is_the_largest_sum_of_storages_that_live_at_the_same_time(graph):
    def live(moment: int) -> int:
        return sum(storage.size_bytes for storage in graph.storages if storage.born <= moment <= max(storage.died, 0))

    peak = liveness.peak_activation_bytes(graph)
    assert peak == max(live(moment) for moment in range(len(graph.ops)))
    assert max(storage.size_bytes for storage in graph.storages) <= peak
    assert peak <= sum(storage.size_bytes for storage in graph.storages)
    assert liveness.peak_memory_bytes(graph) == graph.weight_bytes + peak


@settings(deadline=None, max_examples=5)
@given(st.integers(1, 6), st.integers(1, 6))
def test_a_whole_network_is_linear_in_its_batch(one, more):
    """work(B) is proportional to B; memory access is weights + B x activations."""
    small, large, both = (netcost.analyze("lenet5", (batch, 1, 32, 32)) for batch in (one, more, one + more))
    for name in ("mult_adds", "flops", "activations", "elementwise_access"):
        assert getattr(both, name) == getattr(small, name) + getattr(large, name)
    weights = small.params
    for name in ("memory_access", "memory_access_fused"):
        assert getattr(both, name) == getattr(small, name) + getattr(large, name) - weights
    assert both.params == small.params
    assert both.depth == small.depth
    assert both.kernels == small.kernels
