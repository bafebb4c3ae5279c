"""Nothing of a trace stays behind: caches, plain objects, other threads and the next training step are as before."""

import functools
import itertools
import logging
import os
import random
import sys
import threading
import warnings
import weakref
from array import array
from collections import ChainMap, Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy
import pytest
import torch
from torch import Tensor, nn
from torch.nn import modules
from torch.nn.modules.module import register_module_forward_hook
from torch.utils import _device

import netcost
from netcost.text.errors import DataDependentError, ForwardError, MeasurementError
from netcost.tracing import trace, trace_step

CACHE: dict[str, Any] = {}
KEPT: list[Any] = []
MASK: Tensor | None = None


class Table:
    """A helper outside of the model; `values` is filled at first use."""

    values: Tensor | None = None


TABLE = Table()


@dataclass(frozen=True, slots=True)
class Slots:
    """An object without a dictionary."""

    values: Any = None


SLOTS = Slots()
VARIABLE: ContextVar[Any] = ContextVar("VARIABLE", default=None)


@functools.lru_cache
def cached(scale: float) -> Tensor:
    return torch.full((5000, 5000), scale)  # too large to be computed: a shape


def keep_in_global(x: Tensor) -> None:
    global MASK
    MASK = x


def in_closure() -> Callable[[Tensor], None]:
    held: Any = None

    def keep(x: Tensor) -> None:
        nonlocal held
        held = x

    return keep


PLACES: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "dictionary": (lambda x: CACHE.__setitem__("y", x), "CACHE"),
    "tuple in a dictionary": (lambda x: CACHE.__setitem__("y", (1, (x, x))), "CACHE"),
    "list": (KEPT.append, "KEPT"),
    "name of a Python module": (keep_in_global, "MASK"),
    "class": (lambda x: setattr(Table, "values", x), "Table.values"),
    "object": (lambda x: setattr(TABLE, "values", x), "Table.values"),
    "lru_cache": (lambda _: cached(2.0), "cached"),
    "closure": (in_closure(), "closure"),
    "object with slots": (lambda x: object.__setattr__(SLOTS, "values", x), "Slots.values"),
}


