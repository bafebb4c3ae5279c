"""Claims about the clock, on a bench that says what it is told: every verdict follows from the ratios."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from fake_trials import FakeTimer

from netcost.claims import CLAIMS, Bench, ClaimFinding, ClaimVerdict
from netcost.claims.claim import Claim
from netcost.comparison.result import Comparison
from netcost.comparison.running import compare
from netcost.timing.ratios import Ratio
from netcost.timing.setting import Timing
from netcost.timing.stats import RatioEstimate

TIMED = [CLAIMS.get(name) for name in CLAIMS if CLAIMS.get(name).timed]


@dataclass(frozen=True, slots=True)
class SetBench(Bench):
    """Every network takes the same number of times as long as the base, within ± 1 %, or no interval at all."""

    ratio: float = 1.0
    rounds: int = 20

    def compare(self, models: Sequence[object], batch: int | None = None) -> Comparison:
        counted = compare(models, "none", batch=batch)  # type: ignore[arg-type]
        interval = (0.99 * self.ratio, 1.01 * self.ratio) if self.rounds >= 10 else None
        estimate = RatioEstimate(self.ratio, interval, self.rounds)
        base, *others = counted.entries
        return Comparison((base, *(replace(entry, ratio=Ratio(base.model, estimate)) for entry in others)))


def told(claim_id: str, ratio: float, device: str = "cpu", rounds: int = 20) -> ClaimFinding:
    return CLAIMS.get(claim_id).run(SetBench(Timing(device), ratio=ratio, rounds=rounds))


@pytest.mark.parametrize("claim", TIMED, ids=lambda claim: claim.id)
def test_nothing_is_said_of_speed_without_a_device(claim: Claim) -> None:
    assert claim.recorded is ClaimVerdict.NOT_MEASURED
    assert claim.run().verdict is ClaimVerdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("claim_id", "device", "ratio", "verdict"),
    [
        ("shufflenet-faster-than-mobilenet", "cpu", 0.8, ClaimVerdict.HOLDS),
        ("shufflenet-faster-than-mobilenet", "cpu", 1.2, ClaimVerdict.FAILS),
        ("shufflenet-faster-than-mobilenet", "cpu", 1.0, ClaimVerdict.CANNOT_TELL),
        ("mobilenets-same-speed-on-gpu", "cuda", 1.0, ClaimVerdict.HOLDS),
        ("mobilenets-same-speed-on-gpu", "cuda", 1.3, ClaimVerdict.FAILS),
        ("mobilenets-same-speed-on-gpu", "cuda", 1.05, ClaimVerdict.CANNOT_TELL),
        ("mobilenets-same-speed-on-gpu", "cpu", 1.0, ClaimVerdict.NOT_MEASURED),
        ("mobilenet-v2-slower-on-cpu", "cpu", 1.4, ClaimVerdict.HOLDS),
        ("mobilenet-v2-slower-on-cpu", "cpu", 1.2, ClaimVerdict.PARTLY),
        ("mobilenet-v2-slower-on-cpu", "cpu", 0.7, ClaimVerdict.FAILS),
        ("mobilenet-v2-slower-on-cpu", "cuda", 1.4, ClaimVerdict.NOT_MEASURED),
        ("mobilenet-v2-beats-v1", "cpu", 0.66, ClaimVerdict.HOLDS),
        ("mobilenet-v2-beats-v1", "cpu", 1.37, ClaimVerdict.FAILS),
        ("flops-alone-do-not-give-the-speed", "cpu", 2.0, ClaimVerdict.HOLDS),
        ("flops-alone-do-not-give-the-speed", "cpu", 1.0, ClaimVerdict.FAILS),
    ],
)
def test_the_verdict_follows_from_the_ratio(claim_id: str, device: str, ratio: float, verdict: ClaimVerdict) -> None:
    assert told(claim_id, ratio, device).verdict is verdict


@pytest.mark.parametrize("claim_id", ["g1-speed", "g2-speed", "g3-speed", "g4-speed"])
@pytest.mark.parametrize(
    ("growth", "verdict"), [(1.5, ClaimVerdict.HOLDS), (0.5, ClaimVerdict.FAILS), (1.0, ClaimVerdict.FAILS)]
)
def test_a_guideline_is_judged_by_the_times_of_its_variants(
    claim_id: str, growth: float, verdict: ClaimVerdict
) -> None:
    """Each variant takes so many times as long as the one before it."""
    order: list[str] = []

    def taken(name: str) -> list[float]:
        order.append(name)
        return [growth ** len(order)] * 20

    assert CLAIMS.get(claim_id).run(Bench(Timing(threads=1), time_all=FakeTimer(taken))).verdict is verdict


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_too_few_rounds_decide_nothing(ratio: float) -> None:
    assert told("mobilenet-v2-beats-v1", ratio, rounds=3).verdict is ClaimVerdict.CANNOT_TELL


def test_what_was_measured_is_held_against_no_record() -> None:
    from netcost.claims.review import Reviewed

    claim = CLAIMS.get("mobilenet-v2-beats-v1")
    assert not Reviewed(claim, told(claim.id, 0.66)).changed
