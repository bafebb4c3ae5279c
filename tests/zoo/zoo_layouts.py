"""The zoo's layouts by torch alone, for tests that hold them against papers' tables and others' code."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from netcost.targets.weightless import weightless
from netcost.zoo import ARCHITECTURES

# Parameters used in a forward pass without training, and mult-adds in millions at the architecture's own input, from
# the layers of the papers' tables. Those of ResNet to DenseNet are listed to the unit by the model zoos, those of
# Inception and NASNet by osmr/imgclsmob gluon/README.md (commit c1a844dde061), Xception's by arXiv:1610.02357 Table 3.
COUNTS = {
    "alexnet_2012": (60_965_224, 724.407),
    "alexnet": (61_100_840, 714.188),
    "bn_inception": (11_295_240, 2032.600),
    "densenet121": (7_978_856, 2834.162),
    "densenet161": (28_681_000, 7727.907),
    "densenet169": (14_149_480, 3359.843),
    "densenet201": (20_013_928, 4291.366),
    "densenet264": (33_337_704, 5751.653),
    "googlenet": (6_998_552, 1582.672),
    "inception_v3": (23_834_568, 5713.216),  # torchvision prints 5.713 billion
    "inception_v4": (42_679_816, 12253.975),
    "inception_resnet_v1": (23_995_624, 6308.235),
    "inception_resnet_v2": (55_843_464, 13155.794),
    "lenet5": (61_706, 0.417),
    "lenet5_1998": (60_000, 0.326),
    "mini_googlenet": (1_649_402 + 2 * 1712, 234.598),  # Table 1 of arXiv:1611.03530 has 2 fewer per channel
    "mobilenet_v1": (4_231_976, 568.740),
    "mobilenet_v1_0_75": (2_585_560, 325.400),
    "mobilenet_v1_0_5": (1_331_592, 149.497),  # MobileNet (arXiv:1704.04861) Table 9 at 160x160: 1.32 million
    "mobilenet_v1_0_25": (470_072, 41.030),
    "mobilenet_v2": (3_504_872, 300.774),
    "mobilenet_v2_1_4": (6_108_776, 582.196),
    "mobilenet_v2_1_3": (5_386_792, 509.375),
    "mobilenet_v2_0_75": (2_636_424, 209.070),
    "mobilenet_v2_0_5": (1_968_680, 97.132),
    "mobilenet_v2_0_35": (1_677_128, 59.286),
    "resnet18": (11_689_512, 1814.073),
    "resnet34": (21_797_672, 3663.761),
    "resnet50": (25_557_032, 4089.184),
    "resnet50_stride1x1": (25_557_032, 3857.973),
    "resnet101": (44_549_160, 7801.405),
    "resnet101_stride1x1": (44_549_160, 7570.194),
    "resnet152": (60_192_808, 11513.627),
    "resnet152_stride1x1": (60_192_808, 11282.416),
    "resnext50_32x4d": (25_028_904, 4230.480),
    "resnext101_32x4d": (44_177_704, 7969.997),
    "resnext101_64x4d": (83_455_272, 15460.270),
    "se_resnet50": (28_088_024, 3860.488),
    "se_resnext50_32x4d": (27_559_896, 4232.995),
    "senet154": (115_088_984, 20688.364),
    "shufflenet_v1_g1_x0_25": (209_746, 11.003),
    "shufflenet_v1_g2_x0_25": (267_026, 11.157),
    "shufflenet_v1_g3_x0_25": (305_902, 11.010),
    "shufflenet_v1_g4_x0_25": (338_544, 11.814),
    "shufflenet_v1_g8_x0_25": (454_504, 12.426),
    "shufflenet_v1_g1_x0_5": (534_484, 38.517),
    "shufflenet_v1_g2_x0_5": (643_932, 38.571),
    "shufflenet_v1_g3_x0_5": (718_324, 37.590),
    "shufflenet_v1_g4_x0_5": (778_040, 37.469),
    "shufflenet_v1_g8_x0_5": (1_011_448, 40.470),
    "shufflenet_v1_g1_x1_0": (1_531_936, 143.079),
    "shufflenet_v1_g2_x1_0": (1_733_848, 140.837),
    "shufflenet_v1_g3_x1_0": (1_865_728, 137.461),
    "shufflenet_v1_g4_x1_0": (1_968_344, 134.340),
    "shufflenet_v1_g8_x1_0": (2_434_768, 138.366),
    "shufflenet_v1_g1_x1_5": (2_993_032, 308.096),
    "shufflenet_v1_g2_x1_5": (3_272_312, 302.188),
    "shufflenet_v1_g3_x1_5": (3_442_168, 292.444),
    "shufflenet_v1_g4_x1_5": (3_574_032, 285.768),
    "shufflenet_v1_g8_x1_5": (4_269_952, 290.189),
    "shufflenet_v1_g1_x2_0": (4_918_744, 550.335),
    "shufflenet_v1_g2_x2_0": (5_257_896, 539.139),
    "shufflenet_v1_g3_x2_0": (5_450_776, 524.045),
    "shufflenet_v1_g4_x2_0": (5_593_528, 510.290),
    "shufflenet_v1_g8_x2_0": (6_522_232, 521.942),
    "shufflenet_v2_x0_5": (1_366_792, 40.476),
    "shufflenet_v2_x1_0": (2_278_604, 144.908),
    "shufflenet_v2_x1_5": (3_503_624, 295.759),
    "shufflenet_v2_x2_0": (7_393_996, 583.253),
    "shufflenet_v2_50": (16_573_534, 2304.153),
    "se_shufflenet_v2_164": (102_506_606, 12568.128),
    "nasnet_a_mobile": (5_289_978, 563.639),
    "nasnet_a_large": (88_753_150, 23783.415),
    "nin": (7_595_176, 1100.189),
    "vgg11": (132_863_336, 7609.090),
    "vgg13": (133_047_848, 11308.466),
    "vgg16": (138_357_544, 15470.264),
    "vgg19": (143_667_240, 19632.062),
    "vgg11_bn": (132_868_840, 7609.090),
    "vgg13_bn": (133_053_736, 11308.466),
    "vgg16_bn": (138_365_992, 15470.264),
    "vgg19_bn": (143_678_248, 19632.062),
    "xception": (22_855_952, 8357.403),
}


class Layer(NamedTuple):
    """What one module did in a forward pass."""

    shape: tuple[int, ...]
    """Of its output."""
    params: int
    """Its own, without its children's."""
    mult_adds: int
    """Counted here without a trace: what the analysis finds is held against it."""