class Keeping(nn.Module):
    """A linear layer whose result `keep` sees."""

    def __init__(self, keep: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.keep = keep
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        self.keep(y)
        return y


@pytest.fixture(autouse=True)
def empty_places() -> Iterator[None]:
    yield
    CACHE.clear()
    KEPT.clear()
    keep_in_global(None)  # type: ignore[arg-type]
    Table.values = None
    vars(TABLE).clear()
    cached.cache_clear()


def shapes_alive() -> list[Tensor]:
    held = [*CACHE.values(), *KEPT, MASK, Table.values, TABLE.values, SLOTS.values]
    return [x for x in held if isinstance(x, Tensor) and x.is_meta]


@pytest.mark.parametrize("place", PLACES)
def test_a_shape_that_a_network_keeps_is_taken_out_and_its_holder_named(place: str) -> None:
    keep, name = PLACES[place]
    graph = trace(Keeping(keep), torch.randn(2, 4))
    (holder,) = graph.leftovers
    assert holder.endswith(name)
    assert not shapes_alive() and "y" not in CACHE
    assert not cached(2.0).is_meta


def test_a_context_variable_is_as_before() -> None:
    assert trace(Keeping(VARIABLE.set), torch.randn(2, 4)).leftovers == ()
    assert VARIABLE.get() is None


def test_state_of_other_kinds_is_put_back() -> None:
    model, generator = Keeping(lambda _: None), torch.Generator().manual_seed(3)
    held = Slots([1]), Counter(a=1), numpy.zeros(3)
    model.slots, model.counter, model.array = held
    model.generator = generator

    def keep(x: Tensor) -> None:
        object.__setattr__(held[0], "values", x)
        held[1].update("ab")
        held[2][0] = torch.rand((), generator=generator)
        random.random(), numpy.random.rand(), torch.set_default_dtype(torch.float64)

    model.keep = keep
    before = generator.get_state(), random.getstate(), numpy.random.get_state()[2]
    assert trace(model, torch.randn(2, 4)).leftovers == ()
    assert held[:2] == (Slots([1]), Counter(a=1)) and not held[2].any()
    assert torch.equal(generator.get_state(), before[0])
    assert (random.getstate(), numpy.random.get_state()[2]) == before[1:]
    assert torch.get_default_dtype() is torch.float32


class Sets(nn.Module):
    """Changes torch for the whole process."""

    def forward(self, x: Tensor) -> Tensor:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch._C._set_cudnn_benchmark(True)  # as torch.backends.cudnn does, which torch's own test utilities freeze
        torch._C._set_cudnn_deterministic(True)
        torch.set_num_threads(torch.get_num_threads() + 1)
        return x + 1


def test_what_a_pass_sets_for_the_process_is_put_back() -> None:
    def settings() -> tuple[Any, ...]:
        cudnn = torch.backends.cudnn
        return (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            cudnn.benchmark,
            cudnn.deterministic,
            torch.get_num_threads(),
        )

    before = settings()
    trace(Sets(), torch.empty(2, 2))
    assert settings() == before


CHANGES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "environment": (
        lambda: (os.environ.update(NETCOST_NEW="1", NETCOST_CHANGED="1"), os.environ.pop("NETCOST_GONE")),
        lambda: {name: value for name, value in os.environ.items() if name.startswith("NETCOST_")},
    ),
    "level of a logger": (lambda: OWN.setLevel(1), lambda: (OWN.level, OWN.isEnabledFor(5))),
    "handlers of a logger": (lambda: OWN.handlers.append(logging.NullHandler()), lambda: list(OWN.handlers)),
    "state of a logger": (
        lambda: (setattr(OWN, "disabled", True), setattr(OWN, "propagate", False)),
        lambda: (OWN.disabled, OWN.propagate),
    ),
    "level of a handler": (lambda: HANDLER.setLevel(7), lambda: HANDLER.level),
    "basic configuration": (
        lambda: logging.basicConfig(level=1, force=True),
        lambda: (logging.root.level, list(logging.root.handlers)),
    ),
    "logging.disable": (lambda: logging.disable(logging.CRITICAL), lambda: logging.root.isEnabledFor(logging.ERROR)),
    "warnings": (lambda: warnings.simplefilter("ignore"), lambda: list(warnings.filters)),
    "recursion limit": (lambda: sys.setrecursionlimit(sys.getrecursionlimit() + 50), sys.getrecursionlimit),
}
OWN, HANDLER = logging.getLogger("a network's own"), logging.NullHandler()


CHANGES |= {
    "precision": (lambda: torch.set_float32_matmul_precision("medium"), torch.get_float32_matmul_precision),
    "anomalies": (lambda: torch.autograd.set_detect_anomaly(True, check_nan=False), torch.is_anomaly_enabled),
    "default device": (lambda: torch.set_default_device("meta"), lambda: _device.CURRENT_DEVICE),
    "printing": (lambda: torch.set_printoptions(precision=2), lambda: str(torch.tensor(0.12345))),
    "hooks of all modules": (
        lambda: register_module_forward_hook(print),
        lambda: print in modules.module._global_forward_hooks.values(),
    ),
    "folder": (lambda: os.chdir(".."), Path.cwd),
}


