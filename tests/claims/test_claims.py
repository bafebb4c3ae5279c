"""Every published claim and erratum: covered, run, perturbed, rendered, and held against the figures found by hand."""

import csv
import json
import re
from functools import cache
from math import ceil, floor, prod
from pathlib import Path
from typing import Any

import pytest
from claims_by_hand import NOT_REPEATED, OTHER_VERDICTS, WITHOUT_A_MODULE
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from netcost.claims import CLAIMS, ERRATA, Claim, ClaimFinding, ClaimVerdict, review
from netcost.claims.checks import bounds, exactly, printed, rising, rounds_to
from netcost.claims.claim import Check, Term, found
from netcost.claims.evidence import counted
from netcost.claims.explanation import simplest
from netcost.claims.sections import sections
from netcost.claims.surgery import altered, part
from netcost.claims.windows import weighted_depth, windows
from netcost.cli.app import run
from netcost.text import units
from netcost.text.formats import result_text

REFERENCE = Path(__file__).parents[1] / "reference"
EVERY = [*(CLAIMS.get(name) for name in CLAIMS), *(ERRATA.get(name) for name in ERRATA)]
COUNTED = [claim for claim in EVERY if not claim.timed]


def by_hand(name: str) -> dict[str, dict[str, str]]:
    """The statements as they were checked by hand, by number: what was found, and the verdict."""
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@cache
def finding(name: str) -> ClaimFinding:
    return (CLAIMS.find(name) or ERRATA.get(name)).run()


def numbers_in(text: str) -> list[str]:
    """Numbers as they are written, without their unit: 854196224, 3.15, 71.4%, 7.0M, 8.7x; not ResNet-50's."""
    return re.findall(r"(?<![\w.])(?<![A-Za-z]-)(\d+(?:\.\d+)?)[KMGBx%]?(?!\w|\.\d)", text)


def values_of(result: ClaimFinding) -> list[float]:
    """Every number that a finding shows, in its checks and terms, their names, and its notes."""
    shown: list[Any] = []
    for check in result.checks:
        shown += check.computed if isinstance(check.computed, tuple) else [check.computed]
        shown += [term.value for term in check.terms]
        for term in check.terms:
            shown += map(int, re.findall(r"\d+", term.arithmetic))
    named = [name for check in result.checks for name in (check.what, *(term.name for term in check.terms))]
    words = " ".join([*result.notes, *named, *(value for value in shown if isinstance(value, str))]).replace(",", "")
    return [float(value) for value in shown if not isinstance(value, str)] + [
        float(number) for number in numbers_in(words)
    ]


def is_shown(written: str, values: list[float]) -> bool:
    """Whether a number written by hand is one of the values, as itself, a percentage, or a figure in millions."""
    scales = (1, 100, 1e-3, 1e-6, 1e-9)
    return any(rounds_to(abs(value) * scale, written) for value in values for scale in scales)


@pytest.mark.parametrize("collection", ["claims", "published_mismatches"])
def test_every_statement_has_a_claim(collection: str) -> None:
    registry = CLAIMS if collection == "claims" else ERRATA
    covered = {row for name in registry for row in registry.get(name).rows}
    expected = set(by_hand(collection))
    assert len(expected) == {"claims": 115, "published_mismatches": 33}[collection]
    assert covered == expected


@pytest.mark.parametrize("claim", EVERY, ids=lambda claim: claim.id)
def test_the_verdict_is_the_recorded_one(claim: Claim) -> None:
    assert finding(claim.id).verdict is claim.recorded


@pytest.mark.parametrize("row", sorted(by_hand("claims")))
def test_the_verdict_is_the_one_found_by_hand_or_it_is_said_why_not(row: str) -> None:
    """What is about speed is not measured unless there is a device."""
    claims = [CLAIMS.get(name) for name in CLAIMS if row in CLAIMS.get(name).rows]
    verdicts = {str(claim.recorded) for claim in claims}
    expected, why = OTHER_VERDICTS.get(row, (by_hand("claims")[row]["verdict"], ""))
    if any(claim.timed for claim in claims):
        expected, why = str(ClaimVerdict.NOT_MEASURED), "it is about speed"
    assert verdicts == {expected}, why