def layer(module: nn.Module, output: Tensor) -> Layer:
    # A weight is used once for each position of the output map; a linear layer has one position.
    positions = output.shape[2:].numel() if isinstance(module, nn.Conv2d) else 1
    mult_adds = positions * module.weight.numel() if isinstance(module, nn.Conv2d | nn.Linear) else 0
    return Layer(tuple(output.shape), sum(own.numel() for own in module.parameters(recurse=False)), mult_adds)


def forward_pass(model: nn.Module, shape: tuple[int, ...]) -> dict[str, Layer]:
    """What each module that ran did, by name; the model itself is ""."""
    ran: dict[str, Layer] = {}

    def record(name: str, module: nn.Module, _inputs: object, output: Tensor) -> None:
        ran[name] = layer(module, output)

    for name, module in model.eval().named_modules():
        module.register_forward_hook(functools.partial(record, name))
    model(torch.empty(shape, device="meta"))
    return ran


def under(ran: dict[str, Layer], prefix: str) -> tuple[int, int]:
    """Parameters and mult-adds of a module and all below it."""
    inside = [entry for name, entry in ran.items() if f"{name}.".startswith(f"{prefix}." if prefix else "")]
    return sum(entry.params for entry in inside), sum(entry.mult_adds for entry in inside)


def on_meta(builder: Callable[[], nn.Module]) -> nn.Module:
    with weightless():
        return builder().to("meta")  # small buffers keep their values otherwise


@functools.cache
def zoo_pass(name: str) -> dict[str, Layer]:
    """What each module of an architecture did in a forward pass at its own input, by name."""
    return forward_pass(on_meta(ARCHITECTURES.get(name).build), ARCHITECTURES.get(name).input_shape)


def with_lively_weights(model: nn.Module, images: Tensor) -> nn.Module:
    """`model` on the CPU with weights that keep the signal alive to the last layer, and the statistics of `images`."""
    model.to_empty(device="cpu").eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.momentum = 1.0  # the running statistics become those of the one batch below
            module.train()
        elif isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
        if getattr(module, "bias", None) is not None:
            nn.init.normal_(module.bias, std=0.1)
    model(images)
    return model.eval()


def with_weights_of(theirs: nn.Module, builder: Callable[[], nn.Module]) -> nn.Module:
    """What `builder` makes, with the weights and buffers of `theirs`, one by one in their order."""
    ours = on_meta(builder).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)), assign=True)
    return ours


def assert_same_output(ours: nn.Module, theirs: nn.Module, images: Tensor, **tolerances: float) -> None:
    expected = theirs(images)
    torch.testing.assert_close(ours(images), expected, **tolerances)
    assert (expected[0] - expected[1]).abs().max() > 0.1  # the images still matter at the end, so equality says much
