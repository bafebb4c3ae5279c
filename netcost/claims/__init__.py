"""Published claims about the cost of networks, each recomputed from built layers: one function a claim.

A new claim is one function in the file of its topic; it is under test at once: run, rendered, and perturbed.
"""

from netcost.claims import (  # noqa: F401  # each registers its claims
    dense,
    depth,
    errata,
    factorisation,
    guidelines,
    inception,
    inception_3a,
    inception_networks,
    inception_v2,
    inverted_residual,
    miniception,
    mobilenet,
    pointwise,
    residual,
    separable,
    shuffle,
    size,
    size_compared,
    speed,
    speed_guidelines,
    training,
)
from netcost.claims.claim import CLAIMS, ERRATA, Claim, Finding, Topic, Verdict
from netcost.claims.review import Review, matching, review
from netcost.claims.stopwatch import Stopwatch

__all__ = ["CLAIMS", "ERRATA", "Claim", "Finding", "Review", "Stopwatch", "Topic", "Verdict", "matching", "review"]