@pytest.mark.parametrize("row", sorted(by_hand("claims") | by_hand("published_mismatches")))
def test_the_figures_found_by_hand_come_out_again(row: str) -> None:
    """Each number of the computed column is among those that the claim shows, or it is said why not."""
    claims = [claim for claim in EVERY if row in claim.rows and not claim.timed]
    if not claims:
        pytest.skip("is about speed")
    values = [value for claim in claims for value in values_of(finding(claim.id))]
    computed = (by_hand("claims") | by_hand("published_mismatches"))[row]["computed"]
    missing = {written for written in numbers_in(computed) if not is_shown(written, values)}
    assert missing == set(NOT_REPEATED.get(row, ({}, ""))[0])


@pytest.mark.parametrize("claim", COUNTED, ids=lambda claim: claim.id)
def test_no_claim_contains_its_own_answer(claim: Claim) -> None:
    """Another width, kernel, depth, stride or number of groups changes what is computed."""
    if claim.perturbation is None:
        assert claim.id in WITHOUT_A_MODULE
        return
    assert claim.id not in WITHOUT_A_MODULE
    published = [check.computed for check in finding(claim.id).checks]
    assert [check.computed for check in claim.run(**claim.perturbation).checks] != published


def test_no_claim_and_erratum_share_an_id() -> None:
    assert len({claim.id for claim in EVERY}) == len(EVERY)


@pytest.mark.parametrize("claim", EVERY, ids=lambda claim: claim.id)
def test_a_claim_says_what_it_rests_on(claim: Claim) -> None:
    assert claim.says.endswith(".") and claim.source and not claim.source.endswith(".")
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", claim.id)
    assert claim.find.__doc__
    named = [] if claim.timed else [check.what for check in finding(claim.id).checks]
    assert len(set(named)) == len(named), "JSON has one entry for each name"


@pytest.mark.parametrize("errata", [False, True])
def test_a_review_reads_the_same_in_every_format(errata: bool) -> None:
    result = review(errata=errata)
    assert result.changed == []
    plain = json.loads(json.dumps(result.to_dict()))
    assert [record["id"] for record in plain["claims"]] == [reviewed.claim.id for reviewed in result.results]
    for name in ("table", "markdown", "csv", "json"):
        for table in [*result.sums(), *result.overview(), result.records()]:
            assert result_text(table, name)


@pytest.mark.parametrize("claim", COUNTED, ids=lambda claim: claim.id)
def test_terms_are_what_their_products_say(claim: Claim) -> None:
    for term in (term for check in finding(claim.id).checks for term in check.terms if "·" in term.arithmetic):
        summands = term.arithmetic.split(" + ")
        assert term.value == sum(prod(map(int, summand.split("·"))) for summand in summands)


def test_854_against_358() -> None:
    result = finding("inception-854-358")
    assert [check.computed for check in result.checks[:3]] == [
        28 * 28 * 256 * (128 + 9 * 192 + 25 * 96),
        28 * 28 * (256 * (128 + 64 + 64 + 64) + 64 * (9 * 192 + 25 * 96)),
        28 * 28 * (256 * (128 + 128 + 32 + 64) + 128 * 9 * 192 + 32 * 25 * 96),
    ]
    assert [check.computed for check in result.checks[:3]] == [854_196_224, 271_351_808, 304_267_264]
    assert "358,055,936 = 271,351,808 + 86,704,128" in result.notes[0]
    assert result.verdict is ClaimVerdict.FAILS


def test_terms_stand_with_the_sign_that_they_take() -> None:
    def shown(claim: str) -> str:
        return "".join(result_text(table, "table") for table in review(claim).sums())

    assert "  + branch_5x5: 5x5" in shown("inception-naive-854")
    assert "  - head on 512 channels" in shown("googlenet-heads-dropped")
    assert "  / GoogLeNet" in shown("googlenet-12x-fewer-parameters")
    assert "  x bytes of each" in shown("vgg-140m-memory")
    assert "  · naive" in shown("inception-reductions-192")


def test_an_overview_says_what_was_found_instead() -> None:
    shown = result_text(review("inception-naive-channels").overview()[0], "markdown")
    assert "puts out 28x28x480. Computed: 672 instead of 480." in shown


