"""Runs one training step on shapes: forward, loss, backward and optimizer, and leaves the model as it was before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import _engine_run_backward

from netcost.graph.graph import Content, Graph, Op, Phase
from netcost.text.errors import ForwardError, RequestError
from netcost.text.registry import suggestion
from netcost.tracing.answers import on_own_device, watching
from netcost.tracing.device_kernels import autocast_left, chosen_kernels
from netcost.tracing.forward import (
    Call,
    called,
    concrete_copy,
    described,
    model_and_call,
    run_forward,
    set_training,
    settled,
    swept,
)
from netcost.tracing.iterators import notes_on_advanced
from netcost.tracing.memory import spec_of
from netcost.tracing.nests import tensors_in
from netcost.tracing.recorder import CPU
from netcost.tracing.state import paused_collection, quiet_torch, restored, stand_in
from netcost.tracing.step_recorder import StepRecorder, StepStack
from netcost.tracing.weights import parameters_of, weight_bytes

Loss = Callable[[Any], Tensor]
MakeOptimizer = Callable[[list[Tensor]], torch.optim.Optimizer]

# One tensor after the other: the arithmetic of the fused and foreach forms is the same, their memory access is less.
_ONE_BY_ONE: dict[str, Any] = {"foreach": False, "lr": 1e-3}
OPTIMIZERS: dict[str, MakeOptimizer | None] = {
    "sgd": partial(torch.optim.SGD, **_ONE_BY_ONE),
    "momentum": partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-4, **_ONE_BY_ONE),
    "adam": partial(torch.optim.Adam, **_ONE_BY_ONE),
    "adamw": partial(torch.optim.AdamW, **_ONE_BY_ONE),
    "none": None,
}
"""Optimizers by name; momentum has weight decay as well."""

AMP = {"bf16": torch.bfloat16, "fp16": torch.float16}
LOSSES = ("auto", "cross-entropy", "mean")
DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class TrainStep:
    """A training step, as it is to be counted.

    It is the second step of a run: the state of the optimizer is there, and the gradients are None before it.

    Args:
        optimizer: "sgd", "momentum" (and weight decay), "adam", "adamw" or "none", or a function that makes one from a
            list of parameters. They run one tensor after the other (not fused or foreach).
        loss: "cross-entropy" of each output (N, classes, *), "mean" of each output, "auto": the model's own where it
            returns one, cross-entropy of each (N, classes), else the mean; or a function of the output to a number.
        amp: element type of `torch.autocast` around forward and loss, "bf16" or "fp16"; None for none. The scaling of
            the loss that fp16 needs is not counted.
        device: "cuda" or "cpu", whose attention, dropout and casts are taken.
        passes: forward and backward passes per step of the optimizer (gradient accumulation).
    """

    optimizer: str | MakeOptimizer = "sgd"
    loss: str | Loss = "auto"
    amp: str | None = None
    device: str = "cuda"
    passes: int = 1

    def __post_init__(self) -> None:
        for option, value, known in (
            ("optimizer", self.optimizer, tuple(OPTIMIZERS)),
            ("loss", self.loss, LOSSES),
            ("amp", self.amp, (None, *AMP)),
            ("device", self.device, DEVICES),
        ):
            if value not in known and not (callable(value) and option in ("optimizer", "loss")):
                names = [name for name in known if name is not None]
                near = suggestion(value, names) if isinstance(value, str) else ""
                raise RequestError(f"unknown {option} {value!r}; expected one of {', '.join(names)}{near}")
        if type(self.passes) is not int or self.passes < 1:
            raise RequestError(f"passes is {self.passes!r}; expected a number of 1 or more")

    @property
    def make_optimizer(self) -> MakeOptimizer | None:
        """The function that makes the optimizer; None for a step without one."""
        return OPTIMIZERS[self.optimizer] if isinstance(self.optimizer, str) else self.optimizer

    @property
    def compute_loss(self) -> Loss:
        """The function of the output that is minimised."""
        return partial(named_loss, self.loss) if isinstance(self.loss, str) else self.loss

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the JSON keys."""
        names = {"optimizer": _name(self.optimizer), "loss": _name(self.loss)}
        return {**names, "amp": self.amp, "device": self.device, "passes": self.passes}

    @property
    def title(self) -> str:
        """The step in words: `sgd, bf16, kernels of cuda`."""
        parts = [_name(self.optimizer), self.amp or "", f"{self.passes} passes" if self.passes > 1 else ""]
        return ", ".join(part for part in (*parts, f"kernels of {self.device}") if part)


def _name(value: Any) -> str:
    return value if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)


def named_loss(name: str, output: Any) -> Tensor:
    """Return the loss called `name` of a network's output: the sum over its floating-point tensors."""
    own = getattr(output, "loss", None)
    if name == "auto" and isinstance(own, Tensor):
        return own
    results = [part for part in tensors_in(output) if part.is_floating_point() and part.requires_grad]
    if not results:
        raise RequestError("the network's output has no tensor that needs a gradient; expected one to minimise")
    losses = [_loss_of(name, result) for result in results]
    return sum(losses[1:], start=losses[0])


def _loss_of(name: str, result: Tensor) -> Tensor:
    if name == "cross-entropy" and result.dim() < 2:
        raise RequestError(f"cross-entropy takes (N, classes, *); the output is {tuple(result.shape)}: try --loss mean")
    if name == "cross-entropy" or (name == "auto" and result.dim() == 2 and result.shape[1] > 1):
        if result.dim() == 3:  # a sequence: (N, T, classes)
            result = result.flatten(0, 1)
        target = torch.zeros((result.shape[0], *result.shape[2:]), dtype=torch.long, device=result.device)
        return F.cross_entropy(result, target)
    return result.mean() if result.dim() else result


