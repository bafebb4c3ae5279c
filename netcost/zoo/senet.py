"""SENet (Hu et al., CVPR 2018, arXiv:1709.01507): residual networks that weight the channels of each residual.

Table 1 has SE-ResNet-50 and SE-ResNeXt-50; SENet-154, the entry to the 2017 ImageNet contest, is described in the
text. As in the networks that the authors released for Caffe, ResNet's bottleneck strides in its first 1x1 here,
ResNeXt's in its 3x3, and the pooling after the first convolution rounds up.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from netcost.text.errors import TargetError
from netcost.zoo.blocks import ConvNorm
from netcost.zoo.catalogue import architecture, published
from netcost.zoo.resnet import BOTTLENECK_WIDTHS, MODEL_ZOO, TIMM, Residual, ResNet, Unit, paper_bottleneck
from netcost.zoo.resnext import unit_32x4d

PAPER = "Squeeze-and-excitation networks (Hu et al., CVPR 2018, arXiv:1709.01507)"


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate between 0 and 1 that two fully connected layers compute from all channels' means.

    The layers are 1x1 convolutions on a map of one pixel, which costs the same and spares the reshaping.

    Args:
        channels: channels of the input and the output (N, channels, H, W).
        reduction: channels / hidden units (r, section 3.2).

    Raises:
        TargetError: the reduction is not a whole number of channels.

    Reference: section 3, Figure 1.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if not isinstance(reduction, int) or reduction < 1:
            raise TargetError(f"reduction is {reduction!r}; expected how many channels share a hidden unit, like 16")
        hidden = max(1, channels // reduction)
        self.squeeze = nn.AdaptiveAvgPool2d(1)  # (N, channels, 1, 1)
        self.excitation = nn.Sequential(
            nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        gates: Tensor = self.excitation(self.squeeze(x))
        return x * gates


def squeezed(unit: Callable[[int, int, int], Residual], reduction: int) -> Unit:
    """Return `unit` with a squeeze-excitation at the end of its residual, before the shortcut is added (Figure 3)."""

    def make(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        made = unit(in_channels, out_channels, stride)
        made.residual.append(SqueezeExcitation(out_channels, reduction))
        return made

    return make


class SENet154Bottleneck(Residual):
    """ResNeXt's 64x4d bottleneck with a narrower first 1x1 and a wider projection.

    Its 3x3 convolution is as wide as the output and strides; the first 1x1 is half as wide, which saves about a
    quarter of the weights; where the unit strides, its shortcut is a 3x3 convolution, which sees every pixel.

    Args:
        in_channels: channels of the input (N, in_channels, H, W).
        out_channels: channels of the output (N, out_channels, H/stride, W/stride), a multiple of 64.
        stride: stride of the unit.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        residual = nn.Sequential(
            ConvNorm(in_channels, out_channels // 2),
            ConvNorm(out_channels // 2, out_channels, 3, stride=stride, groups=64),
            ConvNorm(out_channels, out_channels, activation=None),
        )
        super().__init__(residual, in_channels, out_channels, stride, projection=1 if stride == 1 else 3)


@architecture(
    published(
        params=28_088_024,
        mult_adds=3.87e9,
        source=f"params: {MODEL_ZOO}; mult-adds: arXiv:1709.01507 section 4 and Table 2",
    ),
    title="SE-ResNet-50 (stride in the 1x1)",
    paper=PAPER,
    year=2017,
)
def se_resnet50(reduction: int = 16, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """The paper's ResNet-50 with sixteen squeeze-excitations."""
    unit = squeezed(paper_bottleneck, reduction)
    return ResNet(
        unit, (3, 4, 6, 3), BOTTLENECK_WIDTHS, ceil_pooling=True, num_classes=num_classes, in_channels=in_channels
    )


@architecture(
    published(
        params=27_559_896,
        mult_adds=4.25e9,
        source=f"params: {MODEL_ZOO}; mult-adds: arXiv:1709.01507 Table 2",
    ),
    title="SE-ResNeXt-50 (32x4d)",
    paper=PAPER,
    year=2017,
)
def se_resnext50_32x4d(reduction: int = 16, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """ResNeXt-50 with sixteen squeeze-excitations."""
    unit = squeezed(unit_32x4d, reduction)
    return ResNet(
        unit, (3, 4, 6, 3), BOTTLENECK_WIDTHS, ceil_pooling=True, num_classes=num_classes, in_channels=in_channels
    )


@architecture(
    published(params=115_088_984, mult_adds=20.77e9, source=f"params: {MODEL_ZOO}; mult-adds: {TIMM}"),
    title="SENet-154",
    paper=PAPER,
    year=2017,
)
def senet154(reduction: int = 16, num_classes: int = 1000, in_channels: int = 3) -> nn.Module:
    """Three 3x3 convolutions and fifty wide bottlenecks with squeeze-excitation."""
    return ResNet(
        squeezed(SENet154Bottleneck, reduction),
        (3, 8, 36, 3),
        BOTTLENECK_WIDTHS,
        deep_stem=(64, 64, 128),
        ceil_pooling=True,
        dropout=0.2,
        num_classes=num_classes,
        in_channels=in_channels,
    )
