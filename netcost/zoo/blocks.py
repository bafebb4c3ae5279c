"""What several families share: a convolution or linear layer with what always follows it, and the check of a width.

Weights start as torch initialises them. What a network costs does not depend on them, and a family that needs
more goes through `torch.nn.init`, so that initialisation can be switched off from outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from netcost.errors import TargetError

Activation = Callable[..., nn.Module]
"""A point-wise layer that takes `inplace`: `nn.ReLU`, `nn.ReLU6`."""


class ConvNorm(nn.Sequential):
    """A convolution without bias, batch norm, and an activation in place.

    Args:
        in_channels: of the input (N, C, H, W).
        out_channels: of the output (N, O, H/stride, W/stride).
        kernel: side of the square kernel, odd; the map is padded so that stride 1 keeps its size.
        stride: of the convolution.
        groups: of the convolution; `in_channels` makes it depthwise.
        activation: applied last; None leaves the sum linear, as before a residual addition.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: Activation | None = nn.ReLU,
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        if activation is not None:
            self.append(activation(inplace=True))


class ConvReLU(nn.Sequential):
    """A convolution with bias and a ReLU in place: how networks were built before batch norm.

    Args:
        in_channels: of the input (N, C, H, W).
        out_channels: of the output (N, O, H', W').
        kernel: side of the square kernel.
        stride: of the convolution.
        padding: zeros on each side; None keeps the size of the map at stride 1 and an odd kernel.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 1, *, stride: int = 1, padding: int | None = None
    ) -> None:
        padding = kernel // 2 if padding is None else padding
        super().__init__(nn.Conv2d(in_channels, out_channels, kernel, stride, padding), nn.ReLU(inplace=True))


class LinearReLU(nn.Sequential):
    """A hidden fully connected layer: linear with bias, ReLU in place, dropout of its outputs.

    Args:
        in_features: of the input (N, in_features).
        out_features: of the output (N, out_features).
        dropout: share of the outputs that training sets to zero.
    """

    def __init__(self, in_features: int, out_features: int, *, dropout: float = 0.5) -> None:
        super().__init__(nn.Linear(in_features, out_features), nn.ReLU(inplace=True), nn.Dropout(dropout))


def checked_width(width: float) -> float:
    """The width multiplier, if it is one.

    Raises:
        TargetError: it is not positive and finite.
    """
    if not 0 < width < math.inf:
        raise TargetError(f"width is {width!r}; expected a positive multiplier, like --arg width=0.5")
    return width
