"""Building without weights does not show, and does not give up where only values are missing."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netcost
from netcost.targets import Target, resolve, weightless
from netcost.text.errors import ForwardError, RequestError, TargetError
from netcost.tracing import InputSpec

SHOWN: dict[str, Any] = {
    **{f"nn.{kind.__name__}": kind for kind in (nn.Conv2d, nn.BatchNorm2d, nn.Identity, nn.Parameter)},
    **{f"nn.{kind.__name__}.__init__": kind.__init__ for kind in (nn.Conv2d, nn.Linear, nn.Flatten)},
    **{f"init.{fill.__name__}": fill for fill in (nn.init.kaiming_uniform_, nn.init.trunc_normal_, nn.init.ones_)},
    **{f"torch.{make.__name__}": make for make in (torch.zeros, torch.empty, torch.tensor, Tensor.normal_, Tensor.to)},
}


def appearance(value: Any) -> tuple[Any, ...]:
    """All that a builder can ask of a class or function."""
    try:
        signature = str(inspect.signature(value))
    except ValueError:
        signature = "none, as torch's own"
    source = inspect.getsource(value) if inspect.isfunction(value) else ""
    own = {name: getattr(value, name, None) for name in ("__qualname__", "__module__", "__defaults__", "__wrapped__")}
    return id(value), signature, value.__doc__, source, own, value.__name__


@pytest.mark.parametrize("name", SHOWN)
def test_torch_looks_as_ever_while_it_is_open(name: str) -> None:
    before = appearance(SHOWN[name])
    with weightless():
        assert appearance(SHOWN[name]) == before
        assert nn.Conv2d.__init__ is SHOWN["nn.Conv2d.__init__"] and torch.zeros is SHOWN["torch.zeros"]
        layer = nn.Conv2d(3, 8, 3)
        assert type(layer) is nn.Conv2d and isinstance(layer.weight, nn.Parameter)
        assert pickle.loads(pickle.dumps(nn.init.ones_)) is nn.init.ones_
        assert copy.deepcopy(layer).weight.is_meta and pickle.loads(pickle.dumps(layer)).weight.shape == (8, 3, 3, 3)
    assert appearance(SHOWN[name]) == before


def filtered(**asked: Any) -> nn.Module:
    """A builder that passes on what the layer's signature has."""
    known = inspect.signature(nn.Conv2d).parameters
    return nn.Conv2d(3, 24, 3, **{name: value for name, value in asked.items() if name in known})


def test_a_builder_that_asks_for_the_signature_loses_no_argument() -> None:
    target = Target("filtered", lambda: filtered(padding=1, bias=False, act=None), (InputSpec((1, 3, 16, 16)),))
    analysis = netcost.analyze(target)
    assert (analysis.mult_adds, analysis.params) == (16 * 16 * 24 * 3 * 3 * 3, 24 * 3 * 3 * 3)


WIDE = 300  # 300 x 300 is large
MADE: dict[str, Callable[[], Tensor]] = {
    "to cpu": lambda: torch.empty(4, 4).to("cpu"),
    "to a device and type": lambda: torch.empty(4, 4).to(device=torch.device("cpu"), dtype=torch.float16),
    "to another's": lambda: torch.empty(4, 4).to(torch.zeros(1, dtype=torch.float16)),
    "cpu": lambda: torch.empty(4, 4).cpu(),
    "type": lambda: torch.empty(4, 4).type(torch.HalfTensor),
    "a module's": lambda: nn.ConvTranspose2d(3, 4, 3).to("cpu", torch.float16).weight,
    "float": lambda: torch.randn(WIDE, WIDE, dtype=torch.float16).float(),
    "Tensor": lambda: nn.Parameter(torch.Tensor(WIDE, WIDE)),
    "Tensor filled": lambda: torch.Tensor(WIDE, WIDE).normal_(0, 0.02),
    "FloatTensor": lambda: nn.Parameter(torch.FloatTensor(WIDE, WIDE).uniform_(-1, 1)),
    "initialised": lambda: nn.init.xavier_uniform_(nn.Parameter(torch.Tensor(WIDE, WIDE))),
    "truncated": lambda: nn.init.trunc_normal_(torch.Tensor(WIDE, WIDE)),
    "scaled": lambda: nn.init.kaiming_uniform_(torch.Tensor(WIDE, WIDE)),
    "normal": lambda: torch.normal(0.0, 0.02, (WIDE, WIDE)),
    "normal by name": lambda: torch.normal(mean=0.0, std=0.02, size=(WIDE, WIDE)),
    "eye": lambda: torch.eye(WIDE),
    "list": lambda: torch.tensor([0.5] * WIDE**2),
    "new": lambda: torch.zeros(1).new_full((WIDE, WIDE), 2.0),
}


