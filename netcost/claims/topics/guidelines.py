"""The arithmetic of ShuffleNet V2's guidelines G1, G2 and G4: counted, not timed.

Reference: ShuffleNet V2 (arXiv:1807.11164), section 2 and Tables 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from netcost.claims.checks import beside, exactly, rising, stated, unstated
from netcost.claims.claim import Check, ClaimFinding, ClaimVerdict, Term, Topic, claim, found
from netcost.claims.evidence import counted_convolution, counted_module, layers
from netcost.claims.sources import SHUFFLENET_V2
from netcost.counting.analysis import Analysis, analyze
from netcost.graph.rules.conv import least_pointwise_access

SIDE = 56
"""Of the map in Tables 1 and 2."""


def by_equation(name: str, case: Analysis) -> Check:
    """Return hw(c1 + c2) + c1·c2/g, the equation of section 2, for the layer that was counted."""
    (layer,) = layers(case)
    area = SIDE * SIDE
    maps, held = area * (layer.in_channels + layer.out_channels), layer.in_channels * layer.out_channels // layer.groups
    terms = (
        Term("hw(c1 + c2)", maps, f"{SIDE}·{SIDE}·{layer.in_channels + layer.out_channels}"),
        Term("c1·c2/g", held, f"{layer.in_channels // layer.groups}·{layer.out_channels}"),
    )
    return exactly(name, case.memory_access, maps + held, terms=terms)


def ordered(what: str, cases: Mapping[str, Analysis]) -> Check:
    """Check the memory access in rising order."""
    return rising(what, {name: case.memory_access for name, case in cases.items()})


@claim(
    id="g1-equal-widths",
    rows="B39",
    topic=Topic.GUIDELINES,
    says="G1: a 1x1 convolution of given c1·c2 has the least memory access, hw(c1 + c2) + c1·c2, where c1 = c2.",
    source=f"{SHUFFLENET_V2}, section 2 and Table 1",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"width": 64},
)
def equal_widths(width: int = 128) -> ClaimFinding:
    """Compare widths of one product, and the four ratios of Table 1, whose products are only nearly equal."""
    scan = {f"1:{part * part}": _layer(width // part, width * part) for part in (1, 2, 4, 8)}
    table = {"1:1": _layer(width, width), "1:2": _layer(90, 180), "1:6": _layer(52, 312), "1:12": _layer(36, 432)}
    over = {
        ratio: case.memory_access / least_pointwise_access(case.mult_adds, SIDE * SIDE) for ratio, case in table.items()
    }
    bound = [Term(ratio, share) for ratio, share in over.items()]
    return found(
        *(by_equation(f"{ratio} of Table 1", case) for ratio, case in table.items()),
        ordered("order in Table 1", table),
        ordered(f"order at c1·c2 = {width * width:,}", scan),
        beside(unstated("over the lower bound", tuple(over.values()), unit="ratio", terms=bound)),
    )


def _layer(in_channels: int, out_channels: int, groups: int = 1) -> Analysis:
    return counted_convolution(in_channels, out_channels, 1, SIDE, groups=groups)


@claim(
    id="g2-groups-raise-access",
    rows="B41",
    topic=Topic.GUIDELINES,
    says="G2: at given multiply-adds, more groups mean more memory access, hw(c1 + c2) + c1·c2/g.",
    source=f"{SHUFFLENET_V2}, section 2 and Table 2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"width": 64},
)
def groups_raise_access(width: int = 128) -> ClaimFinding:
    """Compare the layers of Table 2, which widens them with their groups; at one width, access falls."""
    table = {1: width, 2: 180, 4: 256, 8: 360}
    widened = {str(groups): _layer(channels, channels, groups) for groups, channels in table.items()}
    falling = [Term(f"g = {groups}", _layer(width, width, groups).memory_access) for groups in table]
    work = [Term(f"g = {groups}", case.mult_adds) for groups, case in widened.items()]
    return found(
        *(by_equation(f"g = {groups}, c = {table[int(groups)]}", case) for groups, case in widened.items()),
        ordered("order by groups", widened),
        beside(unstated("multiply-adds of these", tuple(term.value for term in work), terms=work)),
        beside(unstated(f"c = {width} throughout", tuple(term.value for term in falling), terms=falling)),
    )


class AddTensor(nn.Module):
    """The sum of two maps."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """(N, C, H, W) twice to the same shape."""
        return x + y


class AddBias(nn.Module):
    """A number added to each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.empty(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        return x + self.bias


@claim(
    id="g4-elementwise-access",
    rows="B45",
    topic=Topic.GUIDELINES,
    says="G4: ReLU, AddTensor and AddBias have few FLOPs and, for those, a high memory access.",
    source=f"{SHUFFLENET_V2}, section 2",
    recorded=ClaimVerdict.HOLDS,
    perturbation={"channels": 256},
)
def elementwise_access(channels: int = 128) -> ClaimFinding:
    """Compute the elements moved per operation, on 56x56; a multiply-add is one operation, as in the paper."""
    shape = (1, channels, SIDE, SIDE)
    work = counted_convolution(channels, channels, 1, SIDE)
    depthwise = counted_convolution(channels, channels, 3, SIDE, groups=channels)
    pointwise = {
        "ReLU": counted_module(nn.ReLU, shape),
        "AddTensor": analyze(AddTensor(), (shape, shape)),
        "AddBias": counted_module(lambda: AddBias(channels), shape),
    }
    base = work.memory_access / work.mult_adds
    return found(
        beside(_moved(f"1x1, {channels} to {channels}", work, work.mult_adds)),
        *(
            check
            for name, case in pointwise.items()
            for check in (beside(_moved(name, case, case.flops)), _high(name, case.memory_access / case.flops, base))
        ),
        beside(_moved("depthwise 3x3", depthwise, depthwise.mult_adds)),
    )


def _moved(name: str, case: Analysis, operations: int) -> Check:
    terms = Term("elements moved", case.memory_access), Term("operations", operations)
    return unstated(f"{name}: elements an operation", case.memory_access / operations, unit="ratio", terms=terms)


def _high(name: str, moved: float, base: float) -> Check:
    """Compare with a convolution: "high" is taken as ten times as many elements per operation."""
    return stated(f"{name} / 1x1", moved / base, "high", moved / base > 10, unit="times")
