"""What a pass may ask and do: its device, values of small inputs, gradients, functions as operands, lazy layers."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan
from torch._higher_order_ops.while_loop import while_loop
from torch.autograd import forward_ad
from torch.nn.attention.flex_attention import create_block_mask, flex_attention
from torch.nn.utils import rnn

import netcost
from netcost.graph import Graph
from netcost.text.errors import DataDependentError, ForwardError, RequestError
from netcost.tracing import trace

pytestmark = pytest.mark.filterwarnings("ignore:::torch")

X, W = torch.randn(2, 3), torch.randn(3, 3)


def mult_adds(model: Any, *inputs: Any) -> int:
    analysis = netcost.analyze(model, inputs)
    assert not analysis.unknown_ops
    return analysis.mult_adds


def test_a_shape_says_that_it_is_on_the_models_device() -> None:
    def body(x: Tensor) -> Tensor:
        assert (x.device.type, x.is_cpu, x.is_cuda) == ("cpu", True, False)
        assert not torch.zeros(2, device=x.device).is_meta
        return x.exp()

    trace(body, torch.empty(2, 3, device="meta"))


@pytest.mark.parametrize(
    ("body", "want"),
    [
        (lambda x, w, mask: x @ w if mask.all() else x, 2 * 3 * 3),
        (lambda x, w, mask: x[mask[0] > 0] @ w, 2 * 3 * 3),
        (lambda x, w, mask: x[: int(mask.sum())] @ w, 2 * 3 * 3),
        (lambda x, w, mask: x.repeat_interleave(mask[0] + 1, dim=0) @ w, 4 * 3 * 3),
        (lambda x, w, _: x.reshape(torch.as_tensor([[3, 2]], device=x.device)[0].tolist()) @ w[:2], 3 * 2 * 3),
        (lambda x, w, _: x @ w if x.new_ones(4).sum() == torch.ones_like(x).sum() - 2 else x, 2 * 3 * 3),
    ],
    ids=["all", "mask", "length", "repeats", "as_tensor", "ones"],
)
def test_small_integers_and_what_the_pass_makes_have_values(body: Callable[..., Tensor], want: int) -> None:
    assert mult_adds(body, X, W, torch.ones(1, 2, dtype=torch.int64)) == want


def test_a_scalar_has_its_value_and_an_activation_has_none() -> None:
    assert mult_adds(lambda x, w, t: x @ w if t > 0.4 else x, X, W, torch.tensor(0.5)) == 2 * 3 * 3


class Forces(nn.Module):
    """An energy and the forces on three coordinates per atom: its gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 16), nn.Linear(16, 1)

    def forward(self, positions: Tensor) -> Tensor:
        positions.requires_grad_(True)
        energy = self.second(self.first(positions).tanh()).sum()
        return -torch.autograd.grad(energy, positions, create_graph=True)[0]


def test_gradients_inside_the_pass_count_in_both_directions() -> None:
    forward = 10 * (3 * 16 + 16 * 1)
    assert mult_adds(Forces(), torch.randn(10, 3)) == 2 * forward  # the weights' own gradients are not asked for
    assert mult_adds(lambda x, w: torch.func.grad(lambda a: (a @ w).sum())(x), X, W) == 2 * (2 * 3 * 3)


def test_operators_that_take_functions() -> None:
    graph = trace(lambda x, w: torch.cond(x.sum() > 0, lambda x: x @ w, lambda x: (x @ w) @ w, (x,)), X, W)
    assert [op.name for op in graph.ops if "mm" in op.name or "matmul" in op.name] == ["aten.matmul"] * 2
    assert "36 mult-adds" in graph.notes[0] and "18" in graph.notes[0]
    assert mult_adds(lambda x, w: scan(lambda c, y: (c @ w, c @ w + y), x[0], x), torch.randn(5, 2, 3), W) == 5 * 2 * 18
    loop = lambda x, w: while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, x @ w), (torch.tensor(0), x))  # noqa: E731
    assert mult_adds(loop, X, W) == 3 * 18


@pytest.mark.parametrize("concrete", [False, True])
def test_flex_attention_counts_the_blocks_that_its_mask_keeps(concrete: bool) -> None:
    q = torch.randn(1, 2, 256, 8)
    causal = create_block_mask(lambda _, __, i, j: i >= j, None, None, 256, 256, device="cpu")  # 3 of 4 blocks of 128
    for block_mask, scores in ((None, 256 * 256), (causal, 3 * 128 * 128)):
        analysis = netcost.analyze(
            lambda q, m=block_mask: flex_attention(q, q, q, block_mask=m), (q,), concrete=concrete
        )
        assert analysis.mult_adds == 2 * scores * (8 + 8)


