"""The tracer: what it records, that it leaves the model as it was, and what it says where it cannot go on."""

from __future__ import annotations

import copy
import io
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

import netcost
from netcost.counting.count import count as counted
from netcost.graph.graph import CONSTANT, MODEL_INPUT, Graph, Op, TensorSpec
from netcost.graph.rules import RULES
from netcost.targets.naming import Target, resolve
from netcost.targets.weightless import weightless
from netcost.text.errors import DataDependentError, ForwardError, RequestError
from netcost.tracing import InputSpec, trace

# Of torch's own, about what these tests do on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:::torch")

Body = Callable[..., Any]


class Net(nn.Module):
    """A linear layer, and a forward pass that each test writes itself."""

    def __init__(self, body: Body, **attributes: Any) -> None:
        super().__init__()
        self.body = body
        self.linear = nn.Linear(4, 4)
        self.register_buffer("steps", torch.zeros(3))
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.body(self, *args, **kwargs)


def batch() -> Tensor:
    return torch.randn(3, 4)


def work(graph: Graph) -> list[str]:
    """Names of the operators that are no views, without their namespace."""
    return [op.name.removeprefix("aten.") for op in graph.ops if not op.is_view]


def only(graph: Graph, name: str) -> Op:
    """The one operator of that name."""
    (found,) = [op for op in graph.ops if op.name == f"aten.{name}"]
    return found


def index(graph: Graph, name: str) -> int:
    return graph.ops.index(only(graph, name))


# The model is untouched


class Frozen(nn.Module):
    """Batch norm that never trains, by a `train` of its own that also stops its parameters from training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def train(self, mode: bool = True) -> Frozen:
        super().train(mode)
        self.norm.eval()
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class Restless(nn.Module):
    """Changes all of itself that a forward pass can change."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.frozen = Frozen()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.encoder = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.drop = nn.Dropout(0.5)
        self.register_buffer("steps", torch.arange(3.0))
        self.table = torch.arange(4.0)
        self.calls = 0
        self.cache: dict[str, Any] = {"kept": [torch.ones(2)]}
        self.log: list[int] = []
        self.recent: deque[int] = deque([1, 2], maxlen=2)
        self.heard: list[str] = []
        self.linear.register_forward_pre_hook(lambda *_: self.heard.append("before"))
        self.linear.register_forward_hook(lambda *_: self.heard.append("after"))

    def forward(self, x: Tensor, fail: bool = False) -> Tensor:
        self.calls += 1
        self.seen = x
        self.log.append(self.calls)
        self.recent.append(self.calls)
        self.cache["seen"] = x
        self.cache["kept"].append(x)
        self.late = nn.Linear(4, 4)
        self.register_forward_hook(lambda *_: None)
        self.steps += 1
        self.steps[0] = 7.0
        self.table[1:3].mul_(5)
        torch.add(self.table, 1, out=self.table)
        self.table.unsqueeze_(0)
        self.linear.weight.data.mul_(2)
        self.linear.weight.requires_grad_(False)
        if self.linear.weight.grad is not None:  # a copy has none
            self.linear.weight.grad.zero_()
            self.linear.weight.grad = None
        x = self.drop(self.frozen(self.norm(self.late(self.linear(x))))) + torch.rand(4)
        x = x + self.attention(x[None], x[None], x[None], need_weights=False)[0][0]
        x = self.encoder(x[None])[0]
        if fail:
            raise ValueError("midway")
        return x


def fingerprint(model: nn.Module) -> list[Any]:
    """All that makes a model what it is, and torch's own state beside it, as comparable values."""
    everything: list[Any] = []
    for name, module in model.named_modules():
        everything.append((name, id(module), module.training))
        everything += [(name, key, contents(value)) for key, value in vars(module).items()]
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        everything.append(
            (name, id(tensor), values(tensor), tensor.requires_grad, id(tensor.grad), values(tensor.grad))
        )
    everything += [
        torch.random.get_rng_state().tolist(),
        torch.backends.mha.get_fastpath_enabled(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.set_autocast_enabled,
        torch.backends.mkldnn.enabled,
        [(name, contents(table)) for name, table in vars(torch_module).items() if name.startswith("_global_")],
    ]
    return everything


def values(tensor: Any) -> Any:
    if tensor is None or tensor.is_meta:
        return tensor if tensor is None else tuple(tensor.shape)
    return tensor.tolist(), tuple(tensor.shape), sorted(vars(tensor))


def contents(value: Any) -> Any:
    """Containers by what is in them, tensors by their values, anything else by its identity."""
    if isinstance(value, Tensor):
        return id(value), values(value)
    if isinstance(value, dict):
        return id(value), [(key, contents(part)) for key, part in value.items()]
    if isinstance(value, list | deque | set):
        return id(value), [contents(part) for part in value]
    return id(value)


@pytest.fixture
def restless() -> Iterator[Restless]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the encoder layer says why it takes no fast path
        model = Restless()
        model.linear(batch()).sum().backward()
        model.heard.clear()
        model.eval()
        model.drop.train()  # flags that no single `train` would put back
        model.frozen.norm.train()
        yield model


@pytest.mark.parametrize("fail", [False, True], ids=["returns", "raises"])
@pytest.mark.parametrize("concrete", [False, True], ids=["on shapes", "concrete"])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_model_and_torch_are_as_they_were(restless: Restless, mode: str, concrete: bool, fail: bool) -> None:
    x = batch()
    kept, before = x.clone(), fingerprint(restless)
    if fail:
        with pytest.raises(ForwardError, match="midway"):
            trace(restless, x, fail=True, mode=mode, concrete=concrete)
    else:
        trace(restless, x, mode=mode, concrete=concrete)
    assert fingerprint(restless) == before
    assert torch.equal(x, kept) and not vars(x) and not x.is_inference()


def test_a_model_on_the_meta_device_is_as_it_was(restless: Restless) -> None:
    model = copy.deepcopy(restless).to("meta")
    model.linear.weight.grad = torch.zeros(4, 4, device="meta")
    x = batch()
    before = fingerprint(model)
    trace(model, x, mode="train")
    assert fingerprint(model) == before


def test_the_model_still_computes_and_learns_after_a_trace() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU())
    twin, x = copy.deepcopy(model), batch()
    trace(model, x, mode="train")
    for network in (model, twin):
        network(x).sum().backward()
    assert torch.equal(model(x), twin(x))
    assert [p.grad.tolist() for p in model.parameters()] == [p.grad.tolist() for p in twin.parameters()]