@pytest.mark.parametrize("setting", CHANGES)
def test_what_a_pass_sets_for_python_is_put_back(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETCOST_CHANGED", "0")
    monkeypatch.setenv("NETCOST_GONE", "0")
    monkeypatch.setattr(OWN, "handlers", [HANDLER])
    change, read = CHANGES[setting]
    before, seen = read(), []
    trace(Keeping(lambda _: (change(), seen.append(read()))), torch.randn(2, 4))
    assert read() == before != seen[0]


class Counted(Keeping):
    """Its class counts, and keeps what it saw."""

    passes = 0
    seen: ClassVar[list[int]] = []


def test_classes_and_containers_of_other_kinds_are_put_back() -> None:
    def keep(x: Tensor) -> None:
        Counted.passes += 1
        Counted.seen.append(len(x))
        Counted.last = len(x)  # type: ignore[attr-defined]
        model.array.append(2), model.bytes.append(2), model.chain.update(a=1), model.queue.put(1)
        model.random.random(), model.generator.random(), model.state.rand()

    model = Counted(keep)
    model.array, model.bytes, model.chain, model.queue = array("i", [1]), bytearray(1), ChainMap({}), Queue()
    model.random, model.generator = random.Random(1), numpy.random.default_rng(1)
    model.state = numpy.random.RandomState(1)
    trace(model, torch.randn(2, 4))
    assert (Counted.passes, Counted.seen, hasattr(Counted, "last")) == (0, [], False)
    assert (model.array, model.bytes, dict(model.chain), model.queue.qsize()) == (array("i", [1]), bytearray(1), {}, 0)
    assert model.random.random() == random.Random(1).random()
    assert model.generator.random() == numpy.random.default_rng(1).random()
    assert model.state.rand() == numpy.random.RandomState(1).rand()


ITERATORS: dict[str, Callable[[list[nn.Module]], Iterator[Any]]] = {
    "list": iter,
    "cycle": itertools.cycle,
    "cycle in its second round": lambda layers: itertools.islice(itertools.cycle(layers), 3, None),
    "zip": lambda layers: zip(layers, itertools.count()),
    "chain": lambda layers: itertools.chain(layers, iter(layers)),
    "keys": lambda layers: iter(dict.fromkeys(layers)),
}


@pytest.mark.parametrize("kind", ITERATORS)
def test_an_iterator_of_the_model_is_where_it_was(kind: str) -> None:
    layers: list[nn.Module] = [nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)]
    model = Keeping(lambda _: (next(model.turns), next(model.shared[0])))
    model.turns = ITERATORS[kind](layers)
    next(model.turns)
    model.shared = [model.turns]
    turns, same = model.turns, ITERATORS[kind](layers)
    next(same)
    graph = trace(model, torch.randn(2, 4))
    assert model.turns is turns is model.shared[0] and not graph.notes
    assert [next(turns), next(turns)] == [next(same), next(same)]


def test_a_generator_that_the_pass_advanced_is_noted() -> None:
    model = Keeping(lambda _: None)
    model.turns = (index for index in range(9))
    assert not trace(model, torch.randn(2, 4)).notes
    model.keep = lambda _: next(model.turns)
    for traced in (trace(model, torch.randn(2, 4)), trace_step(model, (torch.randn(2, 4),), {})):
        assert "an iterator that cannot be copied (generator)" in " ".join(traced.notes)


@pytest.mark.parametrize(("refused", "left"), [(("__delitem__",), {"y": None}), (("__delitem__", "__setitem__"), None)])
def test_a_mapping_that_deletes_nothing_is_no_error(refused: tuple[str, ...], left: Any) -> None:
    def refuse(*_: Any) -> None:
        raise TypeError("no")

    output = type("Output", (dict,), dict.fromkeys(refused, refuse))()
    graph = trace(Keeping(lambda y: output.update(y=y)), torch.randn(2, 4))
    assert left in (None, dict(output))
    assert [name.endswith("Output?") for name in graph.leftovers] == [left is None]


def test_a_holder_is_named_in_the_notes_of_the_count_and_of_a_comparison() -> None:
    model = Keeping(PLACES["dictionary"][0])
    assert "CACHE; they were taken out" in " ".join(netcost.analyze(model, (2, 4)).notes())
    (entry,) = netcost.compare([model], device="none", inputs=(2, 4)).to_dict()["models"]
    assert any("CACHE" in note for note in entry["count_notes"])


def test_what_cannot_be_taken_out_is_not_timed_here_and_not_said_to_be_gone() -> None:
    model = Keeping(lambda y: KEPT.append(functools.partial(print, y)))
    analysis = netcost.analyze(model, (2, 4))
    assert "partial, and they are still there" in " ".join(analysis.notes())
    with pytest.raises(MeasurementError, match="--isolate"):
        analysis.require_timeable()
    (entry,) = netcost.compare([model], device="cpu", inputs=(2, 4), budget_s=0.1).to_dict()["models"]
    assert "--isolate" in entry["error"] and not entry.get("latency")


