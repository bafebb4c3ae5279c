"""Pooling and interpolation."""

from __future__ import annotations

from math import prod

from netcost.graph.cost import Cost, Kind
from netcost.graph.graph import Op, aten
from netcost.graph.rules.registry import access, rule


def window(op: Op, rank: int) -> tuple[int, ...]:
    """Return the pooling window, one number per spatial dimension."""
    size = op.arguments["kernel_size"]
    sides = (size,) if isinstance(size, int) else tuple(size)
    return sides * rank if len(sides) == 1 else sides


def _rank(op: Op) -> int:
    """Read the number of spatial dimensions in the name of a pooling: `avg_pool2d`."""
    return int(op.name[op.name.index("pool") + 4])


def average_pool_kind(op: Op) -> Kind:
    """Tell pooling from a window that slides over channels only, as inside local response normalisation.

    `F.local_response_norm` reshapes (N, C, *S) to (N, 1, C, *S) and averages squares over (size, 1, …): one channel,
    and a window of one in every spatial dimension.
    """
    rank = _rank(op)
    sides = window(op, rank)
    over_channels = op.inputs[0].shape[-rank - 1] == 1 and sides[0] > 1 and prod(sides[1:]) == 1 and rank > 1
    return Kind.NORMALISATION if over_channels else Kind.POOLING


@rule("aten.avg_pool1d", "aten.avg_pool2d", "aten.avg_pool3d", kind=average_pool_kind)
def average_pool(op: Op) -> Cost:
    """Count k² per output: k² - 1 additions and a division."""
    return access(op, flops=op.outputs[0].numel * prod(window(op, _rank(op))))


@rule(
    *aten("max_pool1d max_pool2d max_pool3d"),
    *aten("max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices"),
    *aten("fractional_max_pool2d fractional_max_pool3d"),
    kind=Kind.POOLING,
)
def max_pool(op: Op) -> Cost:
    """Count k² comparisons per output; the indices that some kernels write as well are a workspace, not counted."""
    outputs = op.outputs[0].numel
    return access(op, flops=outputs * prod(window(op, _rank(op))), written=outputs)


@rule(
    *aten("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d"),
    *aten("adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"),
    kind=Kind.POOLING,
)
def adaptive_pool(op: Op) -> Cost:
    """Count windows with sides of ceil(in / out): their area per output."""
    rank, output = _rank(op), op.outputs[0]
    sides = zip(op.inputs[0].shape[-rank:], output.shape[-rank:], strict=True)
    return access(op, flops=output.numel * prod(-(-wide // narrow) for wide, narrow in sides), written=output.numel)


@rule(
    *aten("upsample_nearest1d upsample_nearest2d upsample_nearest3d"),
    *aten("_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d"),
    kind=Kind.MOVEMENT,
)
def nearest(op: Op) -> Cost:
    """Copy elements and compute nothing."""
    return access(op)


WIDTHS = {"linear": 2, "cubic": 4, "lanczos": 6}
"""Input elements along one dimension that an interpolated output is a weighted sum of."""


@rule(
    *aten("upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d"),
    *aten("_upsample_bilinear2d_aa _upsample_bicubic2d_aa"),
    kind=Kind.OTHER,
)
def interpolate(op: Op) -> Cost:
    """Count a weighted sum of n taps per output: n products and n - 1 sums.

    The window is 2 wide (cubic 4) in each dimension; with antialiasing it grows by as much as the image shrinks.
    """
    width = next(width for name, width in WIDTHS.items() if name in op.name)
    x, output = op.inputs[0].shape[2:], op.outputs[0]
    grown = [
        max(source, target) if op.name.endswith("_aa") else target
        for source, target in zip(x, output.shape[2:], strict=True)
    ]
    taps = prod(-(-width * source // target) for source, target in zip(grown, output.shape[2:], strict=True))
    return access(op, flops=(2 * taps - 1) * output.numel)


GRID_WIDTHS = {0: 2, 1: 1, 2: 4}
"""Input elements along one dimension by torch's code of the interpolation: (bi- or tri-)linear, nearest, cubic."""


@rule("aten.grid_sampler", "aten.grid_sampler_2d", "aten.grid_sampler_3d", kind=Kind.OTHER)
def grid_sampler(op: Op) -> Cost:
    """Count a weighted sum of n taps per output, as `interpolate`: 7 FLOPs bilinear, 15 trilinear, 31 bicubic.

    Nearest copies, and computes nothing.
    """
    taps = GRID_WIDTHS[op.arguments.get("interpolation_mode", 0)] ** (len(op.inputs[0].shape) - 2)
    return access(op, flops=(2 * taps - 1 if taps > 1 else 0) * op.outputs[0].numel)


def _largest_window(op: Op) -> int:
    """Return the elements per output of a region that covers the whole map: regions are not known by shape."""
    return prod(
        -(-wide // narrow) for wide, narrow in zip(op.inputs[0].shape[2:], op.outputs[0].shape[2:], strict=True)
    )


@rule("torchvision.roi_align", "torchvision.ps_roi_align", kind=Kind.POOLING)
def roi_align(op: Op) -> Cost:
    """Sample s² points per output bilinearly (7) and add them; s is `sampling_ratio`.

    Without one there are as many points as elements, here of a region that covers the whole map.
    """
    ratio = op.arguments.get("sampling_ratio", -1)
    samples = ratio**2 if ratio > 0 else _largest_window(op)
    written = op.outputs[0].numel
    return access(op, flops=8 * samples * written, written=written)


@rule("torchvision.roi_pool", "torchvision.ps_roi_pool", kind=Kind.POOLING)
def roi_pool(op: Op) -> Cost:
    """Compare (or add) the elements of a bin, of a region that covers the whole map."""
    written = op.outputs[0].numel
    return access(op, flops=_largest_window(op) * written, written=written)


@rule("torchvision.nms", kind=Kind.OTHER)
def non_maximum_suppression(op: Op) -> Cost:
    """Compare each box with each later one, as where none is dropped: 13 FLOPs per pair, and 3 per box for its area.

    A pair takes two maxima and two minima, two sides (subtract, and compare with 0), their product, the union (2), a
    division and a comparison.
    """
    boxes = op.inputs[0].shape[0]
    return access(op, flops=13 * (boxes * (boxes - 1) // 2) + 3 * boxes)
