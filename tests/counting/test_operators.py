"""Rows per operator: kinds, layouts, types under autocast, hidden copies, bytes per sample, compiled groups."""

import pytest
import torch
from torch import nn

import netcost
from netcost.counting.operators import operator_facts


def row(model: nn.Module, x: torch.Tensor | tuple[int, ...], index: int = -1):
    return netcost.analyze(model.eval(), x).operators().iloc[index]


@pytest.mark.parametrize("name", ["googlenet", "shufflenet_v2_x1_0", "mobilenet_v2"])
@pytest.mark.parametrize("batch", [1, 4])
def test_bytes_per_sample_and_constant_bytes_add_up_to_the_memory_access(name: str, batch: int) -> None:
    analysis = netcost.analyze(netcost.resolve(name).with_batch(batch))
    frame = analysis.operators()
    assert frame["sample_bytes"].sum() * batch + frame["constant_bytes"].sum() == analysis.memory_access_bytes


def test_the_weights_of_a_layer_are_constant_bytes() -> None:
    linear = row(nn.Linear(8, 4), (32, 8))
    assert linear["sample_bytes"] == 4 * (8 + 4)
    assert linear["constant_bytes"] == 4 * (8 * 4 + 4)


@pytest.mark.parametrize(
    ("model", "shape", "kind"),
    [
        (nn.Conv2d(3, 8, 3), (1, 3, 8, 8), "stem convolution"),
        (nn.Conv2d(8, 8, 3), (1, 8, 8, 8), "dense convolution"),
        (nn.Conv2d(8, 8, 1), (1, 8, 8, 8), "1x1 convolution"),
        (nn.Conv2d(8, 8, 3, groups=2), (1, 8, 8, 8), "grouped convolution"),
        (nn.Conv2d(8, 8, 3, groups=8), (1, 8, 8, 8), "depthwise convolution"),
        (nn.ConvTranspose2d(8, 8, 3), (1, 8, 8, 8), "transposed convolution"),
        (nn.Conv3d(8, 8, 3), (1, 8, 8, 8, 8), "3-D convolution"),
        (nn.LSTM(8, 8), (3, 1, 8), "recurrent"),
        (nn.AdaptiveAvgPool2d(1), (1, 8, 8, 8), "global pooling"),
        (nn.GroupNorm(2, 8), (1, 8, 8, 8), "group norm"),
    ],
)
def test_kinds_are_finer_than_those_of_the_count(model: nn.Module, shape: tuple[int, ...], kind: str) -> None:
    assert row(model, shape)["finer_kind"] == kind


def test_a_convolution_of_a_channels_last_image_stays_channels_last() -> None:
    image = torch.empty(2, 3, 8, 8, device="meta").to(memory_format=torch.channels_last)
    frame = netcost.analyze(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), image).operators()
    assert list(frame["result_layout"]) == ["channels_last", "channels_last"]


class Mixed(nn.Module):
    """A convolution, its mean over space normalised, and the sum of both."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 1), nn.LayerNorm(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x).mean((2, 3))
        return self.norm(y) + y


def test_autocast_lowers_convolutions_raises_norms_and_widens_sums() -> None:
    frame = netcost.analyze(Mixed(), (2, 3, 4, 4)).operators().set_index("op")
    result = frame["autocast_result_type"]
    assert result["aten.conv2d"] == result["aten.mean"] == "float16"
    assert result["aten.layer_norm"] == result["aten.add"] == "float32"
    assert frame["autocast_casts"]["aten.conv2d"] == 3  # image, weight, bias
    assert frame["autocast_cast_bytes"]["aten.conv2d"] == (4 + 2) * (2 * 3 * 4 * 4 + 8 * 3 + 8)
    assert frame["operand_types"]["aten.conv2d"] == "float32 float32 float32"


def test_a_linear_layer_copies_a_transposed_input() -> None:
    class Turned(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.transpose(1, 2))

    linear = row(Turned(5, 6), (2, 5, 7))
    assert (linear["hidden_copies"], linear["hidden_copy_bytes"]) == (1, 2 * 4 * 2 * 5 * 7)
    assert linear["operand_layouts"].split()[0] == "permuted"


def test_a_compiler_joins_all_between_two_convolutions() -> None:
    layers = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()]
    frame = netcost.analyze(nn.Sequential(*layers).eval(), (1, 3, 8, 8)).operators()
    assert list(frame["compiled_group"]) == ["0", "1", "1", "3", "4"]


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(netcost.NetcostError, match="'fp8'"):
        operator_facts(netcost.analyze("lenet5").count, "fp8")
