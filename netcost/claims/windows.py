"""The windows of a network: how its convolutions and poolings slide over their maps, and how many follow each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from netcost.claims.claim import Term
from netcost.claims.evidence import CONVOLUTIONS, sides
from netcost.counting.analysis import Analysis
from netcost.graph import structure
from netcost.graph.cost import Kind
from netcost.graph.graph import Op

POOLINGS = {"aten.max_pool2d": "max", "aten.avg_pool2d": "average", "aten.adaptive_avg_pool2d": "average"}
WEIGHTED = CONVOLUTIONS | {Kind.LINEAR}


@dataclass(frozen=True, slots=True)
class Window:
    """A convolution or pooling as it slid.

    Args:
        path: qualified name of its module.
        pooling: "max" or "average"; "" of a convolution.
        kernel: (height, width), as are the others.
        stride: from one place to the next.
        padding: zeros on each side.
        grid_in: size of the map that it slides over.
        grid_out: size of the map that it makes.
        channels_in: of the one.
        channels_out: of the other.
    """

    path: str
    pooling: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    grid_in: tuple[int, ...]
    grid_out: tuple[int, ...]
    channels_in: int
    channels_out: int

    @property
    def size(self) -> str:
        """What slides: "3x3" of a convolution, "3x3 max" of a pooling."""
        return f"{by(self.kernel)} {self.pooling}".rstrip()

    @property
    def child(self) -> str:
        """The child of the network or module that it belongs to: "inception_3a", "branch_5x5"."""
        return self.path.partition(".")[0]

    def is_in(self, path: str) -> bool:
        """Whether it belongs to the module at that path."""
        return f"{self.path}.".startswith(f"{path}.")

    @property
    def places(self) -> Fraction:
        """(input + 2 padding - kernel) / stride + 1, for the height; not rounded."""
        return Fraction(self.grid_in[0] + 2 * self.padding[0] - self.kernel[0], self.stride[0]) + 1


def windows(analysis: Analysis) -> list[Window]:
    """Convolutions and poolings in the order in which they ran."""
    wanted = CONVOLUTIONS | {Kind.POOLING}
    return [_window(op) for op, kind in zip(analysis.graph.ops, analysis.count.kinds, strict=True) if kind in wanted]


def convolutions(analysis: Analysis) -> int:
    """How many of them there are (count)."""
    return sum(not window.pooling for window in windows(analysis))


def branches(analysis: Analysis) -> dict[str, str]:
    """What each child does, in turn: {"branch_5x5": "1x1, 5x5", "branch_pool": "3x3 max, 1x1"}."""
    found: dict[str, list[str]] = {}
    for window in windows(analysis):
        found.setdefault(window.child, []).append(window.size)
    return {child: ", ".join(sizes) for child, sizes in found.items()}


def branch_channels(module: Analysis, path: str = "") -> tuple[Term, ...]:
    """The channels that each branch of the module at that path makes."""
    deep = path.count(".") + 1 if path else 0
    inside = [window for window in windows(module) if not path or window.is_in(path)]
    made = {window.path.split(".")[deep]: window.channels_out for window in inside}
    return tuple(Term(branch, channels) for branch, channels in made.items())


def grids(analysis: Analysis) -> dict[str, int]:
    """The side of the map that each child makes, in the order in which they ran."""
    return {window.child: window.grid_out[0] for window in windows(analysis)}


def modules(analysis: Analysis, *classes: str) -> dict[str, int]:
    """The modules of those classes, with the side of the map that each sees."""
    paths = [path for path, name in analysis.graph.modules.items() if name in classes]
    every = windows(analysis)
    return {path: next(window.grid_in[0] for window in every if window.is_in(path)) for path in paths}


def weighted_depth(analysis: Analysis) -> int:
    """Convolutions and fully connected layers on the longest path: how deep a network is said to be (count)."""
    return structure.depth(analysis.graph, [kind in WEIGHTED for kind in analysis.count.kinds])


def by(sizes: Iterable[int]) -> str:
    """Sizes as papers write them: "7x7", "28x28x192"."""
    return "x".join(map(str, sizes))


def _window(op: Op) -> Window:
    (_, channels_in, *grid_in), (_, channels_out, *grid_out) = op.inputs[0].shape, op.outputs[0].shape
    pooling = POOLINGS.get(op.name, "")
    kernel = op.arguments.get("kernel_size", grid_in) if pooling else op.inputs[1].shape[2:]
    stride, padding = sides(op.arguments.get("stride", 1)), sides(op.arguments.get("padding", 0))
    grids = tuple(grid_in), tuple(grid_out)
    return Window(op.module, pooling, sides(kernel), stride, padding, *grids, channels_in, channels_out)
