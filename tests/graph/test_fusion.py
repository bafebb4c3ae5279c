"""Fusion: what is still read and written once batch norm is folded and point-wise operators run in an epilogue."""

from __future__ import annotations

from math import prod

import pytest
from handmade import Network, Value, tensor

from netcost.counting.count import Count, count
from netcost.graph.fusion import Fused, fuse
from netcost.graph.graph import CONSTANT, Graph

X = 2 * 4 * 8 * 8  # elements of the input (2, 4, 8, 8)
W = 4 * 6  # of a 1x1 convolution's weight, 4 to 6 channels
Y = 2 * 6 * 8 * 8  # of what it makes


def fused(graph: Graph) -> tuple[int, ...]:
    """Elements that each operator still reads and writes."""
    return tuple(cost.memory_access_fused for cost in count(graph).costs)


def groups(graph: Graph) -> tuple[int, ...]:
    """The operator into which each is fused."""
    return _fused(count(graph)).group


def _fused(counted: Count) -> Fused:
    nothing = [0] * len(counted.costs)
    return fuse(counted.graph, counted.kinds, nothing, nothing)


@pytest.fixture
def net() -> Network:
    return Network()


@pytest.fixture
def x(net: Network) -> Value:
    return net.input(2, 4, 8, 8)


@pytest.mark.parametrize("bias", [False, True])
def test_a_convolution_its_norm_and_its_activation_read_x_and_w_and_a_bias_and_write_y(net, x, bias):
    graph = net.graph(net.relu(net.norm(net.conv(x, 6, bias=bias))))
    costs = count(graph).costs
    assert sum(cost.memory_access_fused for cost in costs) == X + W + 6 + Y
    assert sum(cost.memory_access_fused_bytes for cost in costs) == 4 * (X + W + 6 + Y)
    # Unfused, norm and activation each read and write y, and the norm its four vectors.
    assert sum(cost.memory_access for cost in costs) == (X + W + 6 * bias + Y) + (Y + 4 * 6 + Y) + (Y + Y)
    assert groups(graph) == (0, 0, 0)


def test_fusion_leaves_all_other_metrics_as_they_are(net, x):
    y = net.conv(x, 6)
    alone = count(net.graph(y)).costs[0]
    followed = count(net.graph(net.relu(y))).costs[0]
    assert followed.memory_access == alone.memory_access == X + W + Y
    assert followed.memory_access_fused == X + W
    assert (followed.mult_adds, followed.flops, followed.kernels) == (alone.mult_adds, alone.flops, alone.kernels)


def test_a_norm_after_a_linear_layer_is_folded_too(net):
    x = net.input(5, 4)
    y = net.run("aten.linear", (5, 7), {"input": x, "weight": net.parameter(7, 4)})
    assert fused(net.graph(net.norm(y))) == (5 * 4 + 7 * 4, 7 + 5 * 7)


def test_what_two_operators_read_must_be_written_and_is_not_fused(net, x):
    y = net.conv(x, 6)
    graph = net.graph(net.add(net.relu(y), net.pool(y)))
    # conv, relu, pool, and the sum in the pooling's epilogue
    assert groups(graph) == (0, 1, 2, 2)
    assert fused(graph) == (X + W + Y, Y + Y, Y, Y + Y)


def test_a_sum_of_two_convolutions_fuses_into_the_later_one(net, x):
    graph = net.graph(net.add(net.conv(x, 6), net.conv(x, 6)))
    assert groups(graph) == (0, 1, 1)
    # The first writes y; the second computes its own part and the sum reads the first's.
    assert fused(graph) == (X + W + Y, X + W, Y + Y)


def test_the_shortcut_of_a_residual_block_is_still_read(net, x):
    y = net.norm(net.conv(x, 4))
    graph = net.graph(net.relu(net.add(y, x)))
    assert groups(graph) == (0, 0, 0, 0)
    assert sum(fused(graph)) == (X + 4 * 4) + 4 + X + X  # conv's x and w, bias, shortcut, output


def test_a_norm_after_a_concatenation_is_pointwise_and_reads_its_own_vectors(net, x):
    graph = net.graph(net.relu(net.norm(net.cat([x, x]))))
    assert groups(graph) == (0, 1, 1)
    assert fused(graph) == (X + X + 2 * X, 2 * X + 4 * 8, 2 * X)


