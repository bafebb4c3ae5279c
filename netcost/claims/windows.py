"""The windows of a network: the kernel, stride and maps of its convolutions and poolings, and its depth in layers."""

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
    """A convolution or pooling as it ran; sizes are (height, width).

    Args:
        path: qualified name of its module.
        pooling: "max" or "average"; "" for a convolution.
        grid_in: size of the map that it reads.
        grid_out: size of the map that it writes.
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
        """Return the kernel in words: "3x3" for a convolution, "3x3 max" for a pooling."""
        return f"{by(self.kernel)} {self.pooling}".rstrip()

    @property
    def child(self) -> str:
        """Return the child of the network or module that it belongs to: "inception_3a", "branch_5x5"."""
        return self.path.partition(".")[0]

    def is_in(self, path: str) -> bool:
        """True where it belongs to the module at that path."""
        return f"{self.path}.".startswith(f"{path}.")

    @property
    def places(self) -> Fraction:
        """Return the number of positions along the height, not rounded: (input + 2 padding - kernel) / stride + 1."""
        return Fraction(self.grid_in[0] + 2 * self.padding[0] - self.kernel[0], self.stride[0]) + 1


def windows(analysis: Analysis) -> list[Window]:
    """Return convolutions and poolings in the order in which they ran."""
    wanted = CONVOLUTIONS | {Kind.POOLING}
    return [_window(op) for op, kind in zip(analysis.graph.ops, analysis.count.kinds, strict=True) if kind in wanted]


def convolutions(analysis: Analysis) -> int:
    """Return the number of convolutions (count)."""
    return sum(not window.pooling for window in windows(analysis))


def branches(analysis: Analysis) -> dict[str, str]:
    """Return the kernels of each child in their order: {"branch_5x5": "1x1, 5x5", "branch_pool": "3x3 max, 1x1"}."""
    by_child: dict[str, list[str]] = {}
    for window in windows(analysis):
        by_child.setdefault(window.child, []).append(window.size)
    return {child: ", ".join(sizes) for child, sizes in by_child.items()}


def branch_channels(module: Analysis, path: str = "") -> tuple[Term, ...]:
    """Return the output channels of each branch of the module at that path."""
    deep = path.count(".") + 1 if path else 0
    inside = [window for window in windows(module) if not path or window.is_in(path)]
    made = {window.path.split(".")[deep]: window.channels_out for window in inside}
    return tuple(Term(branch, channels) for branch, channels in made.items())


def grids(analysis: Analysis) -> dict[str, int]:
    """Return the side of the map that each child writes, in the order in which they ran."""
    return {window.child: window.grid_out[0] for window in windows(analysis)}


def modules(analysis: Analysis, *classes: str) -> dict[str, int]:
    """Return the paths of the modules of those classes, with the side of the map that each reads."""
    paths = [path for path, name in analysis.graph.modules.items() if name in classes]
    every = windows(analysis)
    return {path: next(window.grid_in[0] for window in every if window.is_in(path)) for path in paths}


def weighted_depth(analysis: Analysis) -> int:
    """Return the convolutions and fully connected layers on the longest path: the depth as papers count it (count)."""
    return structure.depth(analysis.graph, [kind in WEIGHTED for kind in analysis.count.kinds])


def by(sizes: Iterable[int]) -> str:
    """Return sizes as papers write them: "7x7", "28x28x192"."""
    return "x".join(map(str, sizes))


def _window(op: Op) -> Window:
    (_, channels_in, *grid_in), (_, channels_out, *grid_out) = op.inputs[0].shape, op.outputs[0].shape
    pooling = POOLINGS.get(op.name, "")
    kernel = op.arguments.get("kernel_size", grid_in) if pooling else op.inputs[1].shape[2:]
    stride, padding = sides(op.arguments.get("stride", 1)), sides(op.arguments.get("padding", 0))
    grids = tuple(grid_in), tuple(grid_out)
    return Window(op.module, pooling, sides(kernel), stride, padding, *grids, channels_in, channels_out)