def test_a_pass_that_raises_leaves_nothing_either() -> None:
    seen: list[weakref.ref[Tensor]] = []

    def keep(x: Tensor) -> None:
        CACHE["y"] = x
        seen.append(weakref.ref(x))
        raise ValueError("no")

    with pytest.raises(ForwardError) as raised:
        trace(Keeping(keep), torch.randn(2, 4))
    assert not CACHE
    assert raised.value.__cause__ is not None and seen[0]() is None  # nor its frames, which the error holds


def test_what_depends_on_no_input_is_cached_with_its_values() -> None:
    def body(x: Tensor) -> Tensor:
        if "mask" not in CACHE:
            CACHE["mask"] = torch.ones(x.shape[0], x.shape[0], device=x.device).tril()
        return CACHE["mask"] @ x

    x = torch.randn(2048, 3)
    assert trace(body, x).leftovers == ()
    assert torch.equal(CACHE["mask"], torch.ones(2048, 2048).tril())
    assert "_netcost" not in vars(CACHE["mask"])
    weight = torch.ones(3, requires_grad=True)
    body(x * weight).sum().backward()  # an inference tensor could not be saved for this
    assert weight.grad is not None


def test_plain_objects_of_the_model_are_put_back() -> None:
    class Rotary:
        length = 0
        seen: dict[int, int]

    rotary = Rotary()
    rotary.seen = {1: 1}

    def keep(x: Tensor) -> None:
        rotary.length, rotary.values = len(x), x  # type: ignore[attr-defined]
        rotary.seen[2] = 2

    model = Keeping(keep)
    model.rotary = rotary
    assert trace(model, torch.randn(2, 4)).leftovers == ()
    assert vars(rotary) == {"seen": {1: 1}}


def test_inputs_are_copied_for_each_pass() -> None:
    past = SimpleNamespace(keys=[torch.zeros(1, 3)])

    def body(x: Tensor, past: Any) -> Tensor:
        past.keys.append(x)
        return torch.cat(past.keys)

    graph = trace(body, torch.randn(1, 3), past)
    assert graph.outputs[0].shape == (2, 3)
    assert len(graph.inputs) == 2 and len(past.keys) == 1


def test_other_threads_see_torch_as_it_is() -> None:
    seen: dict[str, Any] = {}

    def look() -> None:
        seen["device"] = torch.empty(2, device="meta").device.type
        with torch.autocast("cpu"):
            seen["autocast"] = torch.is_autocast_enabled("cpu")

    def body(x: Tensor) -> Tensor:
        other = threading.Thread(target=look)
        other.start()
        other.join()
        with torch.autocast(x.device.type):  # torch knows no autocast on "meta"
            return x.exp()

    before = torch.set_autocast_enabled, dict(vars(Tensor))
    trace(body, torch.randn(2, 3))
    assert seen == {"device": "meta", "autocast": True}
    assert (torch.set_autocast_enabled, dict(vars(Tensor))) == before


@pytest.mark.parametrize("name", ["mobilenet_v1", "torchvision:vit_b_16", "torchvision:swin_t"])
def test_a_training_step_after_an_analysis_has_the_same_loss(name: str) -> None:
    def loss(analysed: bool) -> Tensor:
        torch.manual_seed(0)
        target = netcost.resolve(name)
        model = target.build().train()
        x = torch.randn(2, *target.required_inputs()[0].shape[1:])
        if analysed:
            netcost.analyze(model, x)
        torch.manual_seed(1)
        result: Tensor = model(x).square().mean()
        result.backward()
        return result.detach()

    assert torch.equal(loss(False), loss(True))


def test_importing_torchs_compiler_in_the_pass_is_no_error() -> None:
    def body(x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, torch.exp, torch.sin, (x,))

    assert trace(body, torch.randn(2, 3)).outputs[0].shape == (2, 3)
    assert "torch._dynamo" in sys.modules


def test_what_values_decide_is_still_said() -> None:
    with pytest.raises(DataDependentError):
        trace(lambda x: x if x.sum() > 0 else -x, torch.randn(2, 3))
