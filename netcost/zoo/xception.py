"""Xception (Chollet, CVPR 2017, arXiv:1610.02357), Figure 5."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from netcost.zoo.blocks import ConvNorm
from netcost.zoo.catalogue import architecture, published


class SeparableConv(nn.Sequential):
    """A 3x3 convolution per channel, a 1x1 convolution over all channels and batch norm; no activation between the two.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False)
        self.pointwise = ConvNorm(in_channels, out_channels, activation=None)


class XceptionModule(nn.Module):
    """Separable convolutions, each after a ReLU, and a shortcut around them.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        widths: channels of each separable convolution; the output is (N, widths[-1], H/stride, W/stride).
        stride: 2 ends in a pooling and gives the shortcut a 1x1 convolution; 1 adds the input itself.
        starts_with_relu: True if a ReLU comes before the first convolution too.
    """

    def __init__(
        self, in_channels: int, widths: Sequence[int], *, stride: int = 1, starts_with_relu: bool = True
    ) -> None:
        super().__init__()
        plain = stride == 1 and in_channels == widths[-1]
        self.shortcut = nn.Identity() if plain else ConvNorm(in_channels, widths[-1], stride=stride, activation=None)
        self.residual = nn.Sequential()
        for index, (channels, made) in enumerate(zip([in_channels, *widths], widths, strict=False)):
            if index or starts_with_relu:
                self.residual.append(nn.ReLU(inplace=index > 0))  # the shortcut still needs the input
            self.residual.append(SeparableConv(channels, made))
        if stride > 1:
            self.residual.append(nn.MaxPool2d(3, stride, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, widths[-1], H/stride, W/stride)."""
        joined: Tensor = self.shortcut(x) + self.residual(x)
        return joined


class EntryFlow(nn.Sequential):
    """Entry flow: maps (N, in_channels, 299, 299) to (N, 728, 19, 19)."""

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = ConvNorm(in_channels, 32, 3, stride=2, padding=0)  # (N, 32, 149, 149)
        self.conv2 = ConvNorm(32, 64, 3, padding=0)  # (N, 64, 147, 147)
        self.module1 = XceptionModule(64, (128, 128), stride=2, starts_with_relu=False)
        self.module2 = XceptionModule(128, (256, 256), stride=2)
        self.module3 = XceptionModule(256, (728, 728), stride=2)


class ExitFlow(nn.Sequential):
    """Exit flow: maps (N, 728, 19, 19) to (N, 2048, 10, 10), up to the pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.module1 = XceptionModule(728, (728, 1024), stride=2)
        self.conv1 = SeparableConv(1024, 1536).append(nn.ReLU(inplace=True))
        self.conv2 = SeparableConv(1536, 2048).append(nn.ReLU(inplace=True))


class Xception(nn.Sequential):
    """Xception: 36 convolutional layers in 14 modules; its children are the flows of Figure 5.

    Args:
        num_classes: classes of the output (N, num_classes).
        in_channels: channels of the input (N, in_channels, H, W).
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        self.entry_flow = EntryFlow(in_channels)
        self.middle_flow = nn.Sequential(*(XceptionModule(728, (728, 728, 728)) for _ in range(8)))
        self.exit_flow = ExitFlow()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.5)
        self.linear = nn.Linear(2048, num_classes)


@architecture(
    published(
        params=22_855_952,
        mult_adds=8.38e9,
        source="params: arXiv:1610.02357 Table 3, with the classifier; mult-adds: NASNet (arXiv:1707.07012) Table 2",
    ),
    title="Xception",
    paper="Xception: deep learning with depthwise separable convolutions (Chollet, CVPR 2017, arXiv:1610.02357)",
    year=2016,
    input_shape=(1, 3, 299, 299),
)
def xception(num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Xception with its linear classifier and no further fully connected layer."""
    return Xception(num_classes, in_channels)
