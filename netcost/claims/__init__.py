"""Claims: published statements about the cost of networks, each recomputed from built layers.

A claim is one function in the file of its topic (`topics/`; figures of the papers themselves in `errata/`). It builds
modules, counts them, and returns checks: computed figures beside the published ones (`checks`). The verdict follows
from the checks (`claim`), never from a figure that a person typed. The verdict of the last run is recorded beside the
claim, so that a change of a counting rule is noticed. Claims about speed are decided by timing (`bench`,
`speed_checks`); without a device they are not measured.

    >>> from netcost.claims import review
    >>> [reviewed] = review("inception-854-358").results
    >>> str(reviewed.finding.verdict)
    'fails'
    >>> reviewed.finding.checks[0].computed
    854196224

Words of its tables: `netcost explain holds`, `netcost explain partly`, `netcost explain not_a_cost`.

A new claim is under test at once: it is run, printed, and run again with a changed argument, which must change its
answer.
"""

from netcost.claims import errata, topics  # noqa: F401  # each registers its claims
from netcost.claims.bench import Bench
from netcost.claims.claim import CLAIMS, ERRATA, Claim, ClaimFinding, ClaimVerdict, Topic
from netcost.claims.review import Review, matching, review

__all__ = [
    "CLAIMS",
    "ERRATA",
    "Bench",
    "Claim",
    "ClaimFinding",
    "ClaimVerdict",
    "Review",
    "Topic",
    "matching",
    "review",
]
