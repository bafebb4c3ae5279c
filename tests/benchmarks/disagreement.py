"""Do the counters of the field agree? Small networks whose multiply-adds follow by hand, counted by each tool.

Every network is a few lines, and its multiply-adds are written as the products that they are. Each tool counts with
tensors that have values, as its documentation shows; FlopCounterMode counts two for a multiply-add, so its count is
halved. An operator that a tool does not report is 0 to its user: the table shows that.

    python tests/benchmarks/disagreement.py [-o FILE]
"""

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from counters import FIVE, FLOP_COUNTER_MODE, Counter
from findings import Requirement, finish, parser_of
from torch import Tensor, nn

import netcost
from netcost.text.tables import Column, from_records


class SmallNet(nn.Module):
    """Two convolutions with batch norm and ReLU, a mean over space, a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.conv2, self.norm2 = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.linear = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu())).relu()
        return self.linear(x.mean((2, 3)))


class BareParameter(nn.Module):
    """A matrix product with a parameter that no layer owns."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 6))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Attention(nn.Module):
    """Scaled dot-product attention of two heads."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


@dataclass(frozen=True, slots=True)
class Case:
    """A network whose multiply-adds are known.

    Args:
        name: description of the network.
        build: makes the network.
        shape: shape of its input, batch 1.
        mult_adds: multiply-adds by hand.
    """

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    mult_adds: int


CASES = (
    Case("conv-BN-ReLU net", SmallNet, (1, 3, 32, 32), 32 * 32 * 16 * 9 * 3 + 32 * 32 * 16 * 9 * 16 + 16 * 10),
    Case(
        "transposed 3x3 convolution, stride 2",
        lambda: nn.ConvTranspose2d(4, 8, 3, stride=2),
        (1, 4, 10, 10),
        10 * 10 * 4 * 9 * 8,
    ),
    Case("x @ parameter", BareParameter, (1, 4, 8), 4 * 8 * 6),
    Case("attention", Attention, (1, 2, 16, 8), 2 * (2 * 16 * 16 * 8)),
)


def count(counter: Counter, case: Case) -> int | None:
    """Return the tool's count; None if it raises."""
    halved = 2 if counter is FLOP_COUNTER_MODE else 1
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return round((counter.count(case.build().eval(), torch.randn(case.shape)) or 0) / halved)
    except Exception:  # a finding about that tool
        return None


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 1 if netcost itself is not exact."""
    options = parser_of(__doc__).parse_args(arguments)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    counters = [counter for counter in (FLOP_COUNTER_MODE, *FIVE) if counter.installed]
    records = []
    for case in CASES:
        ours = netcost.analyze(case.build(), case.shape).mult_adds
        others = {counter.name: count(counter, case) for counter in counters}
        records.append({"case": case.name, "exact": case.mult_adds, "netcost": ours, **others})
    columns = [
        Column("case", "Mult-adds of"),
        Column("exact", "by hand", "exact"),
        Column("netcost", "netcost", "exact"),
    ]
    headings = {"torch": "FlopCounterMode / 2"}
    columns += [Column(counter.name, headings.get(counter.name, counter.name), "exact") for counter in counters]
    exact = sum(record["exact"] == record["netcost"] for record in records)
    requirement = Requirement("networks on which netcost is exact", exact, low=len(CASES), unit="exact")
    names = [counter.name for counter in counters if counter.name != "torch"]
    table = from_records(columns, records, "Small networks, counted by each tool")
    return finish("What the counters say of small networks", [table], [requirement], options.output, names)


if __name__ == "__main__":
    sys.exit(main())
