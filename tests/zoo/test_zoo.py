"""Every architecture of the zoo: registering one is what puts it under these tests."""

import pytest
import torch

import netcost
from netcost.counting.recount import FIGURES, TOLERANCE, Recount, RecountStatus, recount, recount_table
from netcost.zoo import ARCHITECTURES, Architecture
from netcost.zoo.catalogue import catalogue_table, published

entries = [ARCHITECTURES.get(name) for name in ARCHITECTURES]


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_it_traces_without_an_unknown_operator(entry: Architecture) -> None:
    analysis = netcost.analyze(entry.name)
    assert analysis.unknown_ops == {}
    assert analysis.graph.inputs[0].shape == entry.input_shape
    assert analysis.mult_adds > 0


@pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)
def test_its_figures_are_the_published_ones_or_it_says_why_not(entry: Architecture) -> None:
    assert entry.published.source
    [counted] = recount(entry.name)
    assert counted.agreement is not RecountStatus.DISAGREES, counted
    # A reason that nothing needs would hide a later slip.
    differs = [figure for figure in FIGURES if abs(counted.difference(figure) or 0) > TOLERANCE / 2]
    assert differs or not entry.published.why


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
    # MobileNet (arXiv:1704.04861) Table 9: 0.50 MobileNet-160 takes 76e6 multiply-adds and 1.32e6 parameters.
    analysis = netcost.analyze(half)
    assert analysis.mult_adds == pytest.approx(76e6, rel=0.01)
    assert analysis.params == pytest.approx(1.32e6, rel=0.01)


def test_list_models_takes_a_pattern() -> None:
    resnets = netcost.list_models("resnet*")
    assert resnets == [name for name in ARCHITECTURES if name.startswith("resnet")]
    assert {"resnet18", "resnet50"} < set(resnets) < set(ARCHITECTURES)
    assert netcost.list_models("no such*") == []


def test_the_catalogue_shows_published_figures_and_keeps_missing_ones_missing() -> None:
    table = catalogue_table("lenet5", why=True)
    row = dict(zip(table.names, table.rows[0], strict=True))
    assert row["params"] == 60_000  # LeCun et al. 1998, section II.B
    assert row["mult_adds"] is None
    assert row["why"]


def test_published_figures_keep_what_was_not_published_apart_from_zero() -> None:
    assert published(params=1).mult_adds is None


def test_a_difference_needs_a_reason_and_a_missing_figure_none() -> None:
    def with_figures(printed: float | None, why: str = "") -> Recount:
        return Recount("x", {"params": printed, "mult_adds": None}, {"params": 1000, "mult_adds": 5}, why)

    assert with_figures(None).agreement is RecountStatus.UNPUBLISHED
    assert with_figures(1015).agreement is RecountStatus.AGREES
    assert with_figures(1100).agreement is RecountStatus.DISAGREES
    assert with_figures(1100, "a slip in the paper").agreement is RecountStatus.EXPLAINED
    assert with_figures(None).difference("params") is None
    row = recount_table([with_figures(1100)]).rows[0]
    assert "DISAGREES" in row
    assert None in row
