"""Xception (arXiv:1610.02357), Table 3."""

from __future__ import annotations

from netcost.claims.checks import beside, exactly
from netcost.claims.claim import ERRATA, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, within
from netcost.claims.sources import XCEPTION


@claim(
    id="xception-classifier",
    rows="M24",
    topic=Topic.SEPARABLE,
    says="The 22,855,952 parameters of Xception are those of a network without fully connected layers.",
    source=f"{XCEPTION}, Table 3",
    recorded=ClaimVerdict.FAILS,
    perturbation={"in_channels": 1},
    registry=ERRATA,
)
def without_classifier(in_channels: int = 3) -> ClaimFinding:
    """Count without the classifier, which the printed figure includes: 2048 channels to 1000 classes, and biases."""
    network = counted("xception", (1, in_channels, 299, 299), in_channels=in_channels)
    (last,) = within(network, "linear")
    classifier = Term("classifier", last.weights + last.bias, f"{last.in_channels}·{last.out_channels} + {last.bias}")
    body = Term("all before it", network.params - classifier.value)
    return found(
        exactly("parameters without the fully connected layer", body.value, 22_855_952),
        beside(exactly("parameters with it", network.params, 22_855_952, terms=[body, classifier])),
    )
