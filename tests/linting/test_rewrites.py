"""Rewrites that claim to keep the function keep it; a measured gain is the ratio of the times."""

import pytest
from test_findings import CASES

from netcost.linting import Keeps, lint
from netcost.linting.measuring import measured, rewrite_of
from netcost.linting.rewrites import REWRITES, TOLERANCE
from netcost.timing import Timing
from netcost.timing.measuring import measure_all

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


def test_every_rewrite_has_a_finding() -> None:
    assert {*REWRITES} <= {*CASES}


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
