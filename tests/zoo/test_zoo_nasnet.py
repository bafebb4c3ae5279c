"""NASNet-A against its paper's counts, ShuffleNet V2's reading of it and timm."""

import pytest
import torch
from timm.layers.pool2d_same import AvgPool2dSame
from timm.models.nasnet import NASNetALarge
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_layouts import COUNTS, assert_same_output, on_meta, with_lively_weights, zoo_pass

import netcost
from netcost.zoo import ARCHITECTURES
from netcost.zoo.nasnet import Halve, NASNetA, NormalCell, ReductionCell, Squeeze


@pytest.mark.parametrize("name", ["nasnet_a_mobile", "nasnet_a_large"])
def test_printed_figures_are_within_half_a_percent(name):
    figures = ARCHITECTURES.get(name).published
    assert figures.params == pytest.approx(COUNTS[name][0], rel=0.005)
    assert figures.mult_adds == pytest.approx(COUNTS[name][1] * 1e6, rel=0.005)
    assert not figures.why


def fitted_first(key: str) -> tuple[str, bool, bool]:
    """Sorts timm's parameters as ours are: the cell, then what fits its earlier input, then what squeezes the other."""
    cell, _, rest = key.partition(".")
    return cell, rest.startswith("comb_"), rest.startswith("conv_1x1")


def in_our_order(state: dict[str, Tensor]) -> list[Tensor]:
    cells = list(dict.fromkeys(key.partition(".")[0] for key in state))
    place = {key: (cells.index(cell), *later) for key in state for cell, *later in [fitted_first(key)]}
    return [state[key] for key in sorted(state, key=place.__getitem__)]


def padding_left_out(theirs: NASNetALarge) -> NASNetALarge:
    """timm's network with its strided average poolings as TensorFlow has them: zeros at the edge do not count."""
    for cell in theirs.children():
        if hasattr(cell, "comb_iter_2_left") and isinstance(cell.comb_iter_2_left, AvgPool2dSame):
            cell.comb_iter_2_left = nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
    return theirs


@torch.inference_mode()
def test_the_same_weights_give_timms_output():
    torch.manual_seed(0)
    images = torch.randn(2, 3, 67, 67)  # 33, 17, 9, 5 and 3 after it: odd, so that both pad on all sides
    theirs = padding_left_out(on_meta(lambda: NASNetALarge(num_features=24 * 8, stem_size=12)))
    theirs = with_lively_weights(theirs, images)
    ours = on_meta(lambda: NASNetA(6, 8, stem=12, skip=True)).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), in_our_order(theirs.state_dict()), strict=True)), assign=True)
    assert_same_output(ours, theirs, images, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "repeats", "width", "sides"),
    [("nasnet_a_mobile", 4, 44, (28, 14, 7)), ("nasnet_a_large", 6, 168, (42, 21, 11))],
)
def test_the_rows_of_normal_cells_double_their_channels_and_halve_the_map(name, repeats, width, sides):
    ran = zoo_pass(name)
    for row, scale, side in zip((1, 2, 3), (1, 2, 4), sides, strict=True):
        assert ran[f"row{row}.{repeats - 1}"].shape == (1, 6 * scale * width, side, side)
        assert f"row{row}.{repeats}" not in ran
    assert ran["fc"].shape == (1, 1000)


@pytest.mark.parametrize(("name", "channels"), [("nasnet_a_mobile", 1056), ("nasnet_a_large", 4032)])
def test_the_name_gives_the_cells_in_a_row_and_the_channels_before_the_classifier(name, channels):
    model = on_meta(ARCHITECTURES.get(name).build)
    assert ARCHITECTURES.get(name).title == f"NASNet-A ({len(model.row1)} @ {channels})"
    assert len(model.row1) == len(model.row2) == len(model.row3)
    assert model.fc.in_features == channels


@pytest.mark.parametrize("name", ["nasnet_a_mobile", "nasnet_a_large"])
def test_no_operator_cuts_the_network_into_blocks(name):
    analysis = netcost.analyze(name)
    assert analysis.max_fragments is None  # each cell reads the two before it
    assert analysis.parallelism > 2


def test_a_normal_cell_has_the_13_fragments_that_shufflenet_v2_counts():
    # ShuffleNet V2 (arXiv:1807.11164), section 2, G3: 5 separable pairs and 3 poolings, a pair being two depthwise
    # separable convolutions. What fits the two inputs comes before.
    cell = on_meta(lambda: NormalCell(8, 8, 8, halve=False))
    maps = torch.empty(2, 1, 8, 7, 7, device="meta")
    ran: list[nn.Module] = []
    for module in cell.modules():
        is_pooling = isinstance(module, nn.AvgPool2d)
        if is_pooling or (isinstance(module, nn.Conv2d) and module.groups > 1):
            module.register_forward_hook(lambda module, *_: ran.append(module))
    assert cell(*maps).shape == (1, 6 * 8, 7, 7)
    assert sum(isinstance(module, nn.AvgPool2d) for module in ran) == 3
    assert len(ran) == 2 * 5 + 3


def test_a_reduction_cell_halves_the_map_and_concatenates_four_of_its_five_sums():
    cell = on_meta(lambda: ReductionCell(8, 6, 4))
    current, previous = torch.empty(1, 8, 9, 9, device="meta"), torch.empty(1, 6, 9, 9, device="meta")
    assert cell(current, previous).shape == (1, 4 * 4, 5, 5)


@pytest.mark.parametrize(("name", "before"), [("nasnet_a_mobile", -1), ("nasnet_a_large", -2)])
def test_after_a_reduction_the_released_forms_read_another_cell_before(name, before):
    model = on_meta(ARCHITECTURES.get(name).build)
    made: dict[nn.Module, Tensor] = {}
    read: list[Tensor] = []
    for cell in model.row1:
        cell.register_forward_hook(lambda cell, _inputs, output: made.update({cell: output}))
    model.row2[0].register_forward_pre_hook(lambda _cell, inputs: read.append(inputs[1]))
    model.eval()(torch.empty(1, 3, 64, 64, device="meta"))
    assert read[0] is made[model.row1[before]]


def test_a_halved_map_holds_the_even_and_the_odd_pixels():
    layer, x = Halve(1, 2).eval(), torch.arange(25.0).reshape(1, 1, 5, 5)
    for convolution in (layer.even, layer.odd):
        nn.init.ones_(convolution.weight)
    even, odd = layer(x)[0] * (1 + 1e-3) ** 0.5  # batch norm's epsilon
    torch.testing.assert_close(even, x[0, 0, ::2, ::2])
    torch.testing.assert_close(odd, F.pad(x[0, 0, 1::2, 1::2], (0, 1, 0, 1)))


def test_a_squeeze_leaves_its_input_as_it_is_for_others_to_read():
    x = torch.randn(1, 2, 3, 3)
    before = x.clone()
    Squeeze(2, 4).eval()(x)
    assert torch.equal(x, before)
