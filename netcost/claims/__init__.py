"""Published claims about the cost of networks, each recomputed from built layers: one function a claim.

A new claim is one function in the file of its topic; it is under test at once: run, rendered, and perturbed.
"""

from netcost.claims import errata, topics  # noqa: F401  # each registers its claims
from netcost.claims.claim import CLAIMS, ERRATA, Claim, Finding, Topic, Verdict
from netcost.claims.review import Review, matching, review
from netcost.claims.stopwatch import Stopwatch

__all__ = ["CLAIMS", "ERRATA", "Claim", "Finding", "Review", "Stopwatch", "Topic", "Verdict", "matching", "review"]
