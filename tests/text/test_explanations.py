"""Every word that netcost prints has an explanation, and what the explanations say of the code is true."""

import ast
import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

import netcost
from netcost.checking.limits import FIGURES
from netcost.checking.regression.modules import ModuleStatus
from netcost.checking.regression.verdicts import CheckVerdict as CheckVerdict
from netcost.claims.claim import ClaimVerdict as ClaimVerdict
from netcost.comparison.batches import KNEE
from netcost.counting.recount import TOLERANCE, RecountStatus
from netcost.graph.cost import Kind
from netcost.guidelines.guideline import GUIDELINES
from netcost.guidelines.judging import GuidelineVerdict as GuidelineVerdict
from netcost.guidelines.judging import StepOutcome
from netcost.text import explanations
from netcost.text.errors import RequestError
from netcost.text.explanations import EXPLANATIONS, FAMILIES, Explanation, explanation_of, find
from netcost.text.metrics import METRICS
from netcost.timing import doubts, stats
from netcost.timing.sampling import Stop

PACKAGE = Path(netcost.__file__).parent

WARNINGS = [kind for kind in vars(doubts).values() if inspect.isclass(kind) and doubts.Doubt in kind.__mro__[1:]]
ENUMS: list[type[StrEnum]] = [
    stats.SpeedVerdict,
    GuidelineVerdict,
    StepOutcome,
    CheckVerdict,
    ClaimVerdict,
    RecountStatus,
]
ENUMS += [Kind, ModuleStatus, Stop]

NAMES_OF_THINGS = {"netcost", "Value"}
"""Headings that are names and no words: another counter beside netcost; a single figure without a heading."""

ENTRIES = [explanation_of(topic) for topic in EXPLANATIONS]


def headings() -> Iterator[str]:
    """Every heading that is written in a call of `Column`."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Column" and len(node.args) > 1:
                heading = node.args[1]
                if isinstance(heading, ast.Constant) and heading.value:
                    yield str(heading.value).strip()


@pytest.mark.parametrize("heading", sorted({*headings()} - NAMES_OF_THINGS))
def test_every_heading_has_an_explanation(heading: str) -> None:
    assert find(heading) is not None


@pytest.mark.parametrize("name", [*METRICS, *FIGURES])
def test_a_metric_is_explained_under_its_identifier_and_as_it_is_printed(name: str) -> None:
    assert find(name) == find(FIGURES.get(name, METRICS.get(name)).heading) is not None


@pytest.mark.parametrize("word", [*(str(value) for enum in ENUMS for value in enum), *GUIDELINES, "networks", "(gap)"])
def test_every_verdict_kind_and_guideline_has_an_explanation(word: str) -> None:
    assert find(word) is not None


@pytest.mark.parametrize("kind", WARNINGS)
def test_every_warning_has_an_explanation_that_gives_its_remedy(kind: type[doubts.Doubt]) -> None:
    entry = explanation_of(kind.__name__)
    assert entry in FAMILIES["Warnings"]
    assert entry.advice.casefold().startswith(kind.remedy.casefold())


def test_no_warning_is_explained_that_does_not_exist() -> None:
    assert len(FAMILIES["Warnings"]) == len(WARNINGS)


@pytest.mark.parametrize("name", GUIDELINES)
def test_a_guideline_has_the_title_and_the_table_of_its_experiment(name: str) -> None:
    entry = explanation_of(name)
    assert entry.title == GUIDELINES.get(name).title
    assert entry.source.endswith(GUIDELINES.get(name).published.source.rpartition("Table")[2])


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.topic)
def test_an_entry_is_whole(entry: Explanation) -> None:
    assert re.fullmatch("[a-z][a-z0-9_]*", entry.topic)
    assert re.fullmatch(r"[^\n]+[.]", entry.meaning)
    assert len(entry.brief) <= 120
    assert all(other in EXPLANATIONS and other != entry.topic for other in entry.see_also)
    assert set(entry.to_dict()) == set(Explanation.__dataclass_fields__)


@pytest.mark.parametrize(
    ("topic", "figure"),
    [
        ("knee", f"{KNEE:.0%}".replace("%", " %")),
        ("agreement", f"{TOLERANCE:.0%}".replace("%", " %")),
        ("faster", f"{1 - stats.SAME_ROUNDS}"),
        ("faster", f"{1 - stats.BETWEEN_RUNS}"),
        ("slower", f"{1 + stats.SAME_ROUNDS}"),
        ("slower", f"{1 + stats.BETWEEN_RUNS}"),
        ("interval", f"n ≥ {stats.MIN_ROUNDS}"),
        ("too_few_rounds", f"needs {stats.MIN_ROUNDS}"),
    ],
)
def test_a_threshold_is_the_one_of_the_code(topic: str, figure: str) -> None:
    entry = explanation_of(topic)
    assert figure in entry.meaning + entry.formula


@pytest.mark.parametrize("name", ["WideSpread", "wide_spread", "Wide spread", "WIDE-SPREAD", " wide spread "])
def test_a_name_is_found_in_any_spelling(name: str) -> None:
    assert explanation_of(name).topic == "wide_spread"


def test_an_unknown_name_gets_near_ones() -> None:
    with pytest.raises(RequestError, match="unknown topic 'memory_acess'; did you mean memory_access"):
        explanation_of("memory_acess")


def test_the_words_import_no_room_but_their_own() -> None:
    source = "".join(path.read_text() for path in Path(explanations.__file__).parent.glob("*.py"))
    rooms = set(re.findall(r"^from (netcost\.\w+)", source, re.MULTILINE))
    assert rooms == {"netcost.text"}
