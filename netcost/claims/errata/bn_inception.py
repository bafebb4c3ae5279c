"""BN-Inception (arXiv:1502.03167), Figure 5 and the appendix."""

from __future__ import annotations

from torch import nn

from netcost.claims.checks import beside, exactly, printed, unstated
from netcost.claims.claim import ERRATA, ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import (
    counted,
    counted_module,
    layers,
    operators,
    output_shape,
    weight_terms,
    weights,
    with_convolutions,
)
from netcost.claims.sources import BN_INCEPTION
from netcost.counting.analysis import Analysis
from netcost.zoo.blocks import Conv, chain
from netcost.zoo.googlenet import GoogLeNet

FIGURE_5 = f"{BN_INCEPTION}, Figure 5"


def joined_channels(network: Analysis) -> dict[str, int]:
    """Add up the channels after the concatenation of each module."""
    return {op.module.removeprefix("inception_"): op.outputs[0].shape[1] for op in operators(network, "aten.cat")}


@claim(
    id="bn-inception-576",
    rows="M07",
    topic=Topic.INCEPTION,
    says="Modules 4c and 4d of BN-Inception put out 576 channels.",
    source=FIGURE_5,
    recorded=ClaimVerdict.FAILS,
    perturbation={"printed_widths": True},
    registry=ERRATA,
)
def width_of_4c(printed_widths: bool = False) -> ClaimFinding:
    """Add up the figure's own columns; with pool projections of 96 in place of 128 the sums are the printed widths."""
    columns = joined_channels(counted("bn_inception", printed_widths=printed_widths))
    narrower = joined_channels(counted("bn_inception", printed_widths=True))
    return found(
        exactly("channels after 4c", columns["4c"], 576),
        exactly("channels after 4d", columns["4d"], 576),
        beside(exactly("channels after 4e, which passes on what it gets", columns["4e"], 1024)),
        beside(exactly("after 4c, 4d and 4e with projections of 96", _three(narrower), (576, 576, 1024))),
    )


def _three(channels: dict[str, int]) -> tuple[int, ...]:
    return tuple(channels[name] for name in ("4c", "4d", "4e"))


@claim(
    id="bn-inception-grids",
    rows="M08",
    topic=Topic.INCEPTION,
    says="Modules 3c and 4e of BN-Inception, which stride by 2, put out 28x28 and 14x14.",
    source=FIGURE_5,
    recorded=ClaimVerdict.FAILS,
    perturbation={"stride": 1},
    registry=ERRATA,
)
def strided_sizes(stride: int = 2) -> ClaimFinding:
    """Count the two modules on the maps that they read: the printed sizes are those of their inputs."""
    checks = []
    for name, channels, side, widths in (("3c", 320, 28, (128, 160, 64, 96)), ("4e", 608, 14, (128, 192, 192, 256))):
        halved, kept = (_passing(channels, side, widths, one_stride) for one_stride in (stride, 1))
        checks += [
            exactly(f"{name}: side of the output", output_shape(halved)[-1], side),
            beside(unstated(f"{name}: multiply-adds", halved.mult_adds)),
            beside(unstated(f"{name}: multiply-adds at stride 1, as the size would have it", kept.mult_adds)),
        ]
    return found(*checks)


def _passing(channels: int, side: int, widths: tuple[int, int, int, int], stride: int) -> Analysis:
    """Build a module without a 1x1 branch, whose pooling passes through."""
    names = ("reduce_3x3", "n3x3", "reduce_double", "double_3x3")
    arguments = {"n1x1": 0, **dict(zip(names, widths, strict=True)), "pool": "max", "pool_proj": 0, "stride": stride}
    return counted("module:inception_v2", (1, channels, side, side), **arguments)


@claim(
    id="bn-inception-depth",
    rows="M09",
    topic=Topic.INCEPTION,
    says="The second convolution of BN-Inception, with 64 channels before its 3x3, is of depth 1.",
    source=FIGURE_5,
    recorded=ClaimVerdict.FAILS,
    perturbation={"reduces": False},
    registry=ERRATA,
)
def second_depth(reduces: bool = True) -> ClaimFinding:
    """Count the depth: the printed 1x1 reduction and the 3x3 after it are two layers; the 3x3 alone is one."""
    shape = (1, 64, 56, 56)
    alone = counted_module(lambda: chain(64, Conv(192, 3)), shape)
    both = counted_module(lambda: chain(64, Conv(64), Conv(192, 3)), shape) if reduces else alone
    return found(
        exactly("depth with the reduction", both.depth, 1),
        beside(exactly("depth without it", alone.depth, 1)),
        beside(unstated("weights with the reduction", weights(both), terms=weight_terms(layers(both)))),
        beside(unstated("weights without it", weights(alone), terms=weight_terms(layers(alone)))),
    )


@claim(
    id="bn-two-3x3-for-one-5x5",
    rows="M10",
    topic=Topic.INCEPTION,
    says="Two 3x3 in place of each 5x5 raise GoogLeNet's parameters by 25% and its computation by 30%.",
    source=f"{BN_INCEPTION}, appendix",
    recorded=ClaimVerdict.FAILS,
    perturbation={"kernel": 5},
    registry=ERRATA,
)
def two_for_one(kernel: int = 3) -> ClaimFinding:
    """Count that change alone, by the width of the map between the two, beside all changes up to BN-Inception."""
    before, shape = counted("googlenet"), (1, 3, 224, 224)
    after = {
        "map between as wide as the output": counted_module(lambda: doubled(kernel, wide=True), shape),
        "map between as wide as the input": counted_module(lambda: doubled(kernel, wide=False), shape),
        "BN-Inception as a whole": counted("bn_inception"),
    }
    checks = [
        check
        for name, network in after.items()
        for check in (
            printed(f"parameters, {name}", network.params / before.params - 1, "25%", unit="percent"),
            printed(f"multiply-adds, {name}", network.mult_adds / before.mult_adds - 1, "30%", unit="percent"),
        )
    ]
    return found(*checks[:2], *map(beside, checks[2:]), notes=["Shares are what comes on top of GoogLeNet's own."])


def doubled(kernel: int, *, wide: bool) -> GoogLeNet:
    """Count GoogLeNet with two convolutions in place of each 5x5.

    Args:
        kernel: side of each.
        wide: True where the map between them has the channels of the output, False where it has those of the input.
    """

    def make(_path: str, layer: nn.Conv2d) -> nn.Module:
        if layer.kernel_size != (5, 5):
            return layer
        between = layer.out_channels if wide else layer.in_channels
        return nn.Sequential(
            nn.Conv2d(layer.in_channels, between, kernel, padding=kernel // 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(between, layer.out_channels, kernel, padding=kernel // 2),
        )

    return with_convolutions(GoogLeNet(), make)