@pytest.mark.parametrize("way", MADE)
def test_a_large_tensor_is_made_without_values_whichever_way(way: str) -> None:
    real = MADE[way]()
    with weightless():
        made = MADE[way]()
    assert made.is_meta
    assert (made.shape, made.dtype, type(made)) == (real.shape, real.dtype, type(real))


class Wrong(nn.Module):
    """Refuses its configuration; counts how often it is constructed."""

    tries = 0

    def __init__(self, reason: Callable[[], Any]) -> None:
        super().__init__()
        Wrong.tries += 1
        reason()


@pytest.mark.parametrize(
    ("reason", "tries"),
    [
        (lambda: nn.Linear(4, 4)(torch.ones(2, 3)), 1),  # shapes that do not fit
        (lambda: {}["missing"], 1),
        (lambda: nn.Conv2d(3, 4, 1, groups=2), 1),
        (lambda: 1 // int(nn.Linear(4, 4).weight.isnan().sum()), 2),  # asks for values, and then has its own error
    ],
)
def test_only_missing_values_have_a_network_built_again(reason: Callable[[], Any], tries: int) -> None:
    Wrong.tries = 0
    with pytest.raises(TargetError):
        Target("wrong", lambda: Wrong(reason)).build_weightless()
    assert Wrong.tries == tries


class Pair(nn.Module):
    """Two convolutions of 16 x 16."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(self.first(x).relu())
        return y


IMAGE = torch.zeros(1, 3, 16, 16)
EXPORTS: dict[str, Callable[[], Any]] = {
    "exported": lambda: torch.export.export(Pair().eval(), (IMAGE,)).module(),
    "frozen": lambda: torch.jit.freeze(torch.jit.script(Pair().eval())),
    "traced": lambda: torch.jit.trace(Pair().eval(), IMAGE),
}


@pytest.mark.parametrize("way", EXPORTS)
@pytest.mark.parametrize("concrete", [False, True])
def test_a_network_exported_in_its_factory_counts_each_layer_once(way: str, concrete: bool) -> None:
    analysis = netcost.analyze(Target(way, EXPORTS[way], (InputSpec((1, 3, 16, 16)),)), concrete=concrete)
    assert (analysis.mult_adds, analysis.unknown_ops) == (16 * 16 * 8 * (3 * 9 + 4), {})


def test_an_exported_program_is_a_target() -> None:
    program: Any = torch.export.export(Pair().eval(), (IMAGE,))
    assert netcost.analyze(program, (1, 3, 16, 16)).mult_adds == 16 * 16 * 8 * (3 * 9 + 4)


class Trainer(nn.Module):
    """Trains itself, as ultralytics' YOLO does."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))

    def train(self, trainer: Any = None, **_: Any) -> Any:  # type: ignore[override]
        raise AssertionError(f"a training run began, of {trainer}")

    def forward(self, x: Tensor) -> Tensor:
        if not x.dim():
            raise ValueError("expected a path")
        y: Tensor = self.model(x)
        return y


class Frozen(nn.Module):
    """Keeps its norm in evaluation mode, and counts how often it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.inner = nn.BatchNorm1d(4), Trainer()
        self.told: list[bool] = []

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        self.told += [self.training, self.norm.training, self.inner.training, self.inner.model[1].training]
        y: Tensor = self.inner(self.norm(x))
        return y


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_train_that_takes_no_mode_is_not_called_and_an_ordinary_one_is(mode: str) -> None:
    seen: list[bool] = []
    model = Frozen()
    model.norm.register_forward_hook(lambda *_: seen.extend(model.told))
    assert netcost.analyze(model, (2, 4), mode=mode).mult_adds == 2 * 4 * 4
    trains = mode == "train"
    assert seen[:4] == [trains, False, trains, trains]
    assert "train" not in vars(model.inner) and model.training and model.inner.training


def test_a_class_that_trains_itself_names_the_network_inside_where_it_fails() -> None:
    with pytest.raises(ForwardError, match=r"Trainer trains itself.*Sequential.*`model`"):
        netcost.analyze(Trainer(), torch.zeros(()))


class Holding(nn.Module):
    """Holds a tensor as a buffer."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__()
        self.register_buffer("held", tensor)

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize("concrete", [False, True])
def test_a_tensor_without_a_shape_is_refused_by_name(concrete: bool) -> None:
    target = Target("holding", lambda: Holding(nn.UninitializedBuffer()), (InputSpec((2, 4)),))
    with pytest.raises(RequestError, match=r"^'held' is an? [^\n]*$"):
        netcost.analyze(target, concrete=concrete)


def test_a_detector_has_a_list_of_images_of_its_own() -> None:
    target = resolve("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn")
    assert target.inputs == (InputSpec((1, 3, 320, 320), as_list=True),)
    analysis = netcost.analyze(target, concrete=True)
    assert [spec.shape for spec in analysis.graph.inputs] == [(3, 320, 320)]
    assert analysis.mult_adds > 500_000_000
    assert any("random" in note for note in analysis.notes())
