"""Rewrites that claim to keep the function keep it; a measured gain is the ratio of the times."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_findings import BN, CASES, Module, conv, row
from torch import Tensor, nn
from torch.nn import functional as F

from netcost.linting import Keeps, lint
from netcost.linting.measuring import measured, rewrite_of
from netcost.linting.report import Gain
from netcost.linting.rewrites import REWRITES, TOLERANCE
from netcost.timing import Timing
from netcost.timing.measuring import measure_all
from netcost.timing.ratios import Ratio
from netcost.timing.stats import RatioEstimate

SIZES = (1, 2)
"""Batches; the shapes of the cases differ by family."""


@pytest.mark.parametrize("code", sorted({*REWRITES} & {*CASES}))
@pytest.mark.parametrize("batch", SIZES)
def test_a_rewrite_is_built_and_keeps_what_its_finding_says(code: str, batch: int) -> None:
    network, _, (_, *rest) = CASES[code]
    report = lint(network, (batch, *rest), select=[code], min_share=0)
    change = rewrite_of(report.network, report.rows[0])
    assert change is not None
    if report.rows[0].first.keeps is Keeps.FUNCTION:
        assert change.difference() <= TOLERANCE


def heads(x: Tensor, times: int) -> Tensor:
    """Attention of queries (B, H, S, D) to H / times keys."""
    shared = x[:, ::times]
    return F.scaled_dot_product_attention(x, *2 * [shared.repeat_interleave(times, 1)])


def networks(c: int, d: int, k: int, biased: bool) -> dict[str, nn.Module]:
    """Return a network per function-keeping rewrite, on (B, 2c, S, S)."""
    wide = {name: nn.Conv2d(2 * c, d, 1, bias=biased) for name in "ab"}
    return {
        "NC303": Module(lambda m, x: m.a(x) + m.b(x), **wide),
        "NC402": Module(lambda _, x: x.relu().relu()),
        "NC501": Module(lambda _, x: torch.cat((x, -x), 1).unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)),
        "NC504": Module(lambda m, x: m.a(F.pad(x, (k, k, 1, 1))), a=nn.Conv2d(2 * c, d, 3, bias=biased, stride=2)),
        "NC602": row(nn.Conv2d(2 * c, d, k), BN(d)),
        "NC603": row(nn.Conv2d(2 * c, 4 * c + d, 1, bias=biased), conv(4 * c + d, d)),
        "NC701": Module(lambda _, x: (x @ x.mT / 4).softmax(-1) @ x),
        "NC703": Module(lambda _, x: heads(x, 2)),
    }


@given(st.integers(1, 8), st.integers(1, 24), st.integers(1, 3), st.booleans(), st.integers(1, 3), st.integers(4, 20))
@settings(max_examples=10, deadline=None)
def test_rewrites_keep_the_function_over_shapes(c: int, d: int, k: int, biased: bool, batch: int, side: int) -> None:
    for code, network in networks(c, d, k, biased).items():
        report = lint(network, (batch, 2 * c, side, side), select=[code], min_share=0)
        assert report.rows, code
        change = rewrite_of(report.network, report.rows[0])
        assert change is not None, code
        assert change.difference() <= TOLERANCE, code


@pytest.mark.parametrize(
    ("code", "network", "shape"),
    [
        (
            "NC303",
            Module(lambda m, x: x @ m.a.weight + x @ m.b.weight, a=nn.Linear(8, 16), b=nn.Linear(8, 16)),
            (4, 16),
        ),
        (
            "NC202",
            Module(
                lambda m, x: m.b(m.a(x).transpose(1, 2).unflatten(2, (16, 16))),
                a=nn.Linear(8, 32),
                b=conv(32, 32, 3, groups=32, stride=2),
            ),
            (1, 256, 8),
        ),
    ],
)
def test_a_rewrite_that_would_not_fit_is_none(code: str, network: nn.Module, shape: tuple[int, ...]) -> None:
    report = lint(network, shape, select=[code], min_share=0)
    assert report.rows
    assert rewrite_of(report.network, report.rows[0]) is None


def test_every_rewrite_has_a_finding() -> None:
    assert {*REWRITES} - {*CASES} == {"NC801"}  # which has a test of its own


def test_a_gain_is_timed_and_told() -> None:
    network, _, shape = CASES["NC303"]
    report = lint(network, shape, select=["NC303"])
    timed = measured(report, Timing(budget_s=0.3, threads=1), time_all=measure_all)
    [row] = timed.rows
    assert row.gain is not None
    assert row.gain.ratio is not None
    assert f"{row.gain.ratio.median:.2f}" in row.sentences[-1]
    assert row.to_dict()["measured"]["ratio"]["verdict"] == row.gain.ratio.verdict
    [record] = timed.records().to_dict()["rows"]
    assert record["measured_ratio"] == row.gain.ratio.median


def test_a_finding_without_a_rewrite_says_so() -> None:
    network, _, shape = CASES["NC505"]
    [row] = measured(lint(network, shape, select=["NC505"]), Timing(budget_s=0.1)).rows
    assert row.gain is not None
    assert row.gain.ratio is None
    assert row.gain.reason in row.sentences[-1]


@pytest.mark.parametrize(("interval", "codes"), [((0.8, 0.9), ["NC801"]), ((0.9, 1.1), []), (None, [])])
def test_odd_widths_are_told_only_where_they_were_timed_and_cost_time(interval, codes: list[str]) -> None:
    report = lint(row(conv(8, 58), conv(58, 60, 3), conv(60, 8)), (1, 8, 16, 16), select=["NC8"])
    assert report.rows == ()
    [candidate] = report.all_rows  # the input and the output give the other widths
    assert rewrite_of(report.network, candidate).after_shapes == ((1, 64, 16, 16),)
    told = replace(report, gains={candidate.key: Gain(Ratio("as it is", RatioEstimate(0.85, interval, 20)), 1e-3)})
    assert [row.first.code for row in told.rows] == codes
