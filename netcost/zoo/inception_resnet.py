"""Inception-ResNet v1 and v2 (Szegedy et al., AAAI 2017, arXiv:1602.07261), Figures 10 to 19 and Table 1.

The default is the form that was released and counted; `drawn=True` builds the paper's figures.

- v1: 5, 10 and 6 modules, the last of them without scaling and ReLU, and an embedding of 512 before the classifier
  (davidsandberg/facenet, osmr/imgclsmob); drawn, 5, 10 and 5 modules and no embedding.
- v2: 10, 20 and 10 modules, the last of them without scaling and ReLU, the stem of Inception v3 with one v3 module, and
  a 1x1 convolution to 1536 channels at the end (tensorflow/models slim); drawn, 5, 10 and 5 modules, the stem of
  Inception v4 and no such convolution. The drawing's 1154 and 2048 channels are slips: the branches of its reductions
  make 1152 and 2144.

Batch norm adds 0.001 to the variance, and average pooling leaves out the zeros around the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from netcost.text.errors import TargetError
from netcost.zoo import inception_v4
from netcost.zoo.blocks import Branches, Conv
from netcost.zoo.catalogue import architecture, published
from netcost.zoo.inception_v3 import GridReduction, InceptionA, convs, max_pool

PAPER = (
    "Inception-v4, Inception-ResNet and the impact of residual connections on learning (Szegedy et al., AAAI 2017, "
    "arXiv:1602.07261)"
)


class InceptionResidual(nn.Module):
    """Branches mixed by a linear 1x1 convolution, scaled and added to the input (section 3.3).

    Args:
        in_channels: channels of the input and the output (N, in_channels, H, W).
        branches: each a table of convolutions at stride 1.
        scale: factor of the branches' sum before it is added.
        activated: True if a ReLU follows the sum.
    """

    def __init__(self, in_channels: int, *branches: Sequence[Conv], scale: float = 0.1, activated: bool = True) -> None:
        super().__init__()
        named = {f"branch_{index}": convs(in_channels, *branch) for index, branch in enumerate(branches)}
        self.branches = Branches(**named)
        self.mix = nn.Conv2d(sum(branch[-1].channels for branch in branches), in_channels, 1)
        self.scale = scale
        self.relu = nn.ReLU(inplace=True) if activated else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to the same shape."""
        joined: Tensor = x + self.scale * self.mix(self.branches(x))
        return joined if self.relu is None else self.relu(joined)


class Widths(NamedTuple):
    """Channels of one of the two networks.

    A branch is a 1x1 convolution and the convolutions that its module adds; a branch of one number is a 1x1 alone.
    """

    a: Sequence[Sequence[int]]
    """Branches of Inception-ResNet-A; 3x3 convolutions follow the 1x1 (Figures 10 and 16)."""
    reduction_a: tuple[int, Sequence[int]]
    """Channels of the 3x3 with stride 2, and of the longer branch: n, and k, l, m of Table 1."""
    b: Sequence[Sequence[int]]
    """Branches of Inception-ResNet-B; a 1x7 and a 7x1 follow (Figures 11 and 17)."""
    reduction_b: Sequence[Sequence[int]]
    """Branches beside the pooling; 3x3 convolutions follow, the last with stride 2 (Figures 12 and 18)."""
    c: Sequence[Sequence[int]]
    """Branches of Inception-ResNet-C; a 1x3 and a 3x1 follow (Figures 13 and 19)."""


V1 = Widths(
    a=((32,), (32, 32), (32, 32, 32)),
    reduction_a=(384, (192, 192, 256)),
    b=((128,), (128, 128, 128)),
    reduction_b=((256, 384), (256, 256), (256, 256, 256)),
    c=((192,), (192, 192, 192)),
)
V2 = Widths(
    a=((32,), (32, 32), (32, 48, 64)),
    reduction_a=(384, (256, 256, 384)),
    b=((192,), (128, 160, 192)),
    reduction_b=((256, 384), (256, 288), (256, 288, 320)),
    c=((192,), (192, 224, 256)),
)


def square(branch: Sequence[int]) -> list[Conv]:
    """Return a 1x1 convolution and 3x3 ones."""
    return [Conv(branch[0]), *(Conv(channels, 3) for channels in branch[1:])]


def factorized(branch: Sequence[int], n: int) -> list[Conv]:
    """Return a 1x1 convolution, a 1xn and an nx1."""
    return list(map(Conv, branch, ((1, 1), (1, n), (n, 1))[: len(branch)]))


def residual_a(in_channels: int, branches: Sequence[Sequence[int]]) -> InceptionResidual:
    """Return the module of the 35x35 grid."""
    return InceptionResidual(in_channels, *map(square, branches), scale=0.17)


def residual_b(in_channels: int, branches: Sequence[Sequence[int]]) -> InceptionResidual:
    """Return the module of the 17x17 grid."""
    return InceptionResidual(in_channels, *(factorized(branch, 7) for branch in branches), scale=0.10)


def residual_c(in_channels: int, branches: Sequence[Sequence[int]], *, last: bool = False) -> InceptionResidual:
    """Return the module of the 8x8 grid; the last of a released network neither scales nor activates."""
    tables = [factorized(branch, 3) for branch in branches]
    return InceptionResidual(in_channels, *tables, scale=1.0 if last else 0.20, activated=not last)


def reduction_b(in_channels: int, branches: Sequence[Sequence[int]]) -> Branches:
    """Return the step from the 17x17 grid to the 8x8: branches whose last 3x3 has stride 2, and a pooling."""
    tables = [[*square(branch[:-1]), Conv(branch[-1], 3, 2, 0)] for branch in branches]
    named = {f"branch_{index}": convs(in_channels, *table) for index, table in enumerate(tables)}
    return Branches(**named, branch_pool=max_pool())


