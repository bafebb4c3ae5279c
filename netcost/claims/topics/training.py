"""Statements about accuracy and training, which no layer decides; they are listed for completeness."""

from __future__ import annotations

from netcost.claims.claim import ClaimFinding, ClaimVerdict, Topic, claim, not_a_cost
from netcost.claims.sources import ARTICLE_INCEPTION_V2, ARTICLE_TO_SHUFFLENET_V2, SHUFFLENET_V2


@claim(
    id="classification-order",
    rows="B48",
    topic=Topic.SHUFFLE,
    says="In classification ShuffleNet v2 is no worse than MobileNet v2, which beats ShuffleNet v1, and that Xception.",
    source=f"{ARTICLE_TO_SHUFFLENET_V2}, after {SHUFFLENET_V2}, Table 8",
    recorded=ClaimVerdict.NOT_A_COST,
)
def classification() -> ClaimFinding:
    """Decline: it is an order of error rates."""
    return not_a_cost("It is about accuracy: errors come from training, not from the layers.")


@claim(
    id="detection-order",
    rows="B49",
    topic=Topic.SHUFFLE,
    says="In detection ShuffleNet v2 beats Xception, which is no worse than ShuffleNet v1, and that than MobileNet v2.",
    source=f"{ARTICLE_TO_SHUFFLENET_V2}, after {SHUFFLENET_V2}, Table 7",
    recorded=ClaimVerdict.NOT_A_COST,
)
def detection() -> ClaimFinding:
    """Decline: it is an order of mean average precisions."""
    return not_a_cost("It is about accuracy: precision comes from training, not from the layers.")


@claim(
    id="learning-rates",
    rows="D10",
    topic=Topic.INCEPTION,
    says="From a learning rate of 0.0015, five times as much is 0.0075 and thirty times as much 0.045.",
    source=ARTICLE_INCEPTION_V2,
    recorded=ClaimVerdict.NOT_A_COST,
)
def learning_rates() -> ClaimFinding:
    """Decline: it is about products of a learning rate."""
    return not_a_cost("It is about training: no layer has a learning rate.")