def test_what_is_handed_out_says_how_to_read_it_and_has_every_claim_below_its_topic() -> None:
    result = review("inception-naive-*")
    first, topic, *claims = sections(result)
    assert first.paragraphs[0] == "4 claims: holds 3, fails 1."
    assert [row[:2] for row in first.tables[0].rows] == [("holds", 3), ("fails", 1)]
    assert (first.level, topic.title, topic.level) == (1, "Inception", 2)
    assert [(part.title, part.level) for part in claims] == [(reviewed.claim.id, 3) for reviewed in result.results]
    assert [part.paragraphs[1] for part in claims].count("Verdict: fails.") == 1


def test_a_layer_left_out_takes_its_own_cost_away() -> None:
    whole, without = counted("googlenet"), altered("googlenet", {"inception_4b": nn.Identity})
    missing = part("googlenet", "inception_4b", {})
    assert whole.total == without.total + missing.total
    assert weighted_depth(whole) == weighted_depth(without) + weighted_depth(missing)


def test_surgery_refuses_a_part_that_is_not_there() -> None:
    with pytest.raises(AssertionError, match="has no 'inception_4z'"):
        altered("googlenet", {"inception_4z": nn.Identity})


@pytest.mark.parametrize("target", ["alexnet_2012", "googlenet", "inception_v3", "mini_googlenet", "vgg16"])
def test_a_window_slides_over_as_many_places_as_its_map_has(target: str) -> None:
    for window in windows(counted(target)):
        assert window.grid_out[0] in (floor(window.places), ceil(window.places))


def test_a_changed_verdict_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    other = Claim(**{**_parts(CLAIMS.get("inception-naive-854")), "recorded": ClaimVerdict.FAILS})
    monkeypatch.setitem(CLAIMS._entries, "inception-naive-854", other)
    result = review("inception-naive-854")
    assert [reviewed.claim.id for reviewed in result.changed] == ["inception-naive-854"]
    assert "recorded as fails" in result_text(result.sums()[0], "markdown")
    assert run(["claims", "inception-naive-854"]) == 1
    assert "recorded as fails" in capsys.readouterr().out
    assert run(["claims", "inception-naive-channels"]) == 0


def _parts(claim: Claim) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in Claim.__dataclass_fields__}


@pytest.mark.parametrize(
    ("figure", "low", "high"),
    [("358M", 357.5e6, 358.5e6), ("2.39", 2.385, 2.395), ("12", 11.5, 12.5), ("1.19%", 0.01185, 0.01195)],
)
def test_a_printed_figure_is_what_rounds_to_it(figure: str, low: float, high: float) -> None:
    assert bounds(figure) == (low, high)


@given(st.integers(0, 10**9), st.integers(0, 3))
def test_a_value_rounds_to_its_own_printing(value: int, decimals: int) -> None:
    assert rounds_to(value / 1e6, f"{value / 1e6:.{decimals}f}")


def test_verdicts_follow_from_the_checks() -> None:
    yes, no = exactly("channels", 480, 480), exactly("channels", 672, 480)
    silent = Check("channels", 672)
    assert found(yes, yes).verdict is ClaimVerdict.HOLDS
    assert found(no, no).verdict is ClaimVerdict.FAILS
    assert found(yes, no, silent).verdict is ClaimVerdict.PARTLY
    assert found(silent).verdict is ClaimVerdict.NOT_STATED
    assert ClaimFinding((yes, silent), measured=True).verdict is ClaimVerdict.CANNOT_TELL
    assert printed("size", 6_998_552, "5M").agrees is False
    assert rising("order", {"one": 1, "two": 2}).agrees and not rising("order", {"one": 2, "two": 2}).agrees


def test_the_simplest_explanation_changes_fewest_terms() -> None:
    terms = [Term("a", 100), Term("b", 30), Term("c", 7)]
    way = simplest(terms, "167")
    assert way is not None and [(term.name, times) for term, times in way.changes] == [("b", 2)]
    assert way.rivals == 0
    assert str(way) == f"{units.exact(167)} = {units.exact(137)} + 30: the term 'b' counted once more"
    assert simplest(terms, "500") is None
    unchanged = simplest(terms, "137")
    assert unchanged is not None and unchanged.changes == ()
