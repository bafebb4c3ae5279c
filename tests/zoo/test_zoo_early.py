"""LeNet-5, AlexNet, network in network and VGG against their papers' counts and against torchvision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from zoo_layouts import COUNTS, on_meta, under, zoo_pass

import netcost
from netcost.zoo import ARCHITECTURES
from netcost.zoo.alexnet import TwoDevices, response_norm
from netcost.zoo.lenet import C3_CONNECTIONS, PartialConv, RadialBasis, ScaledTanh, SubSampling


def test_lenet5_has_the_products_of_its_layers():
    ran = zoo_pass("lenet5")
    assert under(ran, "c1") == (6 * (25 + 1), 28 * 28 * 6 * 25)
    assert under(ran, "c3") == (16 * (6 * 25 + 1), 10 * 10 * 16 * 6 * 25)
    assert under(ran, "c5") == (120 * (16 * 25 + 1), 120 * 16 * 25)
    assert under(ran, "f6") == (84 * (120 + 1), 84 * 120)
    assert under(ran, "output") == (10 * (84 + 1), 84 * 10)


def test_lenet5_differs_from_the_papers_count_by_the_three_changes_it_names():
    full_c3, no_trained_pooling, linear_output = 16 * 6 * 25 + 16 - 1516, 12 + 32, 10 * (84 + 1)
    assert under(zoo_pass("lenet5"), "")[0] == 60_000 + full_c3 - no_trained_pooling + linear_output


# LeCun et al. 1998, section II.B: size of the maps, trainable parameters and connections, biases included.
PAPER_1998 = {
    "c1": ((6, 28, 28), 156, 122_304),
    "s2": ((6, 14, 14), 12, 5_880),
    "c3": ((16, 10, 10), 1_516, 151_600),
    "s4": ((16, 5, 5), 32, 2_000),
    "c5": ((120, 1, 1), 48_120, 48_120),
    "f6": ((84,), 10_164, 10_164),
}


@pytest.mark.parametrize("row", PAPER_1998)
def test_lenet5_1998_has_the_parameters_and_connections_that_the_paper_counts(row):
    shape, params, connections = PAPER_1998[row]
    ran = zoo_pass("lenet5_1998")
    counted, mult_adds = under(ran, row)
    outputs = torch.Size(shape).numel()
    per_output = 2 * 2 + 1 if row in ("s2", "s4") else mult_adds / outputs + 1  # inputs of a unit and its bias
    assert ran[row].shape == (1, *shape)
    assert (counted, outputs * per_output) == (params, connections)


def test_the_papers_layers_add_up_to_its_totals():
    assert sum(params for _, params, _ in PAPER_1998.values()) == 60_000
    assert sum(connections for *_, connections in PAPER_1998.values()) + 10 * 84 == 340_908


def test_c3_sees_the_maps_of_table_i():
    assert [len(maps) for maps in C3_CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert sum(len(maps) for maps in C3_CONNECTIONS) == 60  # crosses in the table
    assert [sum(source in maps for maps in C3_CONNECTIONS) for source in range(6)] == [10] * 6
    assert len({frozenset(maps) for maps in C3_CONNECTIONS}) == 16


def test_a_partial_convolution_is_a_full_one_with_zeros_where_nothing_is_connected():
    torch.manual_seed(0)
    partial, full = PartialConv(C3_CONNECTIONS, 5), nn.Conv2d(6, 16, 5)
    weights = [row for bank in partial.banks for row in bank.weight.data]
    biases = torch.cat([bank.bias.data for bank in partial.banks])
    full.weight.data.zero_()
    full.bias.data.copy_(biases)
    for target, maps, weight in zip(full.weight.data, C3_CONNECTIONS, weights, strict=True):
        target[list(maps)] = weight
    images = torch.randn(2, 6, 14, 14)
    torch.testing.assert_close(partial(images), full(images))


def test_sub_sampling_scales_the_sum_of_four_neighbours_and_shifts_it():
    layer, x = SubSampling(2), torch.arange(32.0).reshape(1, 2, 4, 4) / 32
    layer.coefficient.data = torch.tensor([0.5, 2.0]).reshape(2, 1, 1)
    layer.bias.data = torch.tensor([1.0, -1.0]).reshape(2, 1, 1)
    total = x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]
    expected = 1.7159 * torch.tanh(2 / 3 * (total * layer.coefficient + layer.bias))
    torch.testing.assert_close(layer(x), expected)


def test_the_squashing_function_maps_1_to_1():
    torch.testing.assert_close(
        ScaledTanh()(torch.tensor([-1.0, 0.0, 1.0])), torch.tensor([-1.0, 0.0, 1.0]), atol=1e-4, rtol=0
    )


def test_radial_basis_functions_are_distances_to_fixed_codes():
    layer = RadialBasis(84, 10)
    assert list(layer.parameters()) == []
    assert layer.codes.shape == (10, 7 * 12)
    assert set(layer.codes.flatten().tolist()) == {-1.0, 1.0}
    assert torch.equal(layer.codes, RadialBasis(84, 10).codes)
    distances = layer(layer.codes)
    assert torch.equal(distances, 4 * (layer.codes[:, None] != layer.codes).sum(dim=2))  # (1 - -1)² where they differ
    assert distances.argmin(dim=1).tolist() == list(range(10))
    assert distances.diagonal().eq(0).all()


# Krizhevsky et al. 2012, section 3.5 and Figure 2: output, weights; a kernel of the second, fourth and fifth
# convolution is as deep as the maps of one device.
ALEXNET_ROWS = {
    "conv1": ((96, 55, 55), 11 * 11 * 3 * 96),
    "conv2": ((256, 27, 27), 5 * 5 * 48 * 256),
    "conv3": ((384, 13, 13), 3 * 3 * 256 * 384),
    "conv4": ((384, 13, 13), 3 * 3 * 192 * 384),
    "conv5": ((256, 13, 13), 3 * 3 * 192 * 256),
    "fc6": ((4096,), 256 * 6 * 6 * 4096),
    "fc7": ((4096,), 4096 * 4096),
    "fc8": ((1000,), 4096 * 1000),
}


@pytest.mark.parametrize("row", ALEXNET_ROWS)
def test_alexnet_2012_has_the_papers_layers(row):
    shape, weights = ALEXNET_ROWS[row]
    ran = zoo_pass("alexnet_2012")
    assert ran[row].shape == (1, *shape)
    assert under(ran, row) == (weights + shape[0], weights * torch.Size(shape[1:]).numel())


def test_each_device_sees_only_the_maps_it_made():
    layer, images = TwoDevices(4, 6, 3), torch.randn(1, 4, 5, 5)
    other = images.clone()
    other[:, 2:] += 1
    before, after = layer(images), layer(other)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.equal(before[:, 3:], after[:, 3:])


def test_response_normalisation_is_the_papers_formula():
    maps = torch.randn(1, 8, 2, 2) * 100
    neighbours = F.pad(maps**2, (0, 0, 0, 0, 2, 2)).unfold(1, 5, 1).sum(dim=-1)  # n = 5 maps, two on each side
    torch.testing.assert_close(response_norm()(maps), maps / (2 + 1e-4 * neighbours) ** 0.75)


def test_alexnet_of_2014_has_no_groups_and_costs_less_than_that_of_2012_without_its_groups():
    weights = {row: weights for row, (_, weights) in ALEXNET_ROWS.items()}
    positions = {"conv2": 27 * 27, "conv4": 13 * 13, "conv5": 13 * 13}
    doubled = netcost.analyze("alexnet_2012").mult_adds + sum(positions[row] * weights[row] for row in positions)
    assert round(doubled / 1e6, 3) == 1135.256  # the layout without groups that model zoos have
    assert netcost.analyze("alexnet").mult_adds < netcost.analyze("alexnet_2012").mult_adds < doubled


@pytest.mark.parametrize(
    ("row", "shape", "weights"),
    [
        ("mlpconv1", (96, 54, 54), 11 * 11 * 3 * 96 + 2 * 96 * 96),
        ("pool1", (96, 27, 27), 0),
        ("mlpconv2", (256, 27, 27), 5 * 5 * 96 * 256 + 2 * 256 * 256),
        ("pool2", (256, 13, 13), 0),
        ("mlpconv3", (384, 13, 13), 3 * 3 * 256 * 384 + 2 * 384 * 384),
        ("pool3", (384, 6, 6), 0),
        ("mlpconv4", (1000, 6, 6), 3 * 3 * 384 * 1024 + 1024 * 1024 + 1024 * 1000),
        ("avgpool", (1000, 1, 1), 0),
    ],
)
def test_network_in_network_has_the_layers_of_its_prototxt(row, shape, weights):
    ran = zoo_pass("nin")
    assert ran[row].shape == (1, *shape)
    assert under(ran, row)[1] == shape[1] * shape[2] * weights


def test_a_snapshot_of_network_in_network_is_29_megabytes():
    assert round(4 * netcost.analyze("nin").params / 2**20) == 29


@pytest.mark.parametrize("name", [name for name in COUNTS if name.startswith("vgg")])
def test_vgg_halves_the_map_five_times(name):
    ran = zoo_pass(name)
    stages = [ran[f"pool{stage}"].shape for stage in range(1, 6)]
    assert stages == [(1, 64, 112, 112), (1, 128, 56, 56), (1, 256, 28, 28), (1, 512, 14, 14), (1, 512, 7, 7)]
    layers = [key for key in ran if key.endswith(".0") and ran[key].params]
    assert len(layers) == int(name.removesuffix("_bn")[3:]) - 1  # fc8 has no ReLU and is a layer by itself


@pytest.mark.parametrize("name", [name for name in COUNTS if name.endswith("_bn")])
def test_batch_norm_adds_a_scale_and_a_shift_to_each_channel_of_a_convolution(name):
    plain = on_meta(ARCHITECTURES.get(name.removesuffix("_bn")).build)
    channels = sum(layer.out_channels for layer in plain.modules() if isinstance(layer, nn.Conv2d))
    assert COUNTS[name][0] - COUNTS[name.removesuffix("_bn")][0] == 2 * channels
