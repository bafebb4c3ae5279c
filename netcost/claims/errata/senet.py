"""SENet (arXiv:1709.01507), section 4, and its SENet-154 in NASNet's Table 2."""

from __future__ import annotations

from netcost.claims.checks import beside, printed, unstated
from netcost.claims.claim import ERRATA, ClaimFinding, ClaimVerdict, Topic, claim, found
from netcost.claims.evidence import counted, operators
from netcost.claims.sources import NASNET, SENET
from netcost.text import units


@claim(
    id="se-resnet-50-extra",
    rows="M21",
    topic=Topic.RESIDUAL,
    says="SE-ResNet-50 takes 0.26% more multiply-adds than ResNet-50.",
    source=f"{SENET}, section 4",
    recorded=ClaimVerdict.FAILS,
    perturbation={"reduction": 8},
    registry=ERRATA,
)
def squeeze_excitation_work(reduction: int = 16) -> ClaimFinding:
    """Count the fully connected layers alone, with the multiplications that rescale maps, and with the means."""
    squeezed, plain = counted("se_resnet50", reduction=reduction), counted("resnet50_stride1x1")
    gates = squeezed.mult_adds - plain.mult_adds
    rescaling = sum(op.outputs[0].numel for op in operators(squeezed, "aten.mul"))
    squeezing = sum(op.inputs[0].numel for op in squeezed.graph.ops if op.module.endswith(".squeeze"))
    together = squeezed.mult_adds + rescaling
    return found(
        printed("fully connected layers / ResNet-50", gates / plain.mult_adds, "0.26%", unit="percent"),
        printed("with the rescaling", (gates + rescaling) / plain.mult_adds, "0.26%", unit="percent"),
        printed("with rescaling and means", (gates + rescaling + squeezing) / plain.mult_adds, "0.26%", unit="percent"),
        beside(printed("ResNet-50", plain.mult_adds, "3.86B")),
        beside(printed("SE-ResNet-50 with the rescaling", together, "3.87B")),
        notes=[f"The printed 3.87 / 3.86, which are rounded, differ by {units.percent(3.87 / 3.86 - 1)}."],
    )


@claim(
    id="senet-154-145-million",
    rows="M22",
    topic=Topic.RESIDUAL,
    says="SENet-154 has 145.8M parameters.",
    source=f"{NASNET}, Table 2",
    recorded=ClaimVerdict.FAILS,
    perturbation={"reduction": 8},
    registry=ERRATA,
)
def senet_154(reduction: int = 16) -> ClaimFinding:
    """Count at the 320x320 of that table, where the multiply-adds nearly agree: the network is the same."""
    network = counted("senet154", (1, 3, 320, 320), reduction=reduction)
    off = abs(network.mult_adds / 42.3e9 - 1)
    return found(
        printed("parameters", network.params, "145.8M"),
        beside(printed("multiply-adds at 320x320", network.mult_adds, "42.3B")),
        beside(unstated("how far these two are apart", off, unit="percent")),
    )