def test_a_norm_after_an_activation_fuses_but_is_not_folded(net, x):
    graph = net.graph(net.norm(net.relu(net.conv(x, 6))))
    assert groups(graph) == (0, 0, 0)
    assert sum(fused(graph)) == X + W + 4 * 6 + Y


def test_only_the_first_of_two_norms_is_folded(net, x):
    graph = net.graph(net.norm(net.norm(net.conv(x, 6))))
    assert groups(graph) == (0, 0, 0)
    assert fused(graph) == (X + W, 6, 4 * 6 + Y)


def test_a_norm_without_scale_and_shift_is_folded_just_as_well(net, x):
    kept = {role: Value(tensor(6), CONSTANT) for role in ("running_mean", "running_var")}
    y = net.conv(x, 6)
    graph = net.graph(net.run("aten.batch_norm", y.shape, {"input": y, **kept}, {"training": False}))
    assert sum(fused(graph)) == X + W + 6 + Y


def test_a_norm_in_training_is_not_folded_because_it_needs_the_whole_batch_first(net, x):
    graph = net.graph(net.relu(net.norm(net.conv(x, 6), training=True)))
    assert groups(graph) == (0, 1, 1)
    assert fused(graph) == (X + W + Y, Y + 4 * 6, Y)


def test_an_output_must_be_written_even_where_one_operator_reads_it(net, x):
    y = net.conv(x, 6)
    z = net.relu(y)
    assert groups(net.graph(z)) == (0, 0)
    assert groups(net.graph(y, z)) == (0, 1)
    assert fused(net.graph(y, z)) == (X + W + Y, Y + Y)


def test_an_activation_in_place_fuses_like_any_other(net, x):
    assert fused(net.graph(net.relu_(net.norm(net.conv(x, 6))))) == (X + W, 6, Y)


def test_a_view_between_producer_and_activation_hinders_nothing(net, x):
    graph = net.graph(net.relu(net.view(net.conv(x, 6))))
    assert groups(graph) == (0, 1, 0)
    assert fused(graph) == (X + W, 0, Y)


def test_a_square_reads_its_operand_twice_and_saves_both(net, x):
    y = net.conv(x, 6)
    graph = net.graph(net.run("aten.mul", y.shape, {"self": y, "other": y}))
    assert fused(graph) == (X + W, Y)


def test_a_pointwise_chain_fuses_into_its_first_operator_where_nothing_else_produces(net, x):
    graph = net.graph(net.relu(net.relu(net.relu(x))))
    assert groups(graph) == (0, 0, 0)
    assert fused(graph) == (X, 0, X)


def test_data_movement_attention_and_unknown_operators_have_no_epilogue(net, x):
    attended = net.run("aten.scaled_dot_product_attention", x.shape, {"query": x, "key": x, "value": x})
    mystery = net.run("mylib.mystery", x.shape, {"self": net.relu(attended)})
    graph = net.graph(net.relu(net.cat([net.relu(mystery)])))
    # attention, relu, mystery, relu, cat, relu
    assert groups(graph) == (0, 1, 2, 3, 4, 5)


def test_data_movement_fuses_into_nothing(net, x):
    y = net.conv(x, 6)
    assert groups(net.graph(net.cat([y, y]))) == (0, 1)


def test_another_producer_does_not_stand_in_for_the_last_one(net, x):
    """The last operand to be ready is a concatenation, which has no epilogue; the convolution before has run."""
    y = net.conv(x, 8)
    graph = net.graph(net.add(y, net.cat([x, x])))
    assert groups(graph) == (0, 1, 2)


def test_a_smaller_operand_is_still_read_at_its_own_size(net, x):
    y = net.conv(x, 6)
    graph = net.graph(net.run("aten.mul", y.shape, {"self": y, "other": net.parameter(6, 1, 1)}))
    assert fused(graph) == (X + W, 6 + Y)


def test_bytes_are_fused_by_the_element_size_of_what_is_saved(net, x):
    y = net.conv(x, 6)
    above = net.run("aten.gt", y.shape, {"self": y})
    net.ops[-1] = net.ops[-1]._replace(outputs=(tensor(*y.shape, dtype="bool"),))
    costs = count(net.graph(above)).costs
    assert [cost.memory_access_fused_bytes for cost in costs] == [4 * (X + W), 1 * Y]


def test_the_sizes_above_are_those_of_the_tensors(net, x):
    y = net.conv(x, 6)
    assert (prod(x.shape), prod(net.parameters["parameter_0"].shape), prod(y.shape)) == (X, W, Y)