def test_batch_statistics_stay_as_they_were_in_training_mode() -> None:
    model = nn.BatchNorm1d(4)
    graph = trace(model, batch(), mode="train")
    assert only(graph, "batch_norm").arguments["training"] is True
    assert model.num_batches_tracked.item() == 0 and model.running_mean.tolist() == [0.0] * 4


def test_a_train_method_of_the_model_s_own_is_obeyed() -> None:
    graph = trace(Frozen(), batch(), mode="train")
    assert only(graph, "batch_norm").arguments["training"] is False


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(RequestError, match=r"'test'.* eval, train"):
        trace(nn.ReLU(), batch(), mode="test")


# Inputs and outputs


def total(_: Net, *args: Any, **kwargs: Any) -> Tensor:
    """The sum of every tensor in the arguments."""

    def tensors(value: Any) -> Iterator[Tensor]:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, dict):
            yield from (leaf for part in value.values() for leaf in tensors(part))
        elif isinstance(value, list | tuple):
            yield from (leaf for part in value for leaf in tensors(part))

    return sum(tensor.float().sum() for tensor in tensors([args, kwargs]))


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    ("args", "kwargs", "shapes"),
    [
        ([(3, 4)], {}, [(3, 4)]),
        ([(3, 4), (5,)], {}, [(3, 4), (5,)]),
        ([(3, 4)], {"mask": (3,)}, [(3, 4), (3,)]),
        ([], {"ids": (2,), "mask": (3,)}, [(2,), (3,)]),
        ([{"a": (2,), "b": [(3,), {"c": (4,)}]}], {}, [(2,), (3,), (4,)]),
        ([[(2,), [(3,)]], 5, None, "text"], {}, [(2,), (3,)]),
        ([Pair((2,), (3,))], {}, [(2,), (3,)]),
    ],
    ids=["one", "several", "keyword too", "keywords", "dict", "nested lists", "named tuple"],
)
def test_inputs_may_be_of_any_nesting(device: str, args: Any, kwargs: Any, shapes: Any) -> None:
    def made(value: Any) -> Any:
        if isinstance(value, Pair):
            return Pair(*map(made, value))
        if isinstance(value, tuple):
            return torch.ones(value, device=device)
        if isinstance(value, list):
            return list(map(made, value))
        return {key: made(part) for key, part in value.items()} if isinstance(value, dict) else value

    for model_device in ("cpu", "meta"):
        graph = trace(Net(total).to(model_device), *made(args), **made(kwargs))
        assert [spec.shape for spec in graph.inputs] == shapes
        assert work(graph).count("sum") == len(shapes)
        assert all(op.sources == (MODEL_INPUT,) for op in graph.ops if op.name == "aten.sum")


def test_integer_inputs_keep_their_type() -> None:
    graph = trace(nn.Embedding(10, 4), torch.tensor([[1, 2, 3]]))
    assert graph.inputs == (TensorSpec((1, 3), "int64", 8),)
    assert graph.outputs == (TensorSpec((1, 3, 4)),)
    assert only(graph, "embedding").parameters == ("weight", None)


def test_a_tensor_that_is_passed_twice_is_one_tensor_in_the_model_too() -> None:
    x = batch()
    graph = trace(Net(lambda _, a, b: (a + b if a is b else None, a.add_(1), b * 2)), x, x)
    assert work(graph) == ["add", "add_", "mul"]
    assert graph.ops[2].sources == (1,)
    assert [storage.size_bytes for storage in graph.storages if storage.born == -1] == [3 * 4 * 4]


@dataclass
class Result:
    logits: Tensor
    hidden: list[Tensor]
    loss: Tensor | None = None


class Plain:
    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.itself = self


OUTPUTS: dict[str, tuple[Body, list[tuple[int, ...]]]] = {
    "tensor": (lambda _, y: y, [(3, 4)]),
    "tuple": (lambda _, y: (y, y[0]), [(3, 4), (4,)]),
    "dict": (lambda _, y: {"out": y, "aux": [y[0], None]}, [(3, 4), (4,)]),
    "ordered dict": (lambda _, y: OrderedDict(out=y), [(3, 4)]),
    "named tuple": (lambda _, y: Pair(y, y[0]), [(3, 4), (4,)]),
    "data class": (lambda _, y: Result(y, [y[0], y[1, :2]]), [(3, 4), (4,), (2,)]),
    "data class in a tuple": (lambda _, y: (3, Result(y, [])), [(3, 4)]),
    "plain object": (lambda _, y: Plain(y), [(3, 4)]),
    "nothing": (lambda _, _y: None, []),
    "a number": (lambda _, _y: 3, []),
}


@pytest.mark.parametrize("nesting", OUTPUTS)
def test_outputs_may_be_of_any_nesting(nesting: str) -> None:
    body, shapes = OUTPUTS[nesting]
    graph = trace(Net(lambda net, x: body(net, net.linear(x))), batch())
    assert [spec.shape for spec in graph.outputs] == shapes
    assert graph.output_sources == (index(graph, "linear"),) * len(shapes)


@pytest.mark.parametrize(
    ("body", "source"),
    [
        (lambda _, x: x, MODEL_INPUT),
        (lambda _, x: x[0], MODEL_INPUT),
        (lambda net, _x: net.linear.weight, CONSTANT),
        (lambda net, _x: net.linear.weight.t(), CONSTANT),
        (lambda net, _x: net.steps, CONSTANT),
        (lambda _, _x: torch.tensor([1.0]), CONSTANT),
        (lambda _, _x: torch.zeros(2), 0),
    ],
    ids=["input", "view of the input", "parameter", "view of a parameter", "buffer", "constant", "made inside"],
)
def test_an_output_says_where_it_comes_from(body: Body, source: int) -> None:
    graph = trace(Net(body), batch())
    assert graph.output_sources == (source,)


# Attribution


