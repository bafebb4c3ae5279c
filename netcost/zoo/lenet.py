"""LeNet-5 (LeCun, Bottou, Bengio and Haffner, Proc. IEEE 1998), section II.B: the paper's own form, and the one
commonly built today.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from netcost.zoo.catalogue import architecture, published

PAPER = "Gradient-based learning applied to document recognition (LeCun et al., Proc. IEEE 1998)"

C3_CONNECTIONS = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (2, 3, 5, 0)),
    (0, 1, 2, 3, 4, 5),
)
"""Maps of S2 that each of the sixteen maps of C3 reads (Table I, column by column)."""


class LeNet5(nn.Sequential):
    """Seven layers under the paper's own names.

    Three things differ from the paper, as in most current versions of this network: C3 reads all six maps of
    S2, the sub-sampling has no trained scale and bias, and the output is linear in place of radial basis functions.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, 32, 32).
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.c1 = nn.Sequential(nn.Conv2d(in_channels, 6, 5), nn.Tanh())  # (N, 6, 28, 28)
        self.s2 = nn.AvgPool2d(2)
        self.c3 = nn.Sequential(nn.Conv2d(6, 16, 5), nn.Tanh())  # (N, 16, 10, 10)
        self.s4 = nn.AvgPool2d(2)
        self.c5 = nn.Sequential(nn.Conv2d(16, 120, 5), nn.Tanh())  # (N, 120, 1, 1): a convolution in the paper too
        self.flatten = nn.Flatten()
        self.f6 = nn.Sequential(nn.Linear(120, 84), nn.Tanh())
        self.output = nn.Linear(84, num_classes)


class ScaledTanh(nn.Module):
    """1.7159 tanh(2/3 x): the paper's squashing function, which maps 1 to 1 and -1 to -1 (appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same shape."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class SubSampling(nn.Module):
    """Sums of 2x2 neighbours, times a trained coefficient, plus a trained bias, squashed: two parameters per map.

    Args:
        channels: channels of the input (N, channels, H, W); the output is (N, channels, H/2, W/2).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sums = nn.AvgPool2d(2, divisor_override=1)
        self.coefficient = nn.Parameter(torch.empty(channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(channels, 1, 1))
        self.squash = ScaledTanh()
        nn.init.constant_(self.coefficient, 1 / 4)  # so that it starts as a mean
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H/2, W/2)."""
        squashed: Tensor = self.squash(self.sums(x) * self.coefficient + self.bias)
        return squashed


class PartialConv(nn.Module):
    """A convolution in which each map reads only some of the input's maps, so that no two learn the same (Table I).

    Neighbours that read equally many maps are one grouped convolution, with a group per map, over copies of the maps
    they read. It has exactly the paper's weights and multiply-adds, and no masked ones.

    Args:
        connections: for each map of the output, the maps of the input that it reads.
        kernel: side of the square kernel.
    """

    seen: Tensor

    def __init__(self, connections: Sequence[Sequence[int]], kernel: int) -> None:
        super().__init__()
        self.register_buffer("seen", torch.tensor(list(itertools.chain(*connections))), persistent=False)
        self.banks = nn.ModuleList()
        self.copies: list[int] = []  # that each bank reads
        for fan_in, neighbours in itertools.groupby(connections, key=len):
            maps = len(list(neighbours))
            self.banks.append(nn.Conv2d(fan_in * maps, maps, kernel, groups=maps))
            self.copies.append(fan_in * maps)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, len(connections), H - kernel + 1, W - kernel + 1)."""
        copies = torch.split(x.index_select(1, self.seen), self.copies, dim=1)
        return torch.cat([bank(copy) for bank, copy in zip(self.banks, copies, strict=True)], dim=1)


class RadialBasis(nn.Module):
    """Squared distance of the input to the code of each class: the smaller, the likelier (equation 7).

    The paper sets its codes by hand, to drawings of the characters in 7x12 pixels of -1 and +1, holds them fixed and
    leaves them out of its 60,000 parameters. So they are a buffer here; the signs are drawn from a fixed seed.

    Args:
        in_features: features of the input (N, in_features).
        num_classes: classes of the output (N, num_classes).
    """

    codes: Tensor

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        signs = random.Random(1998)
        codes = [[signs.choice((-1.0, 1.0)) for _ in range(in_features)] for _ in range(num_classes)]
        self.register_buffer("codes", torch.tensor(codes))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_features) to (N, num_classes)."""
        difference = x.unsqueeze(1) - self.codes  # (N, num_classes, in_features)
        return (difference * difference).sum(dim=2)


class LeNet5Of1998(nn.Sequential):
    """The seven layers as the paper describes them.

    Args:
        num_classes: classes of the output (N, num_classes): distances, not logits.
        in_channels: channels of the input (N, in_channels, 32, 32).
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.c1 = nn.Sequential(nn.Conv2d(in_channels, 6, 5), ScaledTanh())  # (N, 6, 28, 28)
        self.s2 = SubSampling(6)
        self.c3 = nn.Sequential(PartialConv(C3_CONNECTIONS, 5), ScaledTanh())  # (N, 16, 10, 10)
        self.s4 = SubSampling(16)
        self.c5 = nn.Sequential(nn.Conv2d(16, 120, 5), ScaledTanh())  # (N, 120, 1, 1)
        self.flatten = nn.Flatten()
        self.f6 = nn.Sequential(nn.Linear(120, 84), ScaledTanh())
        self.output = RadialBasis(84, num_classes)


@architecture(
    published(
        params=60_000,
        source="LeCun et al. 1998, section II.B",
        why="the paper counts its own form: C3 over all six maps has 900 weights more, plain sub-sampling 12 + 32 "
        "parameters fewer, and a linear output 850 more, which makes 61,706",
    ),
    title="LeNet-5",
    paper=PAPER,
    year=1998,
    input_shape=(1, 1, 32, 32),
)
def lenet5(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """LeNet-5 with a fully connected C3, plain sub-sampling and a linear output."""
    return LeNet5(num_classes, in_channels)


@architecture(
    published(params=60_000, source="LeCun et al. 1998, section II.B"),
    title="LeNet-5 (as in the paper)",
    paper=PAPER,
    year=1998,
    input_shape=(1, 1, 32, 32),
)
def lenet5_1998(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """LeNet-5 with Table I's connections, trained sub-sampling and radial basis functions over fixed codes."""
    return LeNet5Of1998(num_classes, in_channels)