def early_layers(in_channels: int) -> list[nn.Module]:
    """Return the first layers of both stems, (N, in_channels, 299, 299) to (N, 192, 71, 71), as in Inception v3."""
    return [
        convs(in_channels, Conv(32, 3, 2, 0), Conv(32, 3, 1, 0), Conv(64, 3)),
        max_pool(),  # (N, 64, 73, 73)
        convs(64, Conv(80), Conv(192, 3, 1, 0)),
    ]


def stem_v1(in_channels: int) -> nn.Sequential:
    """Return a stem to (N, 256, 35, 35) whose last convolution has stride 2 (Figure 14)."""
    return nn.Sequential(*early_layers(in_channels), convs(192, Conv(256, 3, 2, 0)))


def stem_v2(in_channels: int) -> nn.Sequential:
    """Return a stem to (N, 320, 35, 35) with a pooling and one Inception v3 module, as released."""
    module = InceptionA(192, 96, (48, 64), (64, 96, 96), 64)
    return nn.Sequential(*early_layers(in_channels), max_pool(), module)


class InceptionResNet(nn.Sequential):
    """Inception-ResNet; its children are the boxes of Figure 15.

    Args:
        stem: makes maps (N, stem_channels, 35, 35) of images 299x299.
        stem_channels: channels of its output.
        widths: of the modules and reductions.
        modules: number of modules on the 35x35, 17x17 and 8x8 grid.
        linear_end: True if the last module neither scales nor activates, as released.
        conv: channels of a 1x1 convolution after the modules, 0 for none.
        embedding: features of a linear layer with batch norm before the classifier, 0 for none.
        num_classes: classes of the output (N, num_classes).
    """

    def __init__(
        self,
        stem: nn.Module,
        stem_channels: int,
        widths: Widths,
        modules: Sequence[int],
        *,
        linear_end: bool,
        conv: int = 0,
        embedding: int = 0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        many_a, many_b, many_c = checked_modules(modules)
        (n3x3, triple), at_35 = widths.reduction_a, stem_channels
        at_17 = at_35 + n3x3 + triple[-1]
        at_8 = at_17 + sum(branch[-1] for branch in widths.reduction_b)
        ends = [False] * (many_c - 1) + [linear_end]
        self.stem = stem
        self.inception_resnet_a = nn.Sequential(*(residual_a(at_35, widths.a) for _ in range(many_a)))
        self.reduction_a = GridReduction(at_35, n3x3, triple)
        self.inception_resnet_b = nn.Sequential(*(residual_b(at_17, widths.b) for _ in range(many_b)))
        self.reduction_b = reduction_b(at_17, widths.reduction_b)
        self.inception_resnet_c = nn.Sequential(*(residual_c(at_8, widths.c, last=end) for end in ends))
        if conv:
            self.conv = convs(at_8, Conv(conv))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        features = conv or at_8
        if embedding:
            self.embedding = nn.Sequential(
                nn.Linear(features, embedding, bias=False), nn.BatchNorm1d(embedding, eps=1e-3)
            )
        self.linear = nn.Linear(embedding or features, num_classes)


def checked_modules(modules: Sequence[int]) -> Sequence[int]:
    """Return the number of modules on each grid.

    Raises:
        TargetError: they are not three positive numbers.
    """
    counts = tuple(modules) if isinstance(modules, Sequence) else ()
    if len(counts) != 3 or not all(isinstance(count, int) and count > 0 for count in counts):
        raise TargetError(
            f"modules is {modules!r}; expected a count for each of three grids, like --arg modules=5,10,5"
        )
    return counts


@architecture(
    published(
        params=23_995_624,
        mult_adds=6329.6e6,
        source="osmr/imgclsmob gluon/README.md (commit c1a844dde061); the paper prints no counts",
    ),
    title="Inception-ResNet-v1",
    paper=PAPER,
    year=2016,
    input_shape=(1, 3, 299, 299),
)
def inception_resnet_v1(
    modules: Sequence[int] | None = None, drawn: bool = False, num_classes: int = 1000, in_channels: int = 3
) -> nn.Module:
    """5, 10 and 6 modules and an embedding of 512; as drawn 5, 10 and 5 and none."""
    if modules is None:
        modules = (5, 10, 5) if drawn else (5, 10, 6)
    return InceptionResNet(
        stem_v1(in_channels),
        256,
        V1,
        modules,
        linear_end=not drawn,
        embedding=0 if drawn else 512,
        num_classes=num_classes,
    )


@architecture(
    published(
        params=55_843_464,
        mult_adds=13_188.64e6,
        source="osmr/imgclsmob gluon/README.md (commit c1a844dde061); NASNet (arXiv:1707.07012) Table 2 has 55.8e6 and "
        "13.2e9, SENet (arXiv:1709.01507) Table 2 has 11.75e9 for a network of this name; the paper prints no counts",
    ),
    title="Inception-ResNet-v2",
    paper=PAPER,
    year=2016,
    input_shape=(1, 3, 299, 299),
)
def inception_resnet_v2(
    modules: Sequence[int] | None = None, drawn: bool = False, num_classes: int = 1000, in_channels: int = 3
) -> nn.Module:
    """10, 20 and 10 modules; as drawn 5, 10 and 5 behind the stem of Inception v4."""
    if modules is None:
        modules = (5, 10, 5) if drawn else (10, 20, 10)
    return InceptionResNet(
        inception_v4.stem(in_channels) if drawn else stem_v2(in_channels),
        384 if drawn else 320,
        V2,
        modules,
        linear_end=not drawn,
        conv=0 if drawn else 1536,
        num_classes=num_classes,
    )
