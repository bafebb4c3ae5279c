"""ResNet-50 and Inception-ResNet-v2: one name, two layouts or two figures."""

from __future__ import annotations

from netcost.claims.checks import beside, printed, unstated
from netcost.claims.claim import ERRATA, ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import counted
from netcost.claims.sources import NASNET, RESNET, SENET


@claim(
    id="resnet-50-two-figures",
    rows="M20",
    topic=Topic.RESIDUAL,
    says="ResNet-50 takes 3.8 billion multiply-adds, or 4.1 billion.",
    source=f"{RESNET}, Table 1; huggingface/pytorch-image-models results",
    recorded=ClaimVerdict.PARTLY,
    perturbation={"network": "resnet101"},
    registry=ERRATA,
)
def two_figures(network: str = "resnet50") -> ClaimFinding:
    """Compare the two places of a stage's stride: the first 1x1 in the paper, the 3x3 in most code since."""
    paper, later = counted(f"{network}_stride1x1"), counted(network)
    return found(
        printed("multiply-adds, stride in the 1x1", paper.mult_adds, "3.8B"),
        printed("multiply-adds, stride in the 3x3", later.mult_adds, "4.1B"),
        beside(printed("stride in the 1x1, as SENet prints it", paper.mult_adds, "3.86B")),
        beside(unstated("3x3 / 1x1", later.mult_adds / paper.mult_adds, unit="times")),
        notes=["Two layouts, so two figures; 3.86 rounds to 3.9, so that the 3.8 is cut off."],
    )


@claim(
    id="inception-resnet-v2",
    rows="M23",
    topic=Topic.RESIDUAL,
    says="Inception-ResNet-v2 takes 11.75 billion multiply-adds (SENet), or 13.2 billion (NASNet), at 299x299.",
    source=f"{SENET}, Table 2; {NASNET}, Table 2",
    recorded=ClaimVerdict.PARTLY,
    perturbation={"drawn": True},
    registry=ERRATA,
)
def inception_resnet(drawn: bool = False) -> ClaimFinding:
    """Count the released form; as drawn in its paper it has half of the modules and fits neither figure."""
    released, figures = counted("inception_resnet_v2", drawn=drawn), counted("inception_resnet_v2", drawn=True)
    return found(
        printed("multiply-adds, by SENet", released.mult_adds, "11.75B"),
        printed("multiply-adds, by NASNet", released.mult_adds, "13.2B"),
        beside(unstated("multiply-adds as drawn in its paper", figures.mult_adds)),
    )
