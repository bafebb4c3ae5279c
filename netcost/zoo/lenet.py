"""LeNet-5 (LeCun, Bottou, Bengio and Haffner, Proc. IEEE 1998), section II.B, in the form commonly built since."""

from __future__ import annotations

from torch import nn

from netcost.zoo.catalogue import architecture, published


class LeNet5(nn.Sequential):
    """Seven layers under the paper's own names.

    Three things differ from the paper, as they do wherever this network is built today: C3 sees all six maps of
    S2, the sub-sampling has no trained scale and bias, and the output is linear in place of radial basis functions.

    Args:
        num_classes: of the output (N, num_classes).
        in_channels: of the input (N, in_channels, 32, 32).
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


@architecture(
    published(
        params=60_000,
        source="LeCun et al. 1998, section II.B",
        why="the paper counts its own form: C3 over all six maps has 900 weights more, plain sub-sampling 12 + 32 "
        "parameters fewer, and a linear output 850 more, which makes 61,706",
    ),
    title="LeNet-5",
    paper="Gradient-based learning applied to document recognition (LeCun et al., Proc. IEEE 1998)",
    year=1998,
    input_shape=(1, 1, 32, 32),
)
def lenet5(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """LeNet-5 with a fully connected C3, plain sub-sampling and a linear output."""
    return LeNet5(num_classes, in_channels)
