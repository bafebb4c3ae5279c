"""Every architecture of the zoo: registering one is what puts it under these tests."""

import pytest
import torch

import netcost
from netcost.zoo import ARCHITECTURES, Architecture
from netcost.zoo.catalogue import catalogue_table, published

TOLERANCE = 0.02
"""Between a printed figure and ours; beyond it the entry says why."""

entries = [ARCHITECTURES.get(name) for name in ARCHITECTURES]


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_it_traces_without_an_unknown_operator(entry: Architecture) -> None:
    analysis = netcost.analyze(entry.name)
    assert analysis.unknown_ops == {}
    assert analysis.graph.inputs[0].shape == entry.input_shape
    assert analysis.mult_adds > 0


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_its_figures_are_the_published_ones_or_it_says_why_not(entry: Architecture) -> None:
    analysis = netcost.analyze(entry.name)
    assert entry.published.source
    for name in ("params", "mult_adds"):
        figure = getattr(entry.published, name)
        if figure is not None and not entry.published.why:
            assert getattr(analysis, name) == pytest.approx(figure, rel=TOLERANCE), name


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_it_runs_for_real_and_takes_a_number_of_classes(entry: Architecture) -> None:
    module = netcost.build(entry.name, num_classes=7).eval()
    with torch.inference_mode():
        assert module(torch.zeros(2, *entry.input_shape[1:])).shape == (2, 7)


def test_googlenet_is_the_papers() -> None:
    analysis = netcost.analyze("googlenet")
    assert analysis.params == 6_998_552
    assert analysis.params_total - analysis.params == 6_379_728  # two auxiliary heads that do not run in eval
    assert analysis.mult_adds == 1_582_671_872
    assert netcost.analyze("googlenet", mode="train").params == analysis.params_total


def test_an_argument_changes_the_network() -> None:
    half = netcost.resolve("mobilenet_v1", {"width": 0.5}, ["1x3x160x160"])
    # MobileNet (arXiv:1704.04861) Table 9: 0.50 MobileNet-160 takes 76 million multiply-adds and 1.32 million parameters.
    analysis = netcost.analyze(half)
    assert analysis.mult_adds == pytest.approx(76e6, rel=0.01)
    assert analysis.params == pytest.approx(1.32e6, rel=0.01)


def test_list_models_takes_a_pattern() -> None:
    assert netcost.list_models("resnet*") == ["resnet18", "resnet50"]
    assert netcost.list_models("no such*") == []


def test_the_catalogue_shows_published_figures_and_keeps_missing_ones_missing() -> None:
    table = catalogue_table("lenet5", why=True)
    row = dict(zip(table.names, table.rows[0], strict=True))
    assert row["params"] == 60_000  # LeCun et al. 1998, section II.B
    assert row["mult_adds"] is None
    assert row["why"]


def test_published_figures_keep_what_was_not_published_apart_from_zero() -> None:
    assert published(params=1).mult_adds is None
