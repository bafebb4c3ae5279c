"""Errata whose other reading gives the printed figure, with the arithmetic of both; and how they look in a terminal."""

import pytest

from netcost import analyze
from netcost.claims import ERRATA, review
from netcost.claims.claim import Value
from netcost.claims.evidence import counted, counted_convolution, layers, resized, with_convolutions, within
from netcost.text.formats import terminal
from netcost.zoo.alexnet import AlexNet2012


def computed(erratum: str) -> dict[str, Value]:
    return {check.what: check.computed for check in ERRATA.get(erratum).run().checks}


def test_the_first_row_of_googlenet_fits_a_separable_convolution() -> None:
    places, depthwise, pointwise = 112 * 112, 7 * 7 * (3 * 8), (3 * 8) * 64
    assert computed("googlenet-first-layer") == {
        "dense: weights": 7 * 7 * 3 * 64,
        "dense: multiply-adds": places * 7 * 7 * 3 * 64,
        "separable: weights": depthwise + pointwise,
        "separable: multiply-adds": places * (depthwise + pointwise),
    }
    assert depthwise + pointwise == 2_712 and places * (depthwise + pointwise) == 34_019_328


def test_the_first_neurons_of_alexnet_fit_a_slip() -> None:
    found = computed("alexnet-first-neurons")
    assert found["conv1: neurons"] == 55 * 55 * 96
    assert found["conv1: side x channels of a device x channels"] == 55 * (96 // 2) * 96 == 253_440


def test_the_smaller_googlenet_is_the_one_of_torchvision() -> None:
    pytest.importorskip("torchvision")
    theirs, found = analyze("torchvision:googlenet"), computed("torchvision-googlenet")
    assert theirs.params == found["parameters with 3x3 in their place"]
    assert theirs.mult_adds == found["multiply-adds with 3x3, as torchvision lists them"]


def test_two_3x3_for_one_5x5() -> None:
    """In module 3a, whose 5x5 goes from 16 to 32 channels: 9 (16·32 + 32·32) weights in place of 25·16·32."""
    found = computed("bn-two-3x3-for-one-5x5")
    more = found["parameters, map between as wide as the output"]
    widths = [(16, 32), (32, 96), (16, 48), (24, 64), (24, 64), (32, 64), (32, 128), (32, 128), (48, 128)]
    added = sum(9 * (into * out + out * out) + out - 25 * into * out for into, out in widths)
    assert more == pytest.approx(added / counted("googlenet").params, rel=1e-12)


def test_a_module_holds_its_own_layers_alone() -> None:
    googlenet = counted("googlenet")
    assert [layer.path for layer in within(googlenet, "linear")] == ["linear"]
    assert len(within(googlenet, "inception_3a")) == 6
    assert within(googlenet, "inception_3") == [] and within(googlenet, "conv") == []


def test_convolutions_give_way_to_others() -> None:
    network = with_convolutions(AlexNet2012(), lambda _path, layer: resized(layer, 3))
    kept = layers(analyze(network, (1, 3, 224, 224)))[:2]
    assert [(layer.kernel, layer.stride, layer.groups) for layer in kept] == [((3, 3), (4, 4), 1), ((3, 3), (1, 1), 2)]
    assert all(layer.bias == layer.out_channels for layer in kept)


def test_a_convolution_alone() -> None:
    case = counted_convolution(12, 24, 5, side=7, groups=3)
    assert case.mult_adds == 7 * 7 * 5 * 5 * (12 // 3) * 24
    assert case.params == 5 * 5 * (12 // 3) * 24


def test_errata_fit_into_80_columns() -> None:
    """Figures in one table, sums in one table, and no topic in more than two."""
    result = review(errata=True)
    for table in result.sums():
        lines = terminal.render(table, width=80).splitlines()
        assert max(map(len, lines)) <= 80
        assert sum(line.startswith(("What ", "Sum, ")) for line in lines) == 1
    for table in result.overview()[:-1]:
        assert sum(line.startswith("Claim ") for line in terminal.render(table, width=80).splitlines()) <= 2