def test_composite_operators_take_real_tensors_beside_shapes() -> None:
    x = torch.randn(4, 64)
    bodies: list[Callable[[Tensor], Any]] = [
        lambda x: torch.stft(x, 16, window=torch.hann_window(16), return_complex=True),
        lambda x: torch.inner(x, torch.ones(64)),
        lambda x: torch.quantile(x, 0.5),
        lambda x: torch.meshgrid(x[0], torch.arange(3.0), indexing="ij"),
    ]
    for body in bodies:
        assert trace(body, x).ops


def test_methods_functions_and_exported_programs_are_models() -> None:
    linear = nn.Linear(3, 4)
    assert mult_adds(linear.forward, X) == mult_adds(linear, X) == 2 * 3 * 4
    assert mult_adds(torch.export.export(linear, (X,)), X) == 2 * 3 * 4
    assert netcost.analyze(F.relu, (X,)).model == "relu"
    for wrong in (nn.Linear, "a name", 3):
        with pytest.raises(RequestError):
            trace(wrong, X)  # type: ignore[arg-type]


def test_sparse_operands_multiply_with_what_they_store() -> None:
    adjacency = torch.eye(4).to_sparse()
    model = nn.Module()
    model.register_buffer("adjacency", adjacency)
    dense = torch.randn(4, 5)
    assert mult_adds(lambda x: model.adjacency @ x, dense) == 4 * 5
    for given in (adjacency, adjacency.to_sparse_csr()):
        assert mult_adds(lambda x, a: torch.sparse.mm(a, x), dense, given) == 4 * 5


def test_types_that_torch_refuses_are_refused() -> None:
    for layer, x in ((nn.Linear(3, 4), X), (nn.Conv1d(2, 2, 1), torch.randn(1, 2, 5))):
        with pytest.raises(ForwardError, match="same dtype"):
            trace(layer.half(), x)


def test_a_jagged_input_is_refused_in_one_line() -> None:
    jagged = torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(1, 3)], layout=torch.jagged)
    with pytest.raises(RequestError, match="jagged"):
        trace(lambda x: x + 1, jagged)


class Layers(nn.Module):
    """Runs its layer by chance in train mode, or keeps rows of its result by chance, which changes no operator."""

    def __init__(self, chance: Callable[[Tensor], Any] | None = None) -> None:
        super().__init__()
        self.layer, self.chance = nn.Linear(4, 4), chance

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.chance is None:
            return torchvision.ops.stochastic_depth(self.layer(x), 0.5, "row")
        return self.layer(x) if not self.training or self.chance(x) else x


@pytest.mark.parametrize(
    ("chance", "is_said"),
    [
        (lambda _: torch.rand([]) < 0.5, True),
        (lambda x: torch.empty(1, device=x.device).uniform_().mul_(2).item() < 1, True),
        (lambda _: random.random() < 0.5, True),
        (lambda _: torch.ones([]) > 0.5, False),
        (None, False),
    ],
)
def test_a_pass_that_hangs_on_chance_says_so(chance: Callable[[Tensor], Any] | None, is_said: bool) -> None:
    model, x = Layers(chance), torch.ones(2, 4)
    assert ("chance" in " ".join(trace(model, x, mode="train").notes)) is is_said
    assert trace(model, x).notes == ()


class Packs(nn.Module):
    """A recurrent layer from 8 to 6 over sequences of several lengths."""

    def __init__(self, kind: Any, is_sorted: bool = True, **options: Any) -> None:
        super().__init__()
        self.layer, self.is_sorted = kind(8, 6, batch_first=True, **options), is_sorted

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        packed = rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=self.is_sorted)
        return rnn.pad_packed_sequence(self.layer(packed)[0], batch_first=True)[0]


@pytest.mark.parametrize(
    ("model", "lengths", "weights"),
    [
        (Packs(nn.LSTM), (5, 3, 2), 4 * 6 * (8 + 6)),
        (Packs(nn.GRU, is_sorted=False), (2, 5, 3), 3 * 6 * (8 + 6)),
        (Packs(nn.RNN), (4, 4, 1), 6 * (8 + 6)),
        (Packs(nn.LSTM, num_layers=2, bidirectional=True), (5, 3, 2), 2 * 4 * 6 * (8 + 6 + 12 + 6)),
    ],
)
def test_packed_sequences_run_the_rows_that_they_have(model: Packs, lengths: tuple[int, ...], weights: int) -> None:
    given = torch.randn(3, 5, 8), torch.tensor(lengths)
    graph = trace(model, *given)
    assert alike(graph) == alike(trace(model, *given, concrete=True))
    assert graph.outputs[0].shape[:2] == (3, max(lengths))
    assert mult_adds(model, *given) == sum(lengths) * weights