def test_operators_belong_to_the_module_they_ran_in_by_its_full_name() -> None:
    model = nn.Sequential(OrderedDict(stem=nn.Linear(4, 4), body=nn.ModuleList([nn.Sequential(nn.ReLU(), nn.Tanh())])))
    model.forward = lambda x: model.body[0](model.stem(x)).exp()  # type: ignore[method-assign]
    graph = trace(model, batch())
    assert [(op.name, op.module) for op in graph.ops] == [
        ("aten.linear", "stem"),
        ("aten.relu", "body.0.0"),
        ("aten.tanh", "body.0.1"),
        ("aten.exp", ""),
    ]
    assert graph.calls == {"": 1, "stem": 1, "body.0": 1, "body.0.0": 1, "body.0.1": 1}
    assert graph.modules["body.0"] == "Sequential" and "body" in graph.modules


def test_modules_in_lists_and_dicts_have_their_keys_for_names() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        for layer in net.layers:
            x = layer(x)
        return net.heads["left"](x)

    layers = nn.ModuleList([nn.Linear(4, 4), nn.ReLU()])
    graph = trace(Net(body, layers=layers, heads=nn.ModuleDict({"left": nn.Tanh()})), batch())
    assert [op.module for op in graph.ops] == ["layers.0", "layers.1", "heads.left"]


def test_a_module_called_twice_is_two_calls() -> None:
    graph = trace(Net(lambda net, x: net.linear(net.linear(x))), batch())
    assert [(op.module, op.call) for op in graph.ops] == [("linear", 0), ("linear", 1)]
    assert graph.calls["linear"] == 2
    assert netcost.analyze(Net(lambda net, x: net.linear(net.linear(x))), (3, 4)).params == 4 * 4 + 4


def test_functional_calls_belong_to_the_caller_around_the_calls_of_its_modules() -> None:
    graph = trace(Net(lambda net, x: F.relu(net.linear(F.gelu(x)))), batch())
    assert [op.module for op in graph.ops] == ["", "linear", ""]


def test_a_module_made_in_the_forward_pass_belongs_to_its_maker() -> None:
    block = Net(lambda _, x: nn.Sequential(nn.ReLU(), nn.Tanh())(x))
    graph = trace(Net(lambda net, x: net.block(x), block=block), batch())
    assert [op.module for op in graph.ops] == ["block", "block"]


def test_a_module_under_two_names_goes_by_the_first() -> None:
    shared = nn.Linear(4, 4)
    graph = trace(nn.Sequential(OrderedDict(first=shared, second=shared)), batch())
    assert [(op.module, op.call) for op in graph.ops] == [("first", 0), ("first", 1)]
    assert list(graph.parameters) == ["first.weight", "first.bias"]


def test_hooks_of_the_user_s_own_run_and_their_operators_are_recorded() -> None:
    model = Net(lambda net, x: net.linear(x))
    model.linear.register_forward_pre_hook(lambda _, args: (args[0].exp(),))
    model.linear.register_forward_hook(lambda _, _args, result: result.sin())
    graph = trace(model, batch())
    # Torch runs global hooks, by which we listen, before a module's own: after the module has been left.
    assert [(op.name, op.module) for op in graph.ops] == [
        ("aten.exp", "linear"),
        ("aten.linear", "linear"),
        ("aten.sin", ""),
    ]
    assert graph.ops[2].sources == (1,) and graph.output_sources == (2,)


def test_an_error_that_the_model_catches_itself_leaves_the_failed_module() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        try:
            return net.linear(x[:, :2])
        except RuntimeError:
            return x.relu()

    assert only(trace(Net(body), batch()), "relu").module == ""


def test_a_forward_that_is_called_directly_belongs_to_its_caller() -> None:
    graph = trace(Net(lambda net, x: net.linear.forward(x)), batch())
    assert [op.module for op in graph.ops] == [""]
    assert graph.calls == {"": 1}


# Data flow


def test_readers_depend_on_the_last_in_place_writer() -> None:
    graph = trace(Net(lambda net, x: net.linear(x).relu_().add_(1).exp()), batch())
    assert [(op.name, op.sources[0]) for op in graph.ops] == [
        ("aten.linear", MODEL_INPUT),
        ("aten.relu_", 0),
        ("aten.add_", 1),
        ("aten.exp", 2),
    ]


def test_index_assignment_makes_later_readers_depend_on_it() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        y = torch.zeros_like(x)
        y[:, 1:3] = net.linear(x)[:, :2]
        return y.exp()

    graph = trace(Net(body), batch())
    copied = only(graph, "copy_")
    assert copied.sources == (index(graph, "zeros_like"), index(graph, "linear"))
    assert only(graph, "exp").sources == (index(graph, "copy_"),)


def test_a_write_through_one_view_is_seen_through_another() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        y = net.linear(x)
        halves = y.chunk(2, dim=1)
        halves[0].mul_(2)
        return y.t().exp() + halves[1].sin().sum()

    graph = trace(Net(body), batch())
    for reader in ("exp", "sin"):
        assert only(graph, reader).sources == (index(graph, "mul_"),)


def test_views_are_recorded_as_views_and_looked_through() -> None:
    graph = trace(Net(lambda net, x: net.linear(x).view(2, 6).t()[1:].unsqueeze(0).expand(2, -1, -1).exp()), batch())
    views = [op for op in graph.ops if op.is_view]
    assert [op.name for op in views] == [f"aten.{n}" for n in ("view", "t", "slice", "unsqueeze", "expand")]
    assert only(graph, "exp").sources == (index(graph, "linear"),)
    assert only(graph, "exp").inputs[0] == TensorSpec((2, 5, 2), broadcast=2, layout="strided")


def test_a_reshape_that_must_copy_is_no_view() -> None:
    graph = trace(Net(lambda net, x: net.linear(x).t().reshape(12)), batch())
    assert work(graph) == ["linear", "reshape"]
    assert graph.output_sources == (index(graph, "reshape"),)


def test_an_in_place_view_changes_the_shape_and_writes_nothing() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        y = net.linear(x)
        y.unsqueeze_(0).transpose_(1, 2)
        return y.exp()

    graph = trace(Net(body), batch())
    assert work(graph) == ["linear", "exp"]
    assert only(graph, "exp").inputs == (TensorSpec((1, 4, 3), layout="permuted"),)
    assert only(graph, "exp").sources == (0,)


def test_out_arguments_are_written_to() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        y, largest, where = torch.empty_like(x), torch.empty(3), torch.empty(3, dtype=torch.long)
        torch.add(net.linear(x), 1, out=y)
        torch.max(y, 1, out=(largest, where))
        return largest.exp()

    graph = trace(Net(body), batch())
    assert only(graph, "max").sources[0] == index(graph, "add")
    assert only(graph, "exp").sources == (index(graph, "max"),)
    assert only(graph, "max").outputs == (TensorSpec((3,)), TensorSpec((3,), "int64", 8))


