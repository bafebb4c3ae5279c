"""ShuffleNet (arXiv:1707.01083), Tables 1, 2 and 5, and ShuffleNet V2 (arXiv:1807.11164), Table 5 and section 3."""

from __future__ import annotations

from netcost.claims.checks import beside, exactly, printed, unstated
from netcost.claims.claim import ERRATA, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted, layers
from netcost.claims.sources import SHUFFLENET, SHUFFLENET_V2
from netcost.graph.cost import Kind


@claim(
    id="shufflenet-by-groups",
    rows="M26",
    topic=Topic.SHUFFLE,
    says="ShuffleNet takes 143M, 140M, 137M, 133M and 137M multiply-adds with 1, 2, 3, 4 and 8 groups.",
    source=f"{SHUFFLENET}, Table 1",
    recorded=ClaimVerdict.PARTLY,
    perturbation={"width": 0.5},
    registry=ERRATA,
)
def by_groups(width: float = 1.0) -> ClaimFinding:
    """Count the whole network, and without its classifier; without it all five agree."""
    figures = {1: "143M", 2: "140M", 3: "137M", 4: "133M", 8: "137M"}
    whole, body = [], []
    for groups, figure in figures.items():
        network = counted(f"shufflenet_v1_g{groups}_x1_0", width=width)
        classifier = sum(layer.mult_adds for layer in layers(network, Kind.LINEAR))
        whole.append(printed(f"{groups} groups", network.mult_adds, figure))
        before = network.mult_adds - classifier
        body.append(beside(printed(f"{groups} groups, classifier left out", before, figure)))
    return found(*whole, *body, notes=[f"{SHUFFLENET}, Tables 2 and 5, print 140M for every number of groups."])


@claim(
    id="shufflenet-by-width",
    rows="M27",
    topic=Topic.SHUFFLE,
    says="ShuffleNet takes 13M, 38M, 292M and 524M multiply-adds at widths 0.25, 0.5, 1.5 and 2.",
    source=f"{SHUFFLENET}, Tables 2 and 5",
    recorded=ClaimVerdict.PARTLY,
    perturbation={"groups": 1},
    registry=ERRATA,
)
def by_width(groups: int = 3) -> ClaimFinding:
    """Count with the first convolution's 24 channels scaled like the rest, and with the number that fits."""
    rows = {"0.25": ("13M", 6, 12), "0.5": ("38M", 12, 12), "1.5": ("292M", 36, 24), "2.0": ("524M", 48, 24)}
    checks = []
    for width, (figure, scaled, other) in rows.items():
        name = f"shufflenet_v1_g{groups}_x{width.replace('.', '_')}"
        work, instead = (counted(name, stem=stem).mult_adds for stem in (scaled, other))
        checks.append(printed(f"{width}x, first convolution of {scaled}", work, figure))
        if other != scaled:
            checks.append(beside(printed(f"{width}x, of {other} instead", instead, figure)))
    return found(*checks)


@claim(
    id="shufflenet-v2-by-width",
    rows="M28",
    topic=Topic.SHUFFLE,
    says="ShuffleNet V2 takes 41M, 146M, 299M and 591M multiply-adds at widths 0.5, 1, 1.5 and 2.",
    source=f"{SHUFFLENET_V2}, Table 5",
    recorded=ClaimVerdict.FAILS,
    perturbation={"num_classes": 100},
    registry=ERRATA,
)
def v2_by_width(num_classes: int = 1000) -> ClaimFinding:
    """Count convolutions and the classifier by the table, whose parameters agree."""
    figures = {"0.5": (41, "1.4M"), "1.0": (146, "2.3M"), "1.5": (299, "3.5M"), "2.0": (591, "7.4M")}
    work, held, more = [], [], {}
    for width, (millions, weighed) in figures.items():
        network = counted(f"shufflenet_v2_x{width.replace('.', '_')}", num_classes=num_classes)
        work.append(printed(f"{width}x", network.mult_adds, f"{millions}M"))
        held.append(beside(printed(f"{width}x: parameters", network.params, weighed)))
        more[f"{width}x"] = millions * 1e6 / network.mult_adds - 1
    terms = [Term(width, share) for width, share in more.items()]
    much = unstated("how much more is printed", tuple(more.values()), unit="percent", terms=terms)
    return found(*work, *held, beside(much))


@claim(
    id="shufflenet-v2-kept-share",
    rows="M32",
    topic=Topic.SHUFFLE,
    says="Of a unit's c channels, of which c' are worked on, a share r = (1 - c')/c passes untouched.",
    source=f"{SHUFFLENET_V2}, section 3",
    recorded=ClaimVerdict.FAILS,
    perturbation={"channels": 232},
    registry=ERRATA,
)
def kept_share(channels: int = 116) -> ClaimFinding:
    """Apply both formulas to a unit of stage 2, which works on half of its channels and passes the other half."""
    unit = counted("module:shufflenet_v2_unit", (1, channels, 28, 28))
    worked = layers(unit)[0].in_channels
    terms = [Term("c", channels), Term("c', seen by its convolutions", worked)]
    kept = 1 - worked / channels
    return found(
        exactly("(1 - c')/c", (1 - worked) / channels, kept, unit="ratio", terms=terms),
        beside(exactly("(c - c')/c", (channels - worked) / channels, kept, unit="ratio")),
    )