def trace_step(
    model: nn.Module | Call,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    step: TrainStep | None = None,
    *,
    concrete: bool = False,
) -> Graph:
    """Run one training step on the meta device and record every operator, with its phase.

    The network's output is let go of when the loss is there, as in `loss = criterion(model(x), y)`. Weights with values
    are replaced by shapes during the step; afterwards the model is as it was before.

    Args:
        model: as `trace` takes it.
        args: inputs of its forward.
        kwargs: keyword inputs of its forward.
        step: the optimizer, loss and element types.
        concrete: run a copy of the model on real tensors, for a forward pass that looks at values.

    Raises:
        DataDependentError: the forward pass looks at values and `concrete` is off.
        ForwardError: the code of the model or the loss raised.
        RequestError: no parameter needs a gradient, or the loss is no number.
    """
    step = step or TrainStep()
    module, call = model_and_call(model)

    def traced(shaped: nn.Module) -> Graph:
        return swept(partial(_recorded, original=shaped, call=call, given=(args, kwargs), step=step, concrete=concrete))

    return settled(traced, module, call, args, kwargs)


def _recorded(
    ops: list[Op], *, original: nn.Module, call: Call, given: tuple[Any, Any], step: TrainStep, concrete: bool
) -> Graph:
    model = concrete_copy(original) if concrete else original
    members = dict(model.named_modules())
    is_recurrent = any(isinstance(module, nn.RNNBase | nn.RNNCellBase) for module in members.values())
    device = next((tensor.device for tensor in parameters_of(members).values() if not tensor.is_meta), CPU)
    with ExitStack() as held:
        held.enter_context(paused_collection())
        uncopied = held.enter_context(restored(list((original if concrete else model).modules())))
        if not concrete:
            stand_in(list(members.values()), parameters_of(members))
        parameters = parameters_of(members)
        trained = {name: tensor for name, tensor in parameters.items() if tensor.requires_grad}
        if not trained:
            raise RequestError("no parameter of the model needs a gradient; a training step has nothing to do")
        for tensor in trained.values():
            tensor.grad = None
        owners = {id(tensor): name.rpartition(".")[0] for name, tensor in parameters.items()}
        stack = StepStack({id(module): path for path, module in members.items()}, owners)
        recorder = StepRecorder(ops, stack, parameters, device, concrete, is_recurrent)
        held.callback(recorder.close)
        held.enter_context(quiet_torch(device, is_recurrent))
        held.enter_context(watching(recorder))
        held.enter_context(torch.enable_grad())
        set_training(model, True, list(members.values()))
        args, kwargs = recorder.admitted(given)
        inputs = [spec_of(leaf) for leaf in tensors_in((args, kwargs))]
        made = step.make_optimizer
        optimizer = made(list(trained.values())) if made is not None else None
        with stack:
            for _ in range(step.passes):
                stack.phase = Phase.FORWARD
                with chosen_kernels(step.device, AMP[step.amp] if step.amp else None, concrete) as choice:
                    with recorder:
                        output = _output(partial(called, recorder, call, model), members, args, kwargs)
                        stack.phase = Phase.LOSS
                        loss = _loss(step.compute_loss, output)
                        del output
                    autocast_left(choice)
                    stack.phase = Phase.BACKWARD
                    with recorder:
                        _backward(loss)
                        del loss
        recorder.mark_gradients(trained)
        if optimizer is not None:
            stack.phase = Phase.OPTIMIZER
            before = recorder.position()
            with stack, recorder:
                on_own_device(optimizer.step, (), {})  # the first makes the state that the second step finds
                recorder.return_to(before)
                state = [value for held_state in optimizer.state.values() for value in held_state.values()]
                recorder.adopt([value for value in state if isinstance(value, Tensor)], Content.OPTIMIZER)
                on_own_device(optimizer.step, (), {})
        return Graph(
            ops=tuple(ops),
            inputs=tuple(inputs),
            parameters=recorder.parameters,
            weight_bytes=weight_bytes(members, parameters),
            storages=recorder.lifetimes(),
            modules={path: type(module).__name__ for path, module in members.items()},
            calls=stack.calls,
            callers=stack.callers,
            mode="train",
            notes=(*recorder.notes, *notes_on_advanced(uncopied)),
        )


def _output(call: Call, members: dict[str, nn.Module], args: Any, kwargs: Any) -> Any:
    try:
        return run_forward(call, members, args, kwargs)
    except ForwardError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise ForwardError(f"{error}: batch statistics of one value; it needs --batch 2 or more") from error


def _loss(compute: Loss, output: Any) -> Tensor:
    try:
        loss = compute(output)
    except RequestError:
        raise
    except Exception as error:
        raise ForwardError(f"the loss raised: {described(error)}") from error
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
        got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise RequestError(f"the loss is {got}; expected one number that depends on the weights")
    return loss


def _backward(loss: Tensor) -> None:
    """Run the engine of autograd itself: `Tensor.backward` switches modes off."""
    try:
        _engine_run_backward((loss,), (torch.ones_like(loss),), False, False, (), True, accumulate_grad=True)
    except RuntimeError as error:
        raise ForwardError(f"the backward pass raised: {described(error)}") from error