@pytest.mark.parametrize(
    ("body", "read", "written"),
    [
        (lambda _, x: torch.add(x, x.exp(), out=torch.empty(3, 4)), 2 * 12, 12),
        (lambda _, x: torch.max(x, 1, out=(torch.empty(3), torch.empty(3, dtype=torch.long)))[0], 12, 2 * 3),
        (lambda _, x: torch.sort(x, 1, out=(torch.empty(3, 4), torch.empty(3, 4, dtype=torch.long)))[0], 12, 2 * 12),
        (lambda net, x: torch.mm(x, net.linear.weight, out=torch.empty(3, 4)), 12 + 16, 12),
        (lambda _, x: torch.clamp(x, min=x.exp()), 2 * 12, 12),  # an operand, although `out=` has such a name
    ],
    ids=["add", "max", "sort", "mm", "clamp"],
)
def test_out_arguments_are_not_read(body: Body, read: int, written: int) -> None:
    for concrete in (False, True):
        count = counted(trace(Net(body), batch(), concrete=concrete))
        assert count.costs[-1].memory_access == read + written


def test_lists_that_are_written_in_place_are_all_written() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        both = [x.clone(), net.linear(x)]
        torch._foreach_add_(both, 1.0)
        return both[0].exp() + both[1].sin()

    graph = trace(Net(body), batch())
    written = index(graph, "_foreach_add_")
    assert only(graph, "exp").sources == only(graph, "sin").sources == (written,)
    assert len(graph.ops[written].outputs) == 2


def test_an_operator_that_writes_and_returns_gives_its_new_tensors_first() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        y, _, _ = torch.ops.aten._native_batch_norm_legit(x, None, None, net.mean, net.variance, True, 0.1, 1e-5)
        return y.exp() + net.mean.sin()

    graph = trace(Net(body, mean=torch.zeros(4), variance=torch.ones(4)), batch())
    norm = only(graph, "_native_batch_norm_legit")
    assert [spec.shape for spec in norm.outputs] == [(3, 4), (4,), (4,), (4,), (4,)]
    assert only(graph, "exp").sources == only(graph, "sin").sources == (graph.ops.index(norm),)


def test_an_operator_that_gives_back_its_input_did_nothing() -> None:
    graph = trace(Net(lambda _, x: F.dropout(x, 0.5, False).contiguous().to(torch.float32).resolve_conj()), batch())
    assert graph.ops == () and graph.output_sources == (MODEL_INPUT,)


def test_a_profiler_s_mark_is_no_operator() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        with torch.profiler.record_function("stem"):
            return net.linear(x)

    assert work(trace(Net(body), batch())) == ["linear"]


def test_parameters_are_known_through_views_and_detached() -> None:
    graph = trace(Net(lambda net, x: x @ net.linear.weight.detach().t() + net.linear.weight.data[0]), batch())
    assert only(graph, "matmul").parameters == (None, "linear.weight")
    assert only(graph, "add").parameters == (None, "linear.weight")


