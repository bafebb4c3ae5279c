"""Blocks that several families share: a convolution or linear layer with its activation, chains and branches of
them, and the check of a width.

Weights start as torch initialises them; the cost of a network does not depend on them. A family that needs another
initialisation uses `torch.nn.init`, so that it can be switched off from outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from netcost.text.errors import TargetError

Activation = Callable[..., nn.Module]
"""A point-wise layer that takes `inplace`: `nn.ReLU`, `nn.ReLU6`."""

Size = int | tuple[int, int]
"""Size of both sides, or (height, width)."""


def same_padding(kernel: Size) -> Size:
    """Return the zeros on each side that keep the size of the map at stride 1, for odd kernels."""
    return kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)


class ConvNorm(nn.Sequential):
    """A convolution, batch norm, and an activation in place.

    Args:
        in_channels: channels of the input (N, C, H, W).
        out_channels: channels of the output (N, O, H/stride, W/stride).
        kernel: side of the square kernel or (height, width), odd.
        stride: stride of the convolution.
        padding: zeros on each side; None keeps the size of the map at stride 1.
        groups: number of groups of the convolution; `in_channels` makes it depthwise.
        bias: True gives the convolution a bias. Batch norm subtracts it again, yet some published networks have one.
        eps: added to the variance by batch norm.
        activation: applied last; None leaves the sum linear, as before a residual addition.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Size = 1,
        *,
        stride: int = 1,
        padding: Size | None = None,
        groups: int = 1,
        bias: bool = False,
        eps: float = 1e-5,
        activation: Activation | None = nn.ReLU,
    ) -> None:
        padding = same_padding(kernel) if padding is None else padding
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=bias),
            nn.BatchNorm2d(out_channels, eps=eps),
        )
        if activation is not None:
            self.append(activation(inplace=True))


class ConvReLU(nn.Sequential):
    """A convolution with bias and a ReLU in place, as in networks before batch norm.

    Args:
        in_channels: channels of the input (N, C, H, W).
        out_channels: channels of the output (N, O, H', W').
        kernel: side of the square kernel.
        stride: stride of the convolution.
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
        in_features: features of the input (N, in_features).
        out_features: features of the output (N, out_features).
        dropout: share of the outputs that training sets to zero.
    """

    def __init__(self, in_features: int, out_features: int, *, dropout: float = 0.5) -> None:
        super().__init__(nn.Linear(in_features, out_features), nn.ReLU(inplace=True), nn.Dropout(dropout))


class Conv(NamedTuple):
    """One convolution of a chain, as a figure of the Inception papers labels it."""

    channels: int
    """Channels of its output."""
    kernel: Size = 1
    stride: int = 1
    padding: Size | None = None
    """None keeps the size of the map at stride 1; 0 is what the figures mark with a V."""


def chain(in_channels: int, *convs: Conv, bias: bool = False, eps: float = 1e-5) -> nn.Sequential:
    """Chain convolutions with batch norm and ReLU; see `ConvNorm` for `bias` and `eps`."""
    inputs = [in_channels, *(conv.channels for conv in convs)]
    return nn.Sequential(
        *(
            ConvNorm(channels, conv.channels, conv.kernel, stride=conv.stride, padding=conv.padding, bias=bias, eps=eps)
            for channels, conv in zip(inputs, convs, strict=False)
        )
    )


class Branches(nn.Module):
    """Branches side by side that read the same map; their channels are concatenated.

    Args:
        branches: by name, in the order of their channels; all make maps of one size.
    """

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, the sum of the branches' channels, H', W')."""
        return torch.cat([branch(x) for branch in self.children()], dim=1)


class NaiveInception(Branches):
    """1x1, 3x3 and 5x5 convolutions beside a pooling, without reductions (GoogLeNet, arXiv:1409.4842, Figure 2 a).

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        n1x1: channels of the 1x1 convolution.
        n3x3: channels of the 3x3 convolution.
        n5x5: channels of the 5x5 convolution; the output has (N, n1x1 + n3x3 + n5x5 + in_channels, H, W).
    """

    def __init__(self, in_channels: int, n1x1: int, n3x3: int, n5x5: int) -> None:
        super().__init__(
            branch_1x1=ConvReLU(in_channels, n1x1),
            branch_3x3=ConvReLU(in_channels, n3x3, 3),
            branch_5x5=ConvReLU(in_channels, n5x5, 5),
            branch_pool=nn.MaxPool2d(3, stride=1, padding=1),
        )


def checked_width(width: float) -> float:
    """Return the width multiplier.

    Raises:
        TargetError: the width is not positive and finite.
    """
    if not 0 < width < math.inf:
        raise TargetError(f"width is {width!r}; expected a positive multiplier, like --arg width=0.5")
    return width
