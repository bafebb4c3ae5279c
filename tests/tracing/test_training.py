"""A training step, traced on shapes: its work, its memory, its attribution, and what it leaves behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

import netcost
from netcost.counting.crosscheck_step import backward_by_layer, products_of
from netcost.counting.training import StepCount
from netcost.graph.graph import Content, Phase
from netcost.targets.naming import resolve
from netcost.text.errors import ForwardError, RequestError
from netcost.text.units import AtLeast
from netcost.tracing import TrainStep, trace_step
from netcost.tracing.training import named_loss

ON_CPU = TrainStep("none", device="cpu")


def counted(model, *args, step=ON_CPU, concrete=False):
    return StepCount.of(trace_step(model, args, {}, step, concrete=concrete), step)


def mult_adds(count, phase):
    return count.phases[phase].mult_adds if phase in count.phases else 0


@pytest.mark.parametrize(
    "name",
    ["resnet18", "mobilenet_v2", "shufflenet_v2_x0_5", "googlenet", "squeezenet1_1", "vit_b_32", "regnet_y_400mf"],
)
def test_backward_takes_each_product_of_the_forward_pass_once_per_gradient_in_its_own_module(name):
    size = 224 if name == "vit_b_32" else 64
    target = resolve(f"torchvision:{name}")
    known = netcost.analyze(target, (2, 3, size, size), mode="train")
    hand = backward_by_layer(list(zip(known.graph.ops, known.count.kinds, known.count.costs, strict=True)))
    count = counted(target.build_weightless(), torch.empty(2, 3, size, size, device="meta"))
    assert products_of(zip(count.graph.ops, count.kinds, count.costs, strict=True), Phase.BACKWARD) == hand
    assert count.unknown_ops == {}


def test_torch_counts_the_same_where_no_convolution_is_grouped():
    model, x = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5)), torch.randn(2, 3, 8, 8)
    with FlopCounterMode(display=False) as torchs:
        F.cross_entropy(model(x), torch.zeros(2, dtype=torch.long)).backward()
    assert counted(model, x).total.mult_adds == torchs.get_total_flops() // 2


class Mlp(nn.Module):
    def __init__(self, checkpointed=None):
        super().__init__()
        self.first, self.second, self.checkpointed = (
            nn.Linear(8, 16, bias=False),
            nn.Linear(16, 4, bias=False),
            checkpointed,
        )

    def forward(self, x):
        if self.checkpointed is None:
            return self.second(self.first(x).relu().sigmoid())
        return self.second(checkpoint(lambda x: self.first(x).relu().sigmoid(), x, use_reentrant=self.checkpointed))


def test_the_peak_holds_what_arithmetic_says():
    count = counted(Mlp(), torch.empty(32, 8), step=TrainStep("adam", loss="mean"))
    weights = 4 * (8 * 16 + 16 * 4)
    adam = 2 * weights + 2 * 4  # two moments, and the number of the step, per parameter
    assert count.graph.weight_bytes == weights
    assert max(count.memory[Content.OPTIMIZER]) == adam
    assert max(count.memory[Content.GRADIENTS]) == weights
    assert max(count.memory[Content.INPUTS]) == 4 * 32 * 8
    # ReLU and sigmoid keep their results (32 x 16); the first Linear its input, the caller's; the mean nothing.
    ended = max(index for index, op in enumerate(count.graph.ops) if op.phase is Phase.FORWARD)
    assert count.memory[Content.ACTIVATIONS][ended] == 2 * (4 * 32 * 16)
    assert (
        count.peak.total == sum(count.peak.contents.values()) == max(map(sum, zip(*count.memory.values(), strict=True)))
    )


@pytest.mark.parametrize(("optimizer", "elements"), [("sgd", 3), ("momentum", 11), ("adam", 19), ("adamw", 21)])
def test_an_optimizer_reads_and_writes_so_many_elements_per_parameter(optimizer, elements):
    count = counted(nn.Linear(100, 100, bias=False), torch.empty(2, 100), step=TrainStep(optimizer, loss="mean"))
    scalars = 8  # Adam counts its steps
    assert count.phases[Phase.OPTIMIZER].memory_access == pytest.approx(elements * 100 * 100, abs=scalars)


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "vit_b_32"])
def test_memory_is_that_of_a_real_step(name):
    size = 224 if name == "vit_b_32" else 64
    step, x = TrainStep("momentum", device="cpu"), torch.randn(2, 3, size, size)
    real = counted(torchvision.models.get_model(name), x, step=step, concrete=True)
    assert counted(resolve(f"torchvision:{name}").build_weightless(), x, step=step).peak == real.peak


class Recurrent(nn.Module):
    def __init__(self, is_given):
        super().__init__()
        self.layer, self.cell, self.is_given = nn.GRU(8, 4, batch_first=True), nn.LSTMCell(4, 4), is_given

    def forward(self, x):  # (N, T, 8)
        steps, _ = self.layer(x, torch.zeros(1, len(x), 4, device=x.device) if self.is_given else None)
        state = None
        for token in steps.unbind(1):
            state = self.cell(token, state)
        return state[0]


class WrittenInPlace(nn.Linear):
    def forward(self, x):
        y = super().forward(x)
        y[:, 1:] = y[:, 1:] + y[:, :1]  # the gradient of what is overwritten is zero, a tensor that autograd makes
        return y


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: Recurrent(True), (2, 3, 8)),
        (lambda: Recurrent(False), (2, 3, 8)),
        (lambda: WrittenInPlace(8, 4), (2, 8)),
    ],
)
def test_states_and_zeros_that_torch_makes_are_shapes_as_well(make, shape):
    by_shape, real = (counted(make(), torch.randn(*shape), concrete=is_real) for is_real in (False, True))
    assert by_shape.total.mult_adds == real.total.mult_adds > 0


def test_each_class_of_memory_is_what_torchs_own_tracker_saw():
    """ResNet-50 without its classifier, batch 16, Adam, as torch's MemTracker printed it (MiB).

    Its activations have the input among them. Its gradients stay from step to step, so that they are all alive at its
    peak: the largest of each class is compared.
    """
    with torch.device("meta"):
        model = torchvision.models.resnet50()
        model.fc = nn.Identity()
    count = counted(model, torch.empty(16, 3, 224, 224, device="meta"), step=TrainStep("adam", loss="mean"))
    largest = {content: max(line) / 2**20 for content, line in count.memory.items()}
    assert sum(spec.size_bytes for spec in count.graph.parameters.values()) / 2**20 == pytest.approx(89.68, abs=0.01)
    assert largest[Content.GRADIENTS] == pytest.approx(89.68, abs=0.01)
    assert largest[Content.OPTIMIZER] == pytest.approx(179.37, abs=0.05)
    assert largest[Content.ACTIVATIONS] + largest[Content.INPUTS] == pytest.approx(1310.95, abs=0.05)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpointing_runs_the_forward_pass_again_and_keeps_less(reentrant):
    x = torch.empty(64, 8, requires_grad=True)
    plain, count = counted(Mlp(), x), counted(Mlp(reentrant), x)
    assert mult_adds(count, Phase.RECOMPUTE) == 64 * 8 * 16
    assert mult_adds(count, Phase.BACKWARD) == mult_adds(plain, Phase.BACKWARD)
    assert {op.module for op in count.graph.ops if op.phase is Phase.RECOMPUTE and op.parameters != ()} >= {"first"}
    kept = [one.by_module().to_dict()["rows"] for one in (plain, count)]
    assert sum(row["kept_bytes"] for row in kept[1]) < sum(row["kept_bytes"] for row in kept[0])


def test_frozen_and_tied_weights_passes_and_hooks():
    frozen = Mlp()
    frozen.first.weight.requires_grad_(False)
    assert mult_adds(counted(frozen, torch.empty(2, 8)), Phase.BACKWARD) == 2 * 16 * 4  # of the second's weight alone
    tied = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False))
    tied[1].weight = tied[0].weight
    count = counted(tied, torch.empty(2, 8), step=TrainStep("sgd", loss="mean"))
    assert max(count.memory[Content.GRADIENTS]) == 4 * 64
    sums = [op for op in count.graph.ops if op.name == "aten.add" and op.phase is Phase.BACKWARD]
    assert [op.module for op in sums] == ["0"]
    once, thrice = (counted(Mlp(), torch.empty(2, 8), step=TrainStep("sgd", passes=passes)) for passes in (1, 3))
    assert mult_adds(thrice, Phase.BACKWARD) == 3 * mult_adds(once, Phase.BACKWARD)
    assert thrice.phases[Phase.OPTIMIZER] == once.phases[Phase.OPTIMIZER]
    seen = []
    hooked = Mlp()
    hooked.second.register_full_backward_hook(lambda *_: seen.append(1))
    counted(hooked, torch.empty(2, 8))
    assert seen == [1]


def test_each_pass_of_several_keeps_its_activations_for_its_own_backward_pass():
    step = TrainStep("sgd", loss="mean", passes=2)
    count = counted(Mlp(), torch.empty(32, 8), step=step)
    phases = [op.phase for op in count.graph.ops]
    ends = [index for index, phase in enumerate(phases[:-1]) if phase is Phase.FORWARD is not phases[index + 1]]
    assert [count.memory[Content.ACTIVATIONS][index] for index in ends] == 2 * [2 * (4 * 32 * 16)]


def test_a_state_that_is_the_gradient_itself_is_held_once():
    class Keeper(torch.optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            for weight in self.param_groups[0]["params"]:
                self.state[weight]["gradient"] = weight.grad

    kept, plain = (
        counted(Mlp(), torch.empty(2, 8), step=TrainStep(make))
        for make in (lambda weights: Keeper(weights, lr=1e-3, foreach=False), "sgd")
    )
    assert kept.peak.total == plain.peak.total


def test_steps_in_two_threads_do_not_meet():
    x, halved = torch.empty(2, 3, 32, 32), TrainStep("none", amp="bf16")
    models = [resolve("torchvision:resnet18").build_weightless() for _ in range(4)]
    half, full = counted(models[0], x, step=halved).total, counted(models[0], x).total
    assert half != full
    with ThreadPoolExecutor(4) as pool:
        steps = [halved, ON_CPU, halved, ON_CPU]
        found = list(pool.map(lambda model, step: counted(model, x, step=step).total, models, steps))
    assert found == [half, full, half, full]
    assert torch.mm(torch.empty(2, 2, device="meta"), torch.empty(2, 2, device="meta")).dtype is torch.float32


def test_an_operator_without_a_rule_makes_the_step_a_lower_bound():
    @torch.library.custom_op("netcost_test::halved", mutates_args=())
    def halved(x: torch.Tensor) -> torch.Tensor:
        return x / 2

    halved.register_fake(torch.empty_like)
    halved.register_autograd(lambda _, gradient: torch.ops.netcost_test.halved(gradient))

    class Halving(nn.Linear):
        def forward(self, x):
            return halved(super().forward(x))

    analysis = netcost.analyze(Halving(4, 4), (2, 4), step=ON_CPU)
    rows = {row[0]: isinstance(row[1], AtLeast) for row in analysis.training.by_phase().rows}
    assert rows == {"forward": True, "loss": False, "backward": True}
    assert analysis.unknown_ops == {"netcost_test.halved": 1}
    assert analysis.figures.every_unknown_op == {"netcost_test.halved": 2}
    assert isinstance(analysis.figures.shown("train_mult_adds"), AtLeast)
    assert not isinstance(analysis.figures.shown("train_memory_bytes"), AtLeast)


class Squared(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x @ x

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient @ x.T + x.T @ gradient


def test_own_functions_and_second_derivatives_count_what_they_run():
    class Own(nn.Linear):
        def forward(self, x):
            return Squared.apply(super().forward(x))

    # Linear's weight alone: 4 x 4 x 4; two products of the function.
    assert mult_adds(counted(Own(4, 4, bias=False), torch.empty(4, 4)), Phase.BACKWARD) == 3 * 4**3

    class Forces(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4, bias=False)

        def forward(self, x):
            x = x.detach().requires_grad_()
            (force,) = torch.autograd.grad(self.layer(x).tanh().sum(), x, create_graph=True)
            return force

    count = counted(Forces(), torch.empty(2, 4))
    assert mult_adds(count, Phase.FORWARD) == 2 * (2 * 4 * 4)  # the layer, and its gradient by x
    assert Phase.RECOMPUTE not in count.phases
    assert mult_adds(count, Phase.BACKWARD) >= 2 * (2 * 4 * 4)


def test_autocast_keeps_half_of_the_bytes_and_the_products_stay():
    model, x = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3)), torch.empty(2, 3, 64, 64)
    full, half = counted(model, x), counted(model, x, step=TrainStep("none", amp="bf16", device="cuda"))
    assert half.total.mult_adds == full.total.mult_adds
    kept = [max(one.memory[Content.ACTIVATIONS]) for one in (full, half)]
    assert 0.45 < kept[1] / kept[0] < 0.65
    products = [op for op in half.graph.ops if op.name == "aten.convolution"]
    assert {spec.dtype for op in products for spec in op.inputs} == {"bfloat16"}


class Casts(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.types = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket is torch.ops.aten._to_copy:
            self.types.append(str(kwargs["dtype"]).removeprefix("torch."))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("concrete", [False, True])
def test_casts_are_those_of_real_autocast(concrete):
    model, x = (
        nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
        torch.randn(2, 4, 16),
    )  # dropout: no fused kernel
    with Casts() as real, torch.autocast("cpu", torch.bfloat16):
        named_loss("cross-entropy", model(x)[:, 0])
    step = TrainStep("none", loss=lambda y: named_loss("cross-entropy", y[:, 0]), amp="bf16", device="cpu")
    count = counted(model, x, step=step, concrete=concrete)
    casts = [op for op in count.graph.ops if op.name == "aten._to_copy" and op.phase in (Phase.FORWARD, Phase.LOSS)]
    assert [op.outputs[0].dtype for op in casts] == real.types
    assert {*real.types} == {"bfloat16", "float32"}


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_a_checkpoint_runs_again_is_cast_again(reentrant):
    step = TrainStep("none", amp="bf16", device="cpu")
    count = counted(Mlp(reentrant), torch.empty(4, 8, requires_grad=True), step=step)
    [again] = [op for op in count.graph.ops if op.phase is Phase.RECOMPUTE and op.name == "aten.mm"]
    assert {spec.dtype for spec in again.inputs} == {"bfloat16"}


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.drop = nn.Linear(8, 24), nn.Dropout(0.1)

    def forward(self, x):
        query, key, value = self.drop(self.layer(x)).unflatten(-1, (3, 1, 8)).permute(2, 0, 3, 1, 4)
        return F.scaled_dot_product_attention(query, key, value)


@pytest.mark.parametrize(
    ("step", "kernels"),
    [
        (TrainStep("none", device="cpu"), {"_scaled_dot_product_flash_attention_for_cpu", "bernoulli_"}),
        (TrainStep("none"), {"_scaled_dot_product_efficient_attention", "native_dropout"}),
        (TrainStep("none", amp="fp16"), {"_scaled_dot_product_flash_attention", "native_dropout"}),
    ],
)
def test_attention_and_dropout_are_those_of_the_device(step, kernels):
    count = counted(Attentive(), torch.empty(2, 5, 8), step=step)
    assert {f"aten.{name}" for name in kernels} <= {op.name for op in count.graph.ops}
    assert count.unknown_ops == {}


def test_a_real_step_after_the_count_gives_the_same_losses():
    def losses(is_counted):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Flatten(), nn.LazyLinear(4))
        x = torch.randn(4, 3, 8, 8)
        model(x)
        if is_counted:
            counted(model, x, step=TrainStep("adam", amp="bf16"))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        values = []
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), torch.arange(4))
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        return values

    assert losses(True) == losses(False)


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: counted(nn.Sequential(nn.BatchNorm1d(3)), torch.empty(1, 3)), ForwardError, "--batch 2"),
        (lambda: counted(nn.ReLU(), torch.empty(1, 3)), RequestError, "no parameter"),
        (lambda: counted(Mlp(), torch.empty(1, 8), step=TrainStep(loss=lambda _: 3)), RequestError, "int"),
        (lambda: TrainStep("adma"), RequestError, "adam"),
        (lambda: TrainStep(amp="fp8"), RequestError, "bf16"),
        (lambda: TrainStep(passes=0), RequestError, "1 or more"),
    ],
)
def test_what_cannot_be_trained_says_so_in_one_line(make, error, word):
    with pytest.raises(error) as caught:
        make()
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