def test_tied_weights_are_one_parameter() -> None:
    model = nn.Sequential(nn.Embedding(4, 4), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    graph = trace(model, torch.tensor([1, 2]))
    assert list(graph.parameters) == ["0.weight"]
    assert only(graph, "linear").parameters == (None, "0.weight")


# Constants of the model's own, which keep their values


CONSTANTS: dict[str, tuple[Body, list[str]]] = {
    "moved to the weights": (lambda n, x: n.linear(x.to(n.linear.weight.device)), ["linear"]),
    "made beside the weights": (
        lambda n, x: n.linear(x) + torch.zeros(4, device=n.linear.weight.device),
        ["linear", "zeros", "add"],
    ),
    "made beside the input": (lambda _, x: x + torch.ones(4, device=x.device), ["ones", "add"]),
    "moved to the input": (lambda _, x: x + torch.ones(4).to(x.device), ["ones", "add"]),
    "moved like the input": (lambda _, x: x + torch.ones(4).to(x), ["ones", "add"]),
    "new of the input": (lambda _, x: x + x.new_zeros(4), ["new_zeros", "add"]),
    "looked at by item": (lambda _, x: x * torch.arange(4)[2].item(), ["arange", "mul"]),
    "looked at beside the input": (lambda _, x: x * torch.arange(4, device=x.device)[2].item(), ["arange", "mul"]),
    "looked at as a list": (lambda _, x: x * sum(torch.linspace(0, 1, 3).tolist()), ["linspace", "mul"]),
    "looked at after it met the input": (
        lambda _, x: (lambda t: x[t] * t.tolist()[1] * t[1].item())(torch.arange(3)),
        ["arange", "index", "mul", "mul"],
    ),
    "a list": (lambda _, x: x + torch.tensor([1.0, 2, 3, 4], device=x.device), ["add"]),
    "a mask": (lambda _, x: x[:, torch.tensor([True, False, True, True])], ["index"]),
    "a mask that is made": (lambda _, x: x[torch.arange(3) > 0], ["arange", "gt", "index"]),
    "a mask of a buffer": (lambda n, x: x[n.steps == 0], ["eq", "index"]),
    "a mask of two dimensions": (lambda _, x: x[torch.ones(3, 4).triu(1).bool()], ["ones", "triu", "to", "index"]),
    "a causal mask": (
        lambda _, x: (x @ x.t()).masked_fill(torch.ones(3, 3, device=x.device).triu(1).bool(), float("-inf")),
        ["matmul", "ones", "triu", "to", "masked_fill"],
    ),
    "a buffer's values": (lambda n, x: x * (n.steps + 1).sum().item(), ["add", "sum", "mul"]),
}


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("use", CONSTANTS)
def test_constants_keep_their_values_wherever_the_weights_are(use: str, device: str) -> None:
    body, expected = CONSTANTS[use]
    model = Net(body)
    model.linear.to(device)
    graph = trace(model, batch())
    assert work(graph) == expected
    if device == "cpu":
        assert alike(graph) == alike(trace(model, batch(), concrete=True))


def alike(graph: Graph) -> list[Any]:
    """What a trace on shapes and one on real tensors have in common: everything but lifetimes."""
    return [(op.name, op.inputs, op.outputs, op.sources, op.parameters, op.module) for op in graph.ops]


def test_a_mask_of_constants_picks_as_many_as_it_has() -> None:
    graph = trace(Net(lambda _, x: x[torch.tensor([True, False, True])].exp()), batch())
    assert graph.outputs == (TensorSpec((2, 4)),)
    assert only(graph, "index").inputs[1] == TensorSpec((3,), "bool", 1)


def test_a_constant_that_took_values_from_the_input_has_lost_its_own() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        lengths = torch.zeros(3)
        lengths[0] = x.sum()
        return x * lengths[1].item()

    with pytest.raises(DataDependentError):
        trace(Net(body), batch())
    assert work(trace(Net(body), batch(), concrete=True))[-1] == "mul"


@pytest.mark.parametrize(
    "body",
    [
        lambda _, x: x + torch.arange(10**12).sum(),
        lambda _, x: x + torch.zeros(10**6, 10**6, device=x.device).sum(),
        lambda _, x: x + torch.ones(3).new_zeros((10**6, 10**6)).sum(),
        lambda _, x: x + torch.ones(3).repeat(10**6, 10**6).sum(),
        lambda _, x: x + (torch.arange(10**6)[:, None] - torch.arange(10**6)[None]).sum(),
        lambda _, x: x + torch.ones(3).expand(10**6, 3).reshape(-1).outer(torch.ones(10**6)).sum(),
    ],
    ids=["arange", "zeros", "new_zeros", "repeat", "broadcast", "outer"],
)
def test_large_constants_are_kept_as_shapes(body: Body) -> None:
    assert work(trace(Net(body), batch()))[-2:] == ["sum", "add"]


def test_shapes_are_numbers_to_compute_and_decide_with() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        height, width = x.shape
        if x.size(0) * width > 10 and len(x) == height and x.numel() % 2 == 0:
            return x.reshape(height * width // 2, -1).exp()
        return x.sin()

    assert trace(Net(body), batch()).outputs == (TensorSpec((6, 2)),)
    assert work(trace(Net(body), torch.randn(2, 4))) == ["sin"]


# Values of the input, which a trace on shapes does not have


LOOKS: dict[str, Body] = {
    "item": lambda _, x: x * x.sum().item(),
    "float": lambda _, x: x * float(x.sum()),
    "if": lambda _, x: x.exp() if x.sum() > 0 else x.sin(),
    "range": lambda _, x: [x + number for number in range(int(x.abs().max()) % 2 + 1)],
    "tolist": lambda _, x: x * x[0].tolist()[0],
    "numpy": lambda _, x: x + torch.from_numpy(x.cpu().numpy()),
    "nonzero": lambda _, x: x.nonzero().float().sum(),
    "where": lambda _, x: torch.where(x > 0)[0],
    "mask": lambda _, x: x[x > 0],
    "masked_select": lambda _, x: x.masked_select(x > 0),
    "unique": lambda _, x: x.long().unique(),
    "unique rows": lambda _, x: torch.unique(x, dim=0),
    "bincount": lambda _, x: x.abs().long().flatten().bincount(),
    "repeat_interleave": lambda _, x: x.repeat_interleave(x[:, 0].abs().long(), dim=0),
    "equal": lambda _, x: x.exp() if torch.equal(x, x + 1) else x.sin(),
    "one_hot": lambda _, x: F.one_hot(x.abs().long()),
    "a weight's value": lambda net, x: x * net.linear.weight.sum().item(),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_at_values_says_where_and_points_to_concrete(look: str) -> None:
    model, x = Net(LOOKS[look]), batch()
    before = fingerprint(model)
    here = rf"\(test_tracing\.py:{LOOKS[look].__code__.co_firstlineno}\)"
    with pytest.raises(DataDependentError, match=rf"the model asks for the values of a tensor: .*{here}.*--concrete"):
        trace(model, x)
    assert work(trace(model, x, concrete=True))
    assert fingerprint(model) == before


def test_a_look_at_values_names_the_module_that_looked() -> None:
    model = nn.Sequential(OrderedDict(stem=nn.Linear(4, 4), route=Net(LOOKS["if"])))
    with pytest.raises(DataDependentError, match=r"module 'route' asks for the values .*aten._local_scalar_dense"):
        trace(model, batch())


def test_a_model_cannot_mistake_a_look_at_values_for_an_error_of_its_own() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        try:
            return x * x.sum().item()
        except RuntimeError:
            return x

    with pytest.raises(DataDependentError):
        trace(Net(body), batch())


def test_masks_to_assign_by_need_no_values() -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        y = net.linear(x)
        y[y > 0] = 0.0
        return y

    graph = trace(Net(body), batch())
    assert graph.output_sources == (index(graph, "index_put_"),)


def test_concrete_runs_on_random_values_where_an_input_has_none() -> None:
    graph = trace(Net(LOOKS["if"]), torch.empty(3, 4, device="meta"), concrete=True)
    assert graph.inputs == (TensorSpec((3, 4)),)
    assert netcost.analyze(Net(LOOKS["if"]), (3, 4), concrete=True).graph.ops == graph.ops


def test_concrete_needs_a_model_with_values() -> None:
    with pytest.raises(RequestError, match="this model has none"):
        trace(Net(LOOKS["if"]).to("meta"), batch(), concrete=True)


def test_concrete_says_so_where_a_model_cannot_be_copied() -> None:
    with pytest.raises(RequestError, match=r"cannot be copied: TypeError: cannot pickle 'generator' object"):
        trace(Net(LOOKS["if"], stream=(letter for letter in "ab")), batch(), concrete=True)


# Errors of the model's own


class Broken(nn.Module):
    def forward(self, _: Tensor) -> Tensor:
        raise KeyError("no such head")


def test_a_module_that_raises_is_named_with_file_and_line() -> None:
    line = Broken.forward.__code__.co_firstlineno + 1
    model = nn.Sequential(OrderedDict(stem=nn.ReLU(), head=nn.Sequential(Broken())))
    expected = rf"raised in module 'head\.0': KeyError: 'no such head' \(test_tracing\.py:{line}\)"
    with pytest.raises(ForwardError, match=expected) as caught:
        trace(model, batch())
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.exit_code == 2


def test_an_error_inside_torch_is_placed_at_the_line_that_called_it() -> None:
    body = lambda net, x: net.linear(x[:, :2])  # noqa: E731
    with pytest.raises(
        ForwardError, match=rf"in module 'linear': .*\(test_tracing\.py:{body.__code__.co_firstlineno}\)"
    ):
        trace(Net(body), batch())


def test_wrong_channels_are_said_as_such() -> None:
    with pytest.raises(ForwardError, match=r"in module '0': .*takes 3 input channels and got 4"):
        trace(nn.Sequential(nn.Conv2d(3, 8, 1)), torch.randn(1, 4, 8, 8))


def test_an_empty_list_is_torch_s_own_error() -> None:
    with pytest.raises(ForwardError, match="non-empty"):
        trace(Net(lambda _, _x: torch.cat([])), batch())


def test_a_missing_argument_of_forward_is_said_as_python_says_it() -> None:
    with pytest.raises(ForwardError, match=r"TypeError: .*forward\(\) missing 1 required positional argument"):
        trace(nn.Linear(4, 4))


# Torch's own machinery


def alike_on_both(model: nn.Module, *inputs: Tensor, mode: str = "eval") -> Graph:
    """The graph of a trace on shapes, once one on real tensors has been found to agree."""
    graph = trace(model, *inputs, mode=mode)
    assert alike(graph) == alike(trace(model, *inputs, mode=mode, concrete=True))
    return graph


@pytest.mark.parametrize("switch", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_gradients_may_be_switched_inside(switch: Any) -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        with switch():
            x = net.linear(x)
        return x.relu()

    assert work(alike_on_both(Net(body), batch())) == ["linear", "relu"]


@pytest.mark.parametrize("around", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_a_trace_may_be_taken_inside_any_gradient_mode(around: Any) -> None:
    plain = trace(nn.Linear(4, 4), batch())
    with around():
        assert trace(nn.Linear(4, 4), batch()) == plain


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_autocast_is_ignored_inside_and_around(device: str) -> None:
    def body(net: Net, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return net.linear(x).relu()

    model = Net(body).to(device)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        graph = trace(model, batch())
        assert torch.is_autocast_enabled("cpu")
        assert torch.mm(batch(), batch().t()).dtype is torch.bfloat16
    assert work(graph) == ["linear", "relu"]
    assert graph.outputs == (TensorSpec((3, 4), "float32", 4),)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.mm(batch(), batch().t()).dtype is torch.bfloat16


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_checkpoints_are_run_through(use_reentrant: bool) -> None:
    model = Net(lambda net, x: checkpoint(net.linear, x, use_reentrant=use_reentrant))
    graph = alike_on_both(model, batch())
    # Up to torch 2.11 at least, a checkpoint makes two empty tensors; they cost nothing.
    assert [(op.name, op.module) for op in graph.ops if op.name != "aten.empty"] == [("aten.linear", "linear")]


def test_einsum_is_recorded_as_the_product_that_it_is() -> None:
    graph = alike_on_both(Net(lambda net, x: torch.einsum("bi,oi->bo", x, net.linear.weight)), batch())
    assert work(graph) == ["bmm"]
    assert only(graph, "bmm").parameters == (None, "linear.weight")


LENGTH = 3


@pytest.mark.parametrize("recurrent", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_are_their_linear_layers_step_by_step(recurrent: Any) -> None:
    graph = alike_on_both(recurrent(4, 5, num_layers=2, batch_first=True), torch.randn(2, LENGTH, 4))
    assert work(graph).count("linear") == 2 * (1 + LENGTH)  # all inputs at once, then a step each
    assert len({name for op in graph.ops for name in op.parameters if name}) == 2 * 4
    assert graph.outputs[0].shape == (2, LENGTH, 5)


def test_a_transformer_layer_is_not_hidden_in_its_fast_path() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    graph, real = trace(layer, torch.randn(2, 5, 8)), trace(layer, torch.randn(2, 5, 8), concrete=True)
    assert [op.name for op in graph.ops] == [op.name for op in real.ops]
    parts = [op.module for op in graph.ops if op.name in ("aten.linear", "aten.scaled_dot_product_attention")]
    assert parts == ["self_attn"] * 3 + ["linear1", "linear2"]


def test_multi_head_attention_sees_that_query_key_and_value_are_one() -> None:
    attention, x = nn.MultiheadAttention(8, 2, batch_first=True), torch.randn(1, 5, 8)
    packed = [op.outputs[0].shape for op in alike_on_both(attention, x, x, x).ops if op.name == "aten.linear"]
    apart = [op.outputs[0].shape for op in trace(attention, x, x.clone(), x.clone()).ops if op.name == "aten.linear"]
    assert packed[0] == (5, 1, 3 * 8)
    assert apart[:3] == [(5, 1, 8)] * 3


ATTENTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal": {"is_causal": True},
    "boolean mask": {"attn_mask": torch.ones(5, 5, dtype=torch.bool)},
    "real mask": {"attn_mask": torch.zeros(5, 5)},
    "dropout": {"dropout_p": 0.5},
    "scale": {"scale": 0.5},
}


@pytest.mark.parametrize("variant", ATTENTIONS)
@pytest.mark.parametrize("dimensions", [(2, 4, 5, 8), (4, 5, 8)], ids=["batched", "one"])
def test_scaled_dot_product_attention_is_one_operator(variant: str, dimensions: tuple[int, ...]) -> None:
    options = ATTENTIONS[variant]
    graph = alike_on_both(Net(lambda _, q: F.scaled_dot_product_attention(q, q, q, **options)), torch.randn(dimensions))
    assert work(graph) == ["scaled_dot_product_attention"]
    assert graph.outputs == (TensorSpec(dimensions),)
    assert ("attn_mask" in graph.ops[0].roles) == ("attn_mask" in options)


def test_attention_with_fewer_heads_for_keys_is_one_operator() -> None:
    def body(_: Net, q: Tensor, k: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, k, enable_gqa=True)

    graph = alike_on_both(Net(body), torch.randn(2, 4, 5, 8), torch.randn(2, 2, 5, 8))
    assert work(graph) == ["scaled_dot_product_attention"]


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize(
    "normed",
    [
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        parametrizations.orthogonal,
        nn.utils.spectral_norm,
        lambda layer: nn.utils.weight_norm(layer),
    ],
    ids=["weight_norm", "spectral_norm", "orthogonal", "old spectral_norm", "old weight_norm"],
)
def test_a_weight_that_is_computed_leads_back_to_its_parameters(normed: Any, mode: str) -> None:
    model = normed(nn.Linear(4, 4))
    before = fingerprint(model)
    graph = alike_on_both(model, torch.ones(3, 4), mode=mode)
    assert fingerprint(model) == before
    used = {name for op in graph.ops for name in op.parameters if name}
    assert used == {name for name, _ in model.named_parameters()}
    assert only(graph, "linear").sources[1] >= 0


def test_a_lazy_module_gets_its_shapes_on_a_copy() -> None:
    model = nn.Sequential(OrderedDict(stem=nn.ReLU(), head=nn.LazyLinear(5)))
    graph = trace(model, batch())
    assert work(graph) == ["relu", "linear"] and graph.params_total == 4 * 5 + 5
    assert type(model.head) is nn.LazyLinear and model.head.has_uninitialized_params()


def test_a_lazy_normalisation_gets_its_shapes_on_a_copy() -> None:
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.LazyInstanceNorm1d())
    model = nn.Sequential(model[:2], nn.Flatten(2), model[2])
    graph = trace(model, torch.randn(2, 3, 8, 8))
    assert graph.parameters["0.1.weight"].shape == (4,)
    assert nn.parameter.is_lazy(model[0][1].running_mean) and model[0][1].has_uninitialized_params()


def test_a_scripted_submodule_is_run_through_and_left_as_it_was() -> None:
    inner = torch.jit.script(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.BatchNorm1d(4)))
    model = nn.Sequential(OrderedDict(stem=nn.Linear(4, 4), inner=inner))
    graph = alike_on_both(model, batch())
    assert work(graph) == ["linear", "linear", "relu", "batch_norm"]
    assert graph.ops[1].parameters == (None, "inner.0.weight", "inner.0.bias")
    assert graph.ops[1].module == "inner"
    assert only(graph, "batch_norm").arguments["training"] is False
    assert only(trace(model, batch(), mode="train"), "batch_norm").arguments["training"] is True
    assert all(module.training for module in model.modules())
    assert getattr(inner, "2").num_batches_tracked.item() == 0


def test_a_scripted_or_traced_model_is_run_through() -> None:
    for model in (torch.jit.script(nn.Linear(4, 4)), torch.jit.trace(nn.Linear(4, 4), batch())):
        assert work(trace(model, batch())) == ["linear"]


class Scripted(nn.Module):
    """1x3x8x8 -> a convolution to 4 channels, a batch norm that freezing folds into it, and a bias of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.scale = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Parameter(torch.ones(6) * 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) * self.scale


@pytest.mark.parametrize("loaded", [False, True])
def test_a_frozen_model_has_its_constants_for_parameters_and_is_left_without_a_flag(loaded: bool) -> None:
    model = torch.jit.freeze(torch.jit.script(Scripted().eval()))
    if loaded:
        torch.jit.save(model, saved := io.BytesIO())
        saved.seek(0)
        model = torch.jit.load(saved)
    graph = trace(model, torch.empty(1, 3, 8, 8))
    assert graph.params_total == (4 * 3 * 3 * 3 + 4) + 6
    assert sum(map(bool, graph.ops[0].parameters)) == 2
    assert graph.weight_bytes == 4 * graph.params_total
    assert "Frozen TorchScript" in graph.notes[0]
    assert not hasattr(model, "training")


def test_a_scripted_model_that_raises_is_told_in_the_operator_s_own_words() -> None:
    with pytest.raises(ForwardError, match=r"takes 3 input channels and got 5"):
        trace(torch.jit.script(Scripted()), torch.empty(1, 5, 8, 8))


def refuse_to_compile(*_: Any) -> Any:
    raise AssertionError("compiled")


def test_a_compiled_model_traces_as_the_model_does_and_is_not_compiled() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    plain = trace(model, batch())
    assert trace(torch.compile(model, backend=refuse_to_compile), batch()) == plain
    half = nn.Sequential(OrderedDict(stem=torch.compile(nn.Linear(4, 4), backend=refuse_to_compile), relu=nn.ReLU()))
    assert work(trace(half, batch())) == ["linear", "relu"]
    model.compile(backend=refuse_to_compile)
    assert trace(model, batch()) == plain
    compiled = torch.compile(F.relu, backend=refuse_to_compile)
    assert work(trace(Net(lambda net, x: compiled(net.linear(x))), batch())) == ["linear", "relu"]
    with pytest.raises(Exception, match="compiled"):  # torch 2.11 never compiles the `forward` of its own containers
        half(batch())


def test_a_data_parallel_wrapper_is_looked_through() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    assert trace(nn.DataParallel(model), batch()) == trace(model, batch())


# Operators that netcost does not know


@torch.library.custom_op("netcost_tests::twice", mutates_args=())
def twice(x: Tensor) -> Tensor:
    return x * 2


@twice.register_fake
def _(x: Tensor) -> Tensor:
    return torch.empty_like(x)


@torch.library.custom_op("netcost_tests::without_shapes", mutates_args=())
def without_shapes(x: Tensor) -> Tensor:
    return x * 2


def test_an_operator_without_a_rule_is_unknown_and_listed() -> None:
    analysis = netcost.analyze(Net(lambda net, x: twice(net.linear(x)).relu()), (3, 4))
    assert analysis.unknown_ops == {"netcost_tests.twice": 1}
    assert [op.name for op in analysis.graph.ops] == ["aten.linear", "netcost_tests.twice", "aten.relu"]
    assert [op.sources[0] for op in analysis.graph.ops] == [MODEL_INPUT, 0, 1]


def test_a_rule_of_the_user_s_own_makes_an_operator_known() -> None:
    @netcost.rule("netcost_tests::twice", kind=netcost.Kind.ELEMENTWISE)
    def cost_of_twice(op: Op) -> netcost.Cost:
        return netcost.access(op, flops=op.outputs[0].numel)

    try:
        analysis = netcost.analyze(Net(lambda _, x: twice(x)), (3, 4))
    finally:
        del RULES._entries["netcost_tests.twice"]
    assert analysis.unknown_ops == {}
    assert analysis.flops == 3 * 4
    assert analysis.memory_access == 3 * 4 + 3 * 4
    assert netcost.analyze(Net(lambda _, x: twice(x)), (3, 4)).unknown_ops == {"netcost_tests.twice": 1}


def test_an_operator_that_cannot_run_on_shapes_points_to_concrete() -> None:
    model = Net(lambda _, x: without_shapes(x))
    with pytest.raises(DataDependentError, match=r"netcost_tests\.without_shapes .*--concrete"):
        trace(model, batch())
    assert [op.name for op in trace(model, batch(), concrete=True).ops] == ["netcost_tests.without_shapes"]


# Weightless construction


def test_a_layer_of_a_hundred_billion_parameters_is_built_and_traced() -> None:
    with weightless():
        layer = nn.Linear(10**6, 10**5)
    assert layer.weight.is_meta and layer.bias.is_meta
    analysis = netcost.analyze(layer, (1, 10**6))
    assert analysis.params == 10**6 * 10**5 + 10**5
    assert analysis.mult_adds == 10**6 * 10**5


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: nn.Conv2d(3, 8, 3),
    "transposed convolution": lambda: nn.ConvTranspose2d(3, 8, 3),
    "batch norm": lambda: nn.BatchNorm2d(8),
    "layer norm": lambda: nn.LayerNorm(8),
    "embedding": lambda: nn.Embedding(10, 4, padding_idx=0),
    "LSTM": lambda: nn.LSTM(4, 4, 2, bidirectional=True),
    "attention": lambda: nn.MultiheadAttention(8, 2),
    "transformer": lambda: nn.Transformer(8, 2, 1, 1, 16),
    "bilinear": lambda: nn.Bilinear(3, 4, 5),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_weights_are_built_without_values_and_in_the_right_shapes(layer: str) -> None:
    real = LAYERS[layer]()
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    with weightless():
        built = LAYERS[layer]()
    assert torch.equal(torch.random.get_rng_state(), state)
    shapes = {name: (tensor.shape, tensor.dtype, tensor.stride()) for name, tensor in real.named_parameters()}
    assert {name: (tensor.shape, tensor.dtype, tensor.stride()) for name, tensor in built.named_parameters()} == shapes
    assert all(isinstance(parameter, nn.Parameter) and parameter.requires_grad for parameter in built.parameters())
    assert all(parameter.is_meta for parameter in built.parameters() if parameter.dim() > 1)


def test_weights_are_real_again_after_a_weightless_construction() -> None:
    with pytest.raises(ValueError, match="midway"), weightless():
        raise ValueError("midway")
    layer = nn.Linear(4, 4)
    assert not layer.weight.is_meta and layer.weight.abs().max() > 0
    assert torch.empty(2).uniform_(1, 2).min() >= 1 and torch.zeros(10**6).device.type == "cpu"


class Scheduled(nn.Module):
    """Looks at the values of small tensors, as constructors do for rates of stochastic depth."""

    def __init__(self) -> None:
        super().__init__()
        rates = [rate.item() for rate in torch.linspace(0, 0.2, 3)]
        self.layers = nn.Sequential(*(nn.Dropout(rate) for rate in rates))
        self.sizes = torch.arange(3).tolist() + (torch.ones(2, 2) * 3).sum().int().tolist() * [0]
        self.scale = nn.Parameter(torch.ones(4) * 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x) * self.scale


def test_constructors_may_look_at_small_tensors() -> None:
    with weightless():
        model = Scheduled()
    assert [layer.p for layer in model.layers] == pytest.approx([0.0, 0.1, 0.2])
    assert len(model.sizes) == 3 + 2 * 2 * 3
    assert trace(model, batch()) == trace(Scheduled(), batch())


class Mixed(nn.Module):
    """Computes with a weight and a small tensor that has values."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        scale = torch.tensor([1.0, 2.0, 3.0, 4.0])
        with torch.no_grad():
            self.linear.weight.mul_(scale)
            self.linear.weight[0] = scale
            self.linear.bias.copy_(scale)
        self.scaled = nn.Parameter(self.linear.weight.data * scale + scale)
        self.joined = nn.Parameter(torch.cat([self.linear.weight.data, scale[None]]))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) @ self.scaled @ self.joined.t()


def test_constructors_may_compute_with_a_weight_and_a_tensor_that_has_values() -> None:
    with weightless():
        model = Mixed()
    assert all(parameter.is_meta for parameter in model.parameters())
    assert trace(model, batch()) == trace(Mixed(), batch())
    assert all(parameter.is_meta for parameter in Target("mixed", Mixed).build_weightless().parameters())


class Inspecting(nn.Module):
    """Needs the values of its weights to be built."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.largest = self.linear.weight.abs().max().item()

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) / self.largest


def test_a_constructor_that_needs_values_of_weights_has_them() -> None:
    model = Target("inspecting", Inspecting).build_weightless()
    assert isinstance(model, Inspecting) and model.largest > 0
    assert not model.linear.weight.is_meta
    assert netcost.analyze(Target("inspecting", Inspecting, (InputSpec((3, 4)),))).params == 4 * 4 + 4


# One network, one graph

NETWORKS = """
torchvision:squeezenet1_1 torchvision:shufflenet_v2_x0_5 torchvision:mobilenet_v3_small torchvision:swin_t
torchvision:googlenet timm:vit_tiny_patch16_224 timm:convnext_atto timm:mixer_s32_224 timm:levit_128s
timm:efficientnet_b0 timm:coat_lite_tiny
""".split()


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_or_none_and_once_or_twice_a_network_has_one_graph(name: str) -> None:
    target = resolve(name)
    inputs = [spec.on_meta() for spec in target.required_inputs()]
    model = target.build_weightless()
    graph = trace(model, *inputs)
    assert len(graph.ops) > 50
    assert trace(model, *inputs) == graph
    assert trace(target.build(), *inputs) == graph


@pytest.mark.parametrize("name", ["lenet5", "shufflenet_v2_x1_0", "mobilenet_v2", "resnet18"])
def test_on_shapes_or_on_real_tensors_a_network_costs_the_same(name: str) -> None:
    side = 32 if name == "lenet5" else 64
    inputs = (1, resolve(name).required_inputs()[0].shape[1], side, side)
    shapes, real = netcost.analyze(name, inputs), netcost.analyze(name, inputs, concrete=True)
    assert alike(shapes.graph) == alike(real.graph)
    assert shapes.count.costs == real.count.costs
    assert shapes.metrics() == real.metrics()
