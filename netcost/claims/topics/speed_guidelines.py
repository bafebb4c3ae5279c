"""The four guidelines of ShuffleNet V2 by time: the paper's experiments, repeated and judged on a device."""

from __future__ import annotations

from netcost.claims.bench import Bench
from netcost.claims.claim import ClaimFinding, ClaimVerdict, Topic, claim
from netcost.claims.sources import SHUFFLENET_V2
from netcost.claims.speed_checks import judged


@claim(
    id="g1-speed",
    rows="B40",
    topic=Topic.SPEED,
    says="G1 in practice: speed falls as the ratio of a 1x1 convolution's channels leaves 1:1.",
    source=f"{SHUFFLENET_V2}, Table 1",
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def balance(bench: Bench) -> ClaimFinding:
    """Time ten blocks of two 1x1 convolutions at 1:1, 1:2, 1:6 and 1:12."""
    return judged(bench, "g1", "1:1 fastest, then 1:2, 1:6, 1:12")


@claim(
    id="g2-speed",
    rows="B42",
    topic=Topic.SPEED,
    says="G2 in practice: speed falls as groups grow, at equal multiply-adds.",
    source=f"{SHUFFLENET_V2}, Table 2",
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def groups(bench: Bench) -> ClaimFinding:
    """Time ten 1x1 convolutions of 1, 2, 4 and 8 groups."""
    return judged(bench, "g2", "1 group fastest, then 2, 4, 8")


@claim(
    id="g3-speed",
    rows="B43",
    topic=Topic.SPEED,
    says="G3: more fragments mean less parallelism and lower speed, at equal multiply-adds.",
    source=f"{SHUFFLENET_V2}, Table 3",
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def fragmentation(bench: Bench) -> ClaimFinding:
    """Time ten blocks of 1, 2 and 4 fragments, in series and in parallel."""
    return judged(bench, "g3", "1 fragment fastest, then 2, 4")


@claim(
    id="g4-speed",
    rows="B44",
    topic=Topic.SPEED,
    says="G4: element-wise operators take time out of proportion to their FLOPs.",
    source=f"{SHUFFLENET_V2}, Table 4",
    recorded=ClaimVerdict.NOT_MEASURED,
    timed=True,
)
def elementwise(bench: Bench) -> ClaimFinding:
    """Time ten bottlenecks with and without ReLU and shortcut."""
    return judged(bench, "g4", "no ReLU and no shortcut fastest")
