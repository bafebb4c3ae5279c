"""Rewrites: for a finding, the operators as they are and as they could be, as two small modules of the same input.

Both are built from the graph alone, at the shapes that they have in the network, so that a finding of any network can
be timed. One that keeps the function has the same outputs from mapped weights, and is refused where it has not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netcost.graph.graph import Op
from netcost.linting.finding import Finding, Network
from netcost.text.registry import Registry

TOLERANCE = 1e-4
"""Largest relative difference of two outputs that are the same but for the order of float32 sums."""


Outputs = Tensor | tuple[Tensor, ...]


class Calls(nn.Module):
    """A function of layers and an input (shapes as the function says)."""

    def __init__(self, function: Callable[..., Outputs], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)

    def forward(self, *inputs: Tensor) -> Outputs:
        """Call the function with the layers and the inputs."""
        return self.function(*self.layers, *inputs)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One change: two modules that take tensors of the same shapes.

    Args:
        before: as it is.
        after: as it could be.
        shapes: of the inputs.
        after_shapes: of the inputs of `after`, where its widths are others.
    """

    before: nn.Module
    after: nn.Module
    shapes: tuple[tuple[int, ...], ...]
    after_shapes: tuple[tuple[int, ...], ...] = ()

    def difference(self) -> float:
        """Return the largest difference of the outputs on one random input, as a share of the largest value."""
        given = tuple(map(torch.randn, self.shapes))
        with torch.no_grad():
            one, other = (_flat(side.eval()(*given)) for side in (self.before, self.after))
        return float((one - other).abs().max() / one.abs().max().clamp(min=1e-12))


def _flat(outputs: Outputs) -> Tensor:
    """Return the values of all outputs in a row."""
    parts = (outputs,) if isinstance(outputs, Tensor) else outputs
    return torch.cat([part.flatten() for part in parts])


Make = Callable[[Network, Finding], Rewrite | None]

REWRITES: Registry[Make] = Registry("code of a rewrite")


def rewrite(code: str) -> Callable[[Make], Make]:
    """Register the decorated function, which returns None where it cannot build the change."""

    def register(make: Make) -> Make:
        return REWRITES.add(code, make)

    return register


def convolution(op: Op, width_in: int, width_out: int, **changes: Any) -> nn.Module:
    """Build the layer of a convolution or linear operator with other widths (and without a bias, if so asked)."""
    weight, arguments = op.inputs[1].shape, op.arguments
    has_bias = changes.pop("bias", op.operand("bias") is not None)
    if len(weight) == 2:
        return nn.Linear(width_in, width_out, bias=has_bias)
    kinds: dict[int, type[nn.Module]] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
    rank = len(weight) - 2
    given = {
        name: _sides(arguments.get(name, default), rank)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    }
    built: nn.Module = kinds[len(weight)](
        width_in, width_out, weight[2:], **{**given, "groups": arguments.get("groups", 1), **changes}, bias=has_bias
    )
    return built


def _sides(value: Any, rank: int) -> Any:
    return value if isinstance(value, int | str) else tuple(value) * (rank if len(value) == 1 else 1)
