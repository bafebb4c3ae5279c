"""A copied layer is what its constructor would have made, and shares nothing with the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.overrides import BaseTorchFunctionMode

from netcost.targets import prototypes
from netcost.targets.weightless import weightless

LAYERS: list[Callable[[], nn.Module]] = [
    lambda: nn.Conv1d(4, 6, 3),
    lambda: nn.Conv2d(4, 6, 3, padding=1, bias=False),
    lambda: nn.Conv2d(4, 8, (3, 1), stride=(2, 1), groups=2, padding_mode="reflect"),
    lambda: nn.Conv2d(4, 6, 3, padding="same", dtype=torch.float16),
    lambda: nn.Conv3d(4, 6, 3),
    lambda: nn.Linear(4, 6, bias=False),
    lambda: nn.Embedding(9, 4, padding_idx=0),
    lambda: nn.BatchNorm1d(4, affine=False),
    lambda: nn.BatchNorm2d(4, momentum=None, eps=1e-3),
    lambda: nn.BatchNorm3d(4, track_running_stats=False),
    lambda: nn.LayerNorm((4, 6)),
    lambda: nn.LayerNorm(4, elementwise_affine=False),
    lambda: nn.GroupNorm(2, 4),
    *(lambda kind=kind: kind(inplace=True) for kind in (nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.Hardsigmoid)),
    *(nn.GELU, nn.Identity, nn.Flatten),
    lambda: nn.Softmax(dim=-1),
    lambda: nn.MaxPool2d(3, stride=2, ceil_mode=True),
    lambda: nn.AvgPool2d((2, 2)),
    lambda: nn.AdaptiveAvgPool2d((1, 1)),
    lambda: nn.AdaptiveMaxPool2d(1),
    lambda: nn.Dropout(0.1),
    lambda: nn.Dropout2d(0.1, inplace=True),
]


@pytest.fixture(autouse=True)
def none_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prototypes, "_prototypes", {})
    monkeypatch.setattr(nn.Module, "__init__", prototypes.MODULE)  # torch's compiler may have put its own there


def plainly(value: Any) -> Any:
    """A value in which tensors are compared by what can be said of them."""
    if isinstance(value, torch.Tensor):
        held = () if value.is_meta else value.tolist()
        return type(value), value.shape, value.stride(), value.dtype, value.device, value.requires_grad, held
    if isinstance(value, dict):
        return type(value), [(name, plainly(part)) for name, part in value.items()]
    return type(value), value


@pytest.mark.parametrize("number", range(len(LAYERS)))
def test_a_copy_has_what_the_constructor_gives_and_shares_none_of_it(number: int) -> None:
    with weightless(), BaseTorchFunctionMode():  # a mode of someone else's, under which nothing is copied
        constructed = LAYERS[number]()
        assert not prototypes._prototypes
    with weightless():
        first, second = LAYERS[number](), LAYERS[number]()
    assert list(prototypes._prototypes.values()) != [None]
    assert len(prototypes._prototypes) == 1
    assert plainly(vars(first)) == plainly(vars(second)) == plainly(vars(constructed))
    for name, value in vars(first).items():
        if isinstance(value, (dict, list, set)):
            assert vars(second)[name] is not value, name
    for (_, one), (_, other) in zip(first.state_dict().items(), second.state_dict().items(), strict=True):
        assert one is not other
        assert one.is_meta or one.data_ptr() != other.data_ptr()


def test_every_layer_of_the_table_is_tested_here() -> None:
    assert {type(make()) for make in LAYERS} == set(prototypes.LAYERS)


def test_equal_arguments_of_other_types_are_other_arguments() -> None:
    with weightless():
        layers = [nn.Dropout(1), nn.Dropout(1.0), nn.ReLU(1), nn.ReLU(True)]  # type: ignore[arg-type]
    assert [type(layer.p) for layer in layers[:2]] == [int, float]
    assert [type(layer.inplace) for layer in layers[2:]] == [int, bool]


def test_the_default_type_is_that_of_the_moment() -> None:
    with weightless():
        single = nn.Linear(2, 3)
        torch.set_default_dtype(torch.float64)
        try:
            double = nn.Linear(2, 3)
        finally:
            torch.set_default_dtype(torch.float32)
    assert (single.weight.dtype, double.weight.dtype) == (torch.float32, torch.float64)


class Wide(nn.Linear):
    def __init__(self, features: int) -> None:
        super().__init__(features, 4 * features)


def test_subclasses_are_constructed() -> None:
    with weightless():
        layer = Wide(2)
    assert layer.weight.shape == (8, 2) and type(layer) is Wide
    assert not prototypes._prototypes


def test_a_constructor_that_someone_replaced_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    constructor = nn.Linear.__init__

    def named(self: nn.Linear, *args: Any, **kwargs: Any) -> None:
        constructor(self, *args, **kwargs)
        self.name = "mine"

    monkeypatch.setattr(nn.Linear, "__init__", named)
    with weightless():
        assert [nn.Linear(2, 2).name for _ in range(2)] == ["mine", "mine"]
    assert nn.Linear.__init__ is named


def test_a_constructor_of_every_module_that_someone_replaced_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    tagged: list[nn.Module] = []

    def tagging(self: nn.Module) -> None:
        prototypes.MODULE(self)
        tagged.append(self)

    monkeypatch.setattr(nn.Module, "__init__", tagging)
    with weightless():
        layers = [nn.Linear(2, 2), nn.Linear(2, 2), nn.Sigmoid()]
    assert tagged == layers


def test_a_registration_hook_sees_every_weight() -> None:
    seen: list[str] = []
    with (
        nn.modules.module.register_module_parameter_registration_hook(lambda _, name, __: seen.append(name)),
        weightless(),
    ):
        nn.Linear(2, 2), nn.Linear(2, 2)
    assert seen == ["weight", "bias"] * 2


def test_a_layer_that_cannot_be_constructed_raises_what_torch_raises() -> None:
    for _ in range(2):
        with weightless(), pytest.raises(ValueError, match="in_channels must be divisible by groups"):
            nn.Conv2d(3, 4, 1, groups=2)


def test_no_more_than_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prototypes, "MOST", 3)
    with weightless():
        for features in range(1, 9):
            nn.Linear(features, 2)
            assert len(prototypes._prototypes) <= 3


def test_constructors_are_torchs_own_again_afterwards() -> None:
    before = {kind: vars(kind).get("__init__") for kind in prototypes.LAYERS}
    with weightless():
        pass
    assert {kind: vars(kind).get("__init__") for kind in prototypes.LAYERS} == before
