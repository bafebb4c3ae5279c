"""A training step as a module, so that real steps are timed like forward passes."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from netcost.text.errors import RequestError
from netcost.timing.setting import EAGER, Timing
from netcost.tracing import TrainStep
from netcost.tracing.training import AMP


class TrainingStep(nn.Module):
    """A network whose call is a training step: forward, loss, backward and optimizer.

    The loss and the optimizer are inside the call, so they are inside what a clock measures. Gradients are let go of at
    its end.

    Args:
        model: the network, which the steps change.
        step: the optimizer, loss and element types.
    """

    def __init__(self, model: nn.Module, step: TrainStep) -> None:
        super().__init__()
        self.model = model
        self.step = step
        self._optimizer: torch.optim.Optimizer | None = None

    def train(self, mode: bool = True) -> TrainingStep:  # noqa: ARG002  # a step has one mode
        """Put the network into training mode, whatever is asked for."""
        super().train(True)
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run a step on the inputs; return the loss."""
        with torch.inference_mode(False), torch.enable_grad():
            args, kwargs = tree_map_only(Tensor, _plain, (args, kwargs))
            if self._optimizer is None and self.step.make_optimizer is not None:  # once the weights are in their place
                self._optimizer = self.step.make_optimizer([own for own in self.parameters() if own.requires_grad])
            for _ in range(self.step.passes):
                with self._autocast():
                    loss = self.step.compute_loss(self.model(*args, **kwargs))
                loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
            if self._optimizer is not None:
                self._optimizer.step()
            for own in self.parameters():
                own.grad = None
            return loss  # detached, it would be an operator more than a step has

    def _autocast(self) -> Any:
        dtype = AMP[self.step.amp] if self.step.amp else None
        return torch.autocast(self.step.device, dtype) if dtype else nullcontext()


def _plain(tensor: Tensor) -> Tensor:
    """Return a tensor that autograd takes: one that was made in inference mode is copied."""
    return tensor.clone() if tensor.is_inference() else tensor


def step_on(step: TrainStep, timing: Timing) -> TrainStep:
    """Return the step with the kernels of the device that it is timed on.

    Raises:
        RequestError: a step is not timed so: compiled, as a graph or in a process of its own.
    """
    if timing.backend != EAGER or timing.isolate:
        option = "--isolate" if timing.isolate else f"--backend {timing.backend}"
        raise RequestError(f"a training step is timed eagerly and in this process; leave out {option}")
    return replace(step, device=timing.device.partition(":")[0]) if timing.is_timed else step
