"""fvcore and torch's FlopCounterMode, operator class by operator class, on twenty networks."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import netcost
from netcost.counting import crosscheck as module_under_test
from netcost.counting.analysis import count_step
from netcost.counting.crosscheck import ATTENTION, CLASSES, CONVOLUTION, OTHER, PRODUCTS, OtherCount, crosscheck
from netcost.counting.crosscheck_step import crosscheck_step
from netcost.targets.naming import Target
from netcost.tracing import InputSpec, TrainStep

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


class Branches(nn.Module):
    """A grouped and a transposed convolution, attention, and a layer that is frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2, bias=False)
        self.frozen = nn.Conv2d(4, 4, 1, bias=False).requires_grad_(False)
        self.transposed = nn.ConvTranspose2d(4, 4, 2, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = checkpoint(lambda x: self.frozen(self.grouped(x)), x, use_reentrant=False)
        tokens = self.transposed(y).flatten(2).mT.unsqueeze(1)  # (N, 1, T, 4)
        return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_training_step_is_compared_by_phase_and_every_difference_has_a_reason(device: str) -> None:
    target = Target("branches", Branches, (InputSpec((2, 4, 6, 6)),))
    check = crosscheck_step(target, count_step(target, TrainStep("adam", device=device)))
    grouped, frozen, transposed = 2 * 36 * 4 * 2 * 9, 2 * 36 * 4 * 4, 2 * 36 * 4 * 4 * 4
    attention = 2 * 144 * 144 * 4  # per product of it
    assert check.ours["forward convolution"] == grouped + frozen + transposed
    # Of the first layer the gradient of the weight, and it runs again; of the frozen one the gradient of the input.
    assert check.ours["backward convolution"] == grouped + frozen + 2 * transposed + grouped
    assert (check.ours["forward attention"], check.ours["backward attention"]) == (2 * attention, 5 * attention)
    by_layer, torchs = check.others
    assert by_layer.reasons == (("backward convolution", -grouped, "which checkpoints run again"),)
    assert by_layer.remarks == ("4 of 4 modules agree with arithmetic by layer",)
    assert torchs.by_class is not None
    assert torchs.by_class["backward convolution"] == check.ours["backward convolution"] + grouped  # two groups
    assert torchs.by_class["backward attention"] == (5 * attention if device == "cuda" else 0)
    assert all(check.unexplained(other) == {} for other in check.others)


def test_a_module_that_differs_from_the_arithmetic_of_its_layer_is_named() -> None:
    target = Target("two", lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), (InputSpec((2, 3)),))
    count = count_step(target, TrainStep("none"))
    swapped = [op._replace(module="0") if op.module == "1" else op for op in count.graph.ops if op.phase != "forward"]
    ops = (*(op for op in count.graph.ops if op.phase == "forward"), *swapped)
    check = crosscheck_step(target, replace(count, graph=replace(count.graph, ops=ops)))
    assert check.unexplained(check.others[0]) == {}
    assert check.others[0].remarks[0].endswith("0 of 2 modules agree with arithmetic by layer; not 0, 1")
