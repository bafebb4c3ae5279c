"""fvcore and torch's FlopCounterMode, operator class by operator class, on twenty networks."""

import pytest
import torch
from torch import Tensor, nn

import netcost
from netcost.counting import crosscheck as module_under_test
from netcost.counting.crosscheck import ATTENTION, CLASSES, CONVOLUTION, OTHER, PRODUCTS, OtherCount, crosscheck
from netcost.targets.naming import Target
from netcost.tracing import InputSpec

NETWORKS = [
    "googlenet",
    "mobilenet_v1",
    "mobilenet_v2",
    "shufflenet_v1_g3_x1_0",
    "shufflenet_v2_x1_0",
    "resnet50",
    "torchvision:alexnet",
    "torchvision:vgg11_bn",
    "torchvision:inception_v3",
    "torchvision:resnext50_32x4d",
    "torchvision:densenet121",
    "torchvision:mobilenet_v3_large",
    "torchvision:squeezenet1_0",
    "torchvision:mnasnet1_0",
    "torchvision:efficientnet_b0",
    "torchvision:regnet_y_400mf",
    "torchvision:convnext_tiny",
    "torchvision:vit_b_16",
    "torchvision:swin_t",
    "torchvision:maxvit_t",
    "torchvision:r3d_18",
    "timm:mixer_b16_224",
]


@pytest.mark.parametrize("name", NETWORKS)
def test_both_counters_agree_after_the_named_differences(name: str) -> None:
    check = crosscheck(netcost.resolve(name))
    for other in check.others:
        assert other.by_class is not None, other.failure
        assert check.unexplained(other) == {}
        assert check.ours[CONVOLUTION] == other.by_class[CONVOLUTION]
    assert check.ours[OTHER] == 0


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


def test_attention_is_explained_and_not_left_out() -> None:
    tokens, width = 5, 4
    target = Target("attention", Attention, (InputSpec((1, 2, tokens, width)),))
    check = crosscheck(target)
    products = 2 * (2 * tokens * tokens * width)
    assert check.ours == {CONVOLUTION: 0, PRODUCTS: 0, ATTENTION: products, OTHER: 0}
    fvcore, torchs = check.others
    assert fvcore.reasons == ((ATTENTION, -products, "attention, for which it has no handler"),)
    assert torchs.by_class is not None
    assert torchs.by_class[PRODUCTS] == products
    assert all(check.unexplained(other) == {} for other in check.others)


def test_batch_norm_is_named_as_fvcores_difference() -> None:
    target = Target("norm", lambda: nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)), (InputSpec((1, 3, 6, 6)),))
    check = crosscheck(target)
    [(operator_class, difference, why)] = check.others[0].reasons
    assert (operator_class, difference) == (OTHER, 2 * 8 * 6 * 6)  # two an element, which it calls flops
    assert why.startswith("batch_norm")
    assert any("batch_norm" in note for note in check.table().notes)


def test_a_difference_without_a_name_is_called_unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> OtherCount:
        return OtherCount("fvcore", {**dict.fromkeys(CLASSES, 0), CONVOLUTION: 7})

    monkeypatch.setattr(module_under_test, "count_with_fvcore", wrong)
    target = Target("conv", lambda: nn.Conv2d(1, 1, 1, bias=False), (InputSpec((1, 1, 2, 2)),))
    check = crosscheck(target)
    assert check.unexplained(check.others[0]) == {CONVOLUTION: 7 - 2 * 2}
    assert any("unexplained" in note for note in check.table().notes)


def test_a_counter_that_fails_is_said_to_fail_and_counts_nothing() -> None:
    class Keyword(nn.Module):
        def forward(self, *, x: Tensor) -> Tensor:
            return torch.relu(x)

    target = Target("keyword", Keyword, (InputSpec((2, 2), name="x"),))
    check = crosscheck(target)
    assert check.others[0].by_class is None
    assert "keyword" in check.others[0].failure
    assert check.table().rows[0][2] is None