def alike(graph: Graph) -> list[Any]:
    return [(op.name, op.inputs, op.outputs) for op in graph.ops]


def test_lengths_that_took_values_from_a_shape_are_not_read() -> None:
    def pack(x: Tensor, lengths: Tensor) -> Tensor:
        return rnn.pack_padded_sequence(x, lengths.add_(x.sum().long()), batch_first=True).data

    with pytest.raises(DataDependentError, match="_pack_padded_sequence"):
        trace(pack, torch.zeros(3, 5, 8), torch.tensor([5, 3, 2]))


DERIVATIVES: dict[str, tuple[Callable[[nn.Module, Tensor], Any], int]] = {  # of a layer 3 -> 3 on 2 rows: 18 per pass
    "of each row": (lambda m, x: torch.vmap(torch.func.grad(lambda row: m(row).sum()))(x), 18 + 18),
    "all of one row": (lambda m, x: torch.func.jacrev(m)(x[0]), 9 + 3 * 9),  # and once backward per output
    "forward": (lambda m, x: m(torch.func.jvp(torch.tanh, (x,), (x,))[1]), 18),
    "dual numbers": (lambda m, x: m(dual(torch.tanh, x)), 18),
    "forward over backward": (lambda m, x: m(torch.func.hessian(lambda row: row.pow(3).sum())(x[0])), 3 * 9),
    "by weights": (
        lambda m, x: torch.func.grad(lambda held: torch.func.functional_call(m, held, (x,)).sum())(held_by(m)),
        18 + 18,
    ),
    "by weights of each row": (
        lambda m, x: torch.vmap(
            torch.func.grad(lambda held, row: torch.func.functional_call(m, held, (row,)).sum()), (None, 0)
        )(held_by(m), x),
        18 + 18,
    ),
}


def held_by(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters())


def dual(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(function(forward_ad.make_dual(x, x))).tangent


@pytest.mark.parametrize("kind", DERIVATIVES)
def test_derivatives_in_the_pass_count_and_the_weights_stay(kind: str) -> None:
    class Derived(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x: Tensor) -> Any:
            return DERIVATIVES[kind][0](self.layer, x)

    model = Derived()
    weight, before = model.layer.weight, model.layer.weight.clone()
    analysis = netcost.analyze(model, X)
    assert (analysis.mult_adds, analysis.params, analysis.unknown_ops) == (DERIVATIVES[kind][1], 9 + 3, {})
    assert model.layer.weight is weight and torch.equal(weight, before) and weight.grad is None


def test_a_call_of_the_model_s_own_is_what_runs() -> None:
    class Twice(nn.Linear):
        def __call__(self, x: Tensor, times: int = 2) -> Tensor:
            return sum(super(Twice, self).__call__(x) for _ in range(times))

    assert mult_adds(Twice(3, 5), X) == 2 * 2 * 3 * 5


@pytest.mark.parametrize("lazily", [lambda layer, x: (layer(row) for row in x), lambda layer, x: map(layer, x)])
def test_what_runs_only_when_it_is_taken_from_is_no_count_of_zero(lazily: Callable[..., Any]) -> None:
    class Lazily(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 5)

        def forward(self, x: Tensor) -> Any:
            return lazily(self.layer, x)

    with pytest.raises(ForwardError, match="returns a list"):
        trace(Lazily(), X)
    assert mult_adds(lambda x: list(Lazily()(x)), X) == 2 * 3 * 5


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_a_module_in_another_thread_is_no_count_of_zero(device: str) -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3, device=device)

        def forward(self, x: Tensor) -> Tensor:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(self.layer, x).result()

    with pytest.raises(ForwardError, match="'layer' ran in another thread"):
        trace(Aside(), X)


@pytest.mark.parametrize("rows", [1, 3])
def test_a_mask_that_takes_its_shape_from_an_activation_keeps_its_values(rows: int) -> None:
    """As text with an image in it: two of six ids are placeholders, in each of 5 numbers of their vectors."""

    class Embeds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(10, 5)

        def forward(self, ids: Tensor) -> Tensor:
            embedded: Tensor = self.words(ids)
            mask = (ids == 7).unsqueeze(-1).expand_as(embedded).to(embedded.device)
            return embedded[mask]

    graph = trace(Embeds(), torch.tensor([[7, 1, 2, 7, 3, 4]] * rows))
    assert graph.ops[-1].outputs[0].shape == (rows * 2 * 5,)
