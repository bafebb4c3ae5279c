"""Operators of ONNX, each a function of torch: the same arithmetic on the same shapes.

Reference: ONNX's operator schemas (onnx/docs/Operators.md), opsets 7 to 23.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import ceil
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from netcost.text.errors import RequestError
from netcost.text.registry import Registry

if TYPE_CHECKING:
    from netcost.targets.onnx_files.reading import NodeSpec

Value = Tensor | None
Attributes = dict[str, Any]
Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Facts about the file that an operator may need.

    Args:
        opset: version of the standard operators.
        shapes: and types of results, where onnx infers them.
    """

    opset: int
    shapes: dict[str, tuple[tuple[int, ...], torch.dtype]]


OPERATORS: Registry[Function] = Registry("operator of ONNX")
"""Each takes the context, the node's attributes and its operands; None stands for an operand that is left out."""


def operator(*names: str) -> Callable[[Function], Function]:
    """Register the decorated function under the names of ONNX."""

    def register(function: Function) -> Function:
        for name in names:
            OPERATORS.add(name, function)
        return function

    return register


UNARY: dict[str, Function] = {
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "Exp": torch.exp,
    "Log": torch.log,
    "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal,
    "Neg": torch.neg,
    "Abs": torch.abs,
    "Floor": torch.floor,
    "Ceil": torch.ceil,
    "Round": torch.round,
    "Sign": torch.sign,
    "Erf": torch.erf,
    "Sin": torch.sin,
    "Cos": torch.cos,
    "Tan": torch.tan,
    "Atan": torch.atan,
    "Not": torch.logical_not,
    "IsNaN": torch.isnan,
    "IsInf": torch.isinf,
    "Softplus": F.softplus,
    "Softsign": F.softsign,
    "HardSwish": F.hardswish,
    "Mish": F.mish,
    "Identity": lambda x: x,
    "GlobalAveragePool": lambda x: F.adaptive_avg_pool2d(x, 1) if x.dim() == 4 else x.mean(_sides(x), True),
    "GlobalMaxPool": lambda x: F.adaptive_max_pool2d(x, 1) if x.dim() == 4 else x.amax(_sides(x), True),
}
BINARY: dict[str, Function] = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Pow": torch.pow,
    "Equal": torch.eq,
    "Greater": torch.gt,
    "Less": torch.lt,
    "GreaterOrEqual": torch.ge,
    "LessOrEqual": torch.le,
    "And": torch.logical_and,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
    "MatMul": torch.matmul,
}
FOLDED: dict[str, Function] = {"Sum": torch.add, "Min": torch.minimum, "Max": torch.maximum}
REDUCTIONS: dict[str, Function] = {
    "ReduceMean": torch.mean,
    "ReduceSum": torch.sum,
    "ReduceMax": torch.amax,
    "ReduceMin": torch.amin,
    "ReduceL1": lambda x, dims, keep: x.abs().sum(dims, keep),
    "ReduceL2": lambda x, dims, keep: torch.linalg.vector_norm(x, 2, dims, keep),
    "ReduceSumSquare": lambda x, dims, keep: x.square().sum(dims, keep),
    "ReduceLogSumExp": torch.logsumexp,
}


def _sides(x: Tensor) -> list[int]:
    return list(range(2, x.dim()))


def _plain(function: Function) -> Function:
    return lambda _context, _attributes, *operands: function(*operands)


for _name, _function in (*UNARY.items(), *BINARY.items()):
    OPERATORS.add(_name, _plain(_function))
for _name, _function in FOLDED.items():
    OPERATORS.add(_name, lambda _context, _attributes, *operands, one=_function: reduce(one, operands))


def _reduced(function: Function) -> Function:
    def reduce_(_: FileFacts, given: Attributes, x: Tensor, axes: Value = None) -> Tensor:
        dims = ints(axes) if axes is not None else given.get("axes")
        if not dims and given.get("noop_with_empty_axes"):
            return x
        result: Tensor = function(x, list(dims or range(x.dim())), bool(given.get("keepdims", 1)))
        return result

    return reduce_


for _name, _function in REDUCTIONS.items():
    OPERATORS.add(_name, _reduced(_function))


def ints(value: Value) -> list[int]:
    """Return the numbers of a tensor that holds a shape, axes or positions."""
    assert value is not None
    return [int(number) for number in value.flatten().tolist()]


@operator("Div")
def divide(_: FileFacts, _attributes: Attributes, x: Tensor, y: Tensor) -> Tensor:
    """Divide; whole numbers are cut off."""
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


@operator("Mod")
def remainder(_: FileFacts, given: Attributes, x: Tensor, y: Tensor) -> Tensor:
    """Return the remainder, with the sign of the divisor unless `fmod`."""
    return torch.fmod(x, y) if given.get("fmod") else torch.remainder(x, y)


@operator("Mean")
def mean_of(_: FileFacts, _attributes: Attributes, *operands: Tensor) -> Tensor:
    """Return the mean of tensors."""
    return reduce(torch.add, operands) / len(operands)


@operator("Where")
def where(_: FileFacts, _attributes: Attributes, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Choose by a condition."""
    return torch.where(condition, x, y)


@operator("LeakyRelu")
def leaky_relu(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Call torch's, with ONNX's default slope."""
    return F.leaky_relu(x, given.get("alpha", 0.01))


@operator("Elu")
def elu(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Call torch's."""
    return F.elu(x, given.get("alpha", 1.0))


@operator("Selu")
def selu(_: FileFacts, _attributes: Attributes, x: Tensor) -> Tensor:
    """Call torch's."""
    return F.selu(x)


@operator("HardSigmoid")
def hard_sigmoid(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Clip alpha·x + beta to 0 … 1; torch's is the one of alpha 1/6."""
    alpha, beta = given.get("alpha", 0.2), given.get("beta", 0.5)
    return F.hardsigmoid(x) if abs(alpha - 1 / 6) < 1e-3 and beta == 0.5 else (alpha * x + beta).clamp(0, 1)


@operator("Gelu")
def gelu(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Call torch's."""
    return F.gelu(x, approximate=given.get("approximate", "none"))


@operator("Clip")
def clip(_: FileFacts, given: Attributes, x: Tensor, low: Value = None, high: Value = None) -> Tensor:
    """Clip to bounds, each of which may be missing."""
    least = low.item() if low is not None and not low.is_meta else given.get("min")
    most = high.item() if high is not None and not high.is_meta else given.get("max")
    return x if least is None and most is None else torch.clamp(x, least, most)


@operator("Softmax", "LogSoftmax")
def softmax(context: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Return the softmax along an axis, or before opset 13 over it and all that follow."""
    axis = given.get("axis", -1 if context.opset >= 13 else 1)
    if context.opset < 13 and axis % x.dim() != x.dim() - 1:
        return torch.softmax(x.flatten(axis), axis).view_as(x)
    return torch.softmax(x, axis)


@operator("Dropout")
def dropout(_: FileFacts, _attributes: Attributes, x: Tensor, *_others: Value) -> Tensor:
    """Return the input, as in inference."""
    return x


def _padding(given: Attributes, x: Tensor, kernel: list[int], stride: list[int], dilation: list[int]) -> list[int]:
    """Return the padding at the beginning of each side, then at the end of each."""
    rank = len(kernel)
    automatic = given.get("auto_pad", "NOTSET")
    if automatic in ("NOTSET", ""):
        return list(given.get("pads", [0] * 2 * rank))
    if automatic == "VALID":
        return [0] * 2 * rank
    whole = [
        max(0, (ceil(side / step) - 1) * step + (size - 1) * gap + 1 - side)
        for side, size, step, gap in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    smaller = [pad // 2 for pad in whole]
    larger = [pad - small for pad, small in zip(whole, smaller, strict=True)]
    return [*larger, *smaller] if automatic == "SAME_LOWER" else [*smaller, *larger]


def _padded(x: Tensor, pads: list[int], value: float = 0.0) -> tuple[Tensor, list[int]]:
    """Return the input and the padding that the operator can add by itself; an uneven one is added here."""
    rank = len(pads) // 2
    if pads[:rank] == pads[rank:]:
        return x, pads[:rank]
    uneven = [pads[place] for side in reversed(range(rank)) for place in (side, side + rank)]
    return F.pad(x, uneven, value=value), [0] * rank


@operator("Conv")
def conv(_: FileFacts, given: Attributes, x: Tensor, weight: Tensor, bias: Value = None) -> Tensor:
    """Call torch's convolution of 1, 2 or 3 dimensions."""
    rank = weight.dim() - 2
    stride, dilation = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    x, padding = _padded(x, _padding(given, x, list(weight.shape[2:]), stride, dilation))
    function = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}[rank]
    result: Tensor = function(x, weight, bias, stride, padding, dilation, given.get("group", 1))
    return result


@operator("ConvTranspose")
def conv_transpose(_: FileFacts, given: Attributes, x: Tensor, weight: Tensor, bias: Value = None) -> Tensor:
    """Call torch's transposed convolution; uneven padding is cut off afterwards."""
    rank = weight.dim() - 2
    stride, dilation = given.get("strides", [1] * rank), given.get("dilations", [1] * rank)
    pads, more = given.get("pads", [0] * 2 * rank), given.get("output_padding", [0] * rank)
    function = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}[rank]
    result: Tensor = function(x, weight, bias, stride, pads[:rank], more, given.get("group", 1), dilation)
    return result


@operator("MaxPool")
def max_pool(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Call torch's."""
    kernel = given["kernel_shape"]
    stride, dilation = given.get("strides", [1] * len(kernel)), given.get("dilations", [1] * len(kernel))
    x, padding = _padded(x, _padding(given, x, kernel, stride, dilation), float("-inf"))
    function = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}[len(kernel)]
    return function(x, kernel, stride, padding, dilation, bool(given.get("ceil_mode", 0)))


@operator("AveragePool")
def average_pool(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Call torch's."""
    kernel = given["kernel_shape"]
    stride = given.get("strides", [1] * len(kernel))
    x, padding = _padded(x, _padding(given, x, kernel, stride, [1] * len(kernel)))
    function = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}[len(kernel)]
    counts = bool(given.get("count_include_pad", 0))
    return function(x, kernel, stride, padding, bool(given.get("ceil_mode", 0)), counts)


@operator("Gemm")
def gemm(_: FileFacts, given: Attributes, x: Tensor, weight: Tensor, bias: Value = None) -> Tensor:
    """Return alpha·x·weight + beta·bias; the plain form is a linear layer."""
    x = x.t() if given.get("transA") else x
    is_plain = given.get("alpha", 1.0) == given.get("beta", 1.0) == 1.0
    if is_plain and given.get("transB") and (bias is None or bias.dim() == 1):
        return F.linear(x, weight, bias)
    product: Tensor = given.get("alpha", 1.0) * (x @ (weight.t() if given.get("transB") else weight))
    if bias is not None:
        product = product + given.get("beta", 1.0) * bias
    return product


@operator("BatchNormalization")
def batch_norm(
    _: FileFacts, given: Attributes, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> Tensor:
    """Call torch's, with the stored statistics."""
    return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, given.get("epsilon", 1e-5))


@operator("InstanceNormalization")
def instance_norm(_: FileFacts, given: Attributes, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Call torch's."""
    return F.instance_norm(x, weight=weight, bias=bias, eps=given.get("epsilon", 1e-5))


@operator("LayerNormalization")
def layer_norm(_: FileFacts, given: Attributes, x: Tensor, weight: Tensor, bias: Value = None) -> Tensor:
    """Call torch's, over the axis and all that follow."""
    sides = x.shape[given.get("axis", -1) % x.dim() :]
    return F.layer_norm(x, sides, weight, bias, given.get("epsilon", 1e-5))


@operator("GroupNormalization")
def group_norm(_: FileFacts, given: Attributes, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Call torch's."""
    return F.group_norm(x, given["num_groups"], weight, bias, given.get("epsilon", 1e-5))


@operator("LRN")
def local_response_norm(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Call torch's."""
    return F.local_response_norm(
        x, given["size"], given.get("alpha", 1e-4), given.get("beta", 0.75), given.get("bias", 1.0)
    )


@operator("Shape")
def shape(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Return the shape, or a part of it."""
    return torch.tensor(list(x.shape)[given.get("start", 0) : given.get("end", x.dim())], dtype=torch.int64)


@operator("Size")
def size(_: FileFacts, _attributes: Attributes, x: Tensor) -> Tensor:
    """Return the number of elements."""
    return torch.tensor(x.numel())


@operator("Reshape")
def reshape(_: FileFacts, given: Attributes, x: Tensor, sides: Tensor) -> Tensor:
    """Reshape; 0 keeps a side."""
    wanted = ints(sides)
    kept = [x.shape[place] if side == 0 and not given.get("allowzero") else side for place, side in enumerate(wanted)]
    return x.reshape(kept)


@operator("Flatten")
def flatten(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Make a matrix of the sides before an axis and of those from it on."""
    axis = given.get("axis", 1)
    return x.flatten(axis) if axis == 1 and x.dim() > 1 else x.reshape(int(torch.Size(x.shape[:axis]).numel()), -1)


@operator("Squeeze")
def squeeze(_: FileFacts, given: Attributes, x: Tensor, axes: Value = None) -> Tensor:
    """Leave out sides of 1."""
    dims = ints(axes) if axes is not None else given.get("axes")
    return x.squeeze() if dims is None else x.squeeze(tuple(dims))


@operator("Unsqueeze")
def unsqueeze(_: FileFacts, given: Attributes, x: Tensor, axes: Value = None) -> Tensor:
    """Put in sides of 1."""
    dims = ints(axes) if axes is not None else given["axes"]
    for dim in sorted(dim % (x.dim() + len(dims)) for dim in dims):
        x = x.unsqueeze(dim)
    return x


@operator("Transpose")
def transpose(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Put the sides into another order: backwards, unless one is given."""
    return x.permute(given.get("perm", list(reversed(range(x.dim())))))


@operator("Concat")
def concat(_: FileFacts, given: Attributes, *operands: Tensor) -> Tensor:
    """Join tensors."""
    return torch.cat(operands, given["axis"])


@operator("Split")
def split(_: FileFacts, given: Attributes, x: Tensor, sizes: Value = None) -> tuple[Tensor, ...]:
    """Split into parts of the sizes given, or into equal ones."""
    axis = given.get("axis", 0)
    parts = ints(sizes) if sizes is not None else given.get("split")
    if parts is None:
        parts = given.get("num_outputs", 2)
        return tuple(x.chunk(parts, axis))
    pieces: tuple[Tensor, ...] = torch.split(x, parts, axis)
    return pieces


@operator("Slice")
def slice_(
    _: FileFacts,
    given: Attributes,
    x: Tensor,
    starts: Value = None,
    ends: Value = None,
    axes: Value = None,
    steps: Value = None,
) -> Tensor:
    """Take ranges; a step below 0 goes backwards."""
    begins = ints(starts) if starts is not None else given["starts"]
    stops = ints(ends) if ends is not None else given["ends"]
    dims = ints(axes) if axes is not None else given.get("axes", range(len(begins)))
    strides = ints(steps) if steps is not None else [1] * len(begins)
    for begin, stop, dim, stride in zip(begins, stops, dims, strides, strict=True):
        first, last, step = slice(begin, stop, stride).indices(x.shape[dim])
        if step > 0:
            x = x[(slice(None),) * (dim % x.dim()) + (slice(first, max(first, last), step),)]
        else:
            x = x.index_select(dim, torch.arange(first, last, step))
    return x


@operator("Gather")
def gather(_: FileFacts, given: Attributes, x: Tensor, indices: Tensor) -> Tensor:
    """Take rows along an axis; of a matrix of weights by many indices, as an embedding."""
    axis = given.get("axis", 0) % x.dim()
    if indices.dim() == 0 and not indices.is_meta:
        return x.select(axis, int(indices))
    if axis == 0 and x.dim() == 2 and x.is_floating_point():
        return F.embedding(indices, x)
    taken = x.index_select(axis, indices.flatten())
    return taken.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


@operator("GatherElements")
def gather_elements(_: FileFacts, given: Attributes, x: Tensor, indices: Tensor) -> Tensor:
    """Take elements along an axis."""
    return torch.gather(x, given.get("axis", 0), indices)


@operator("ScatterElements")
def scatter_elements(_: FileFacts, given: Attributes, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """Put elements along an axis."""
    return x.scatter(given.get("axis", 0), indices, updates)


@operator("ScatterND")
def scatter_nd(_: FileFacts, _attributes: Attributes, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """Put slices at the places that the last side of the indices names."""
    return x.index_put(tuple(indices.unbind(-1)), updates)


@operator("GatherND")
def gather_nd(_: FileFacts, _attributes: Attributes, x: Tensor, indices: Tensor) -> Tensor:
    """Take slices from the places that the last side of the indices names."""
    return x[tuple(indices.unbind(-1))]


@operator("PRelu")
def leaky_by_channel(context: FileFacts, _attributes: Attributes, x: Tensor, slope: Tensor) -> Tensor:
    """Multiply negative values by the slope; before opset 7, a slope per channel has no sides of 1 behind it."""
    if context.opset < 7 and slope.numel() > 1:
        slope = slope.reshape(-1, *[1] * (x.dim() - 2))
    return torch.where(x > 0, x, x * slope)


@operator("Expand")
def expand(_: FileFacts, _attributes: Attributes, x: Tensor, sides: Tensor) -> Tensor:
    """Repeat sides of 1 without a copy."""
    both: list[int] = torch.broadcast_shapes(x.shape, tuple(ints(sides)))  # type: ignore[no-untyped-call]
    return x.expand(both)


@operator("Tile")
def tile(_: FileFacts, _attributes: Attributes, x: Tensor, times: Tensor) -> Tensor:
    """Repeat a tensor."""
    return x.repeat(ints(times))


@operator("Pad")
def pad(
    _: FileFacts, given: Attributes, x: Tensor, pads: Value = None, value: Value = None, axes: Value = None
) -> Tensor:
    """Pad with a constant, a reflection or the edge."""
    sizes: list[int] = ints(pads) if pads is not None else given.get("pads", given.get("paddings")) or []
    dims = [dim % x.dim() for dim in ints(axes)] if axes is not None else list(range(x.dim()))
    before, after = dict(zip(dims, sizes, strict=False)), dict(zip(dims, sizes[len(dims) :], strict=True))
    pairs = [(before.get(dim, 0), after.get(dim, 0)) for dim in reversed(range(x.dim()))]
    while pairs and pairs[-1] == (0, 0):
        pairs.pop()
    written = str(given.get("mode", "constant"))
    mode = {"edge": "replicate", "wrap": "circular"}.get(written, written)
    flat = [size for pair in pairs for size in pair]
    number = float(value) if value is not None and value.numel() and not value.is_meta else given.get("value", 0.0)
    return F.pad(x, flat, mode, number if mode == "constant" else None) if flat else x


@operator("Resize", "Upsample")
def resize(context: FileFacts, given: Attributes, x: Tensor, *others: Value) -> Tensor:
    """Resize the sides behind the channels."""
    if context.opset <= 10:
        scales, sizes = (others[0] if others else None), None
    else:
        scales, sizes = (*others[1:], None, None)[:2]
    mode = {"linear": {3: "linear", 4: "bilinear", 5: "trilinear"}.get(x.dim(), "bilinear"), "cubic": "bicubic"}.get(
        given.get("mode", "nearest"), "nearest"
    )
    if sizes is not None and sizes.numel():
        wanted = ints(sizes)[-(x.dim() - 2) :]
    else:
        factors = given.get("scales") if scales is None or not scales.numel() else scales.flatten().tolist()
        wanted = [int(side * factor) for side, factor in zip(x.shape[2:], list(factors or [])[2:], strict=True)]
    aligned = given.get("coordinate_transformation_mode") == "align_corners"
    return F.interpolate(x, size=wanted, mode=mode, align_corners=aligned if mode != "nearest" else None)


@operator("DepthToSpace")
def depth_to_space(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Move channels into the sides."""
    return F.pixel_shuffle(x, given["blocksize"])


@operator("SpaceToDepth")
def space_to_depth(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Move the sides into channels."""
    return F.pixel_unshuffle(x, given["blocksize"])


@operator("Cast")
def cast(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Convert the element type."""
    from netcost.targets.onnx_files.reading import TYPES

    return x.to(TYPES[given["to"]])


@operator("CastLike")
def cast_like(_: FileFacts, _attributes: Attributes, x: Tensor, like: Tensor) -> Tensor:
    """Convert to the type of another tensor."""
    return x.to(like.dtype)


@operator("Constant")
def constant(_: FileFacts, given: Attributes) -> Tensor:
    """Return the value that the file holds."""
    from pathlib import Path

    from netcost.targets.onnx_files.reading import TYPES, Weight

    if "value" in given:
        proto = given["value"]
        return Weight(proto.name, tuple(proto.dims), TYPES[proto.data_type], proto, Path()).values()
    [value] = (given[name] for name in ("value_float", "value_floats", "value_int", "value_ints") if name in given)
    return torch.tensor(value)


@operator("ConstantOfShape")
def constant_of_shape(context: FileFacts, given: Attributes, sides: Tensor) -> Tensor:
    """Return a tensor of one value."""
    value = constant(context, given) if "value" in given else torch.zeros(1)
    return value.reshape(1).expand(ints(sides)).clone()


@operator("Range")
def range_(_: FileFacts, _attributes: Attributes, start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    """Count from start to limit."""
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


@operator("ArgMax")
def arg_max(_: FileFacts, given: Attributes, x: Tensor) -> Tensor:
    """Return the place of the largest element."""
    return torch.argmax(x, given.get("axis", 0), bool(given.get("keepdims", 1)))


@operator("TopK")
def top_k(_: FileFacts, given: Attributes, x: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest elements and their places."""
    values, indices = torch.topk(x, ints(number)[0], given.get("axis", -1), bool(given.get("largest", 1)))
    return values, indices


@operator("CumSum")
def cumulative_sum(_: FileFacts, _attributes: Attributes, x: Tensor, axis: Tensor) -> Tensor:
    """Add up along an axis."""
    return torch.cumsum(x, ints(axis)[0])


@operator("Trilu")
def triangle(_: FileFacts, given: Attributes, x: Tensor, diagonal: Value = None) -> Tensor:
    """Keep a triangle of a matrix."""
    place = 0 if diagonal is None else ints(diagonal)[0]
    return torch.triu(x, place) if given.get("upper", 1) else torch.tril(x, place)


@operator("Einsum")
def einsum(_: FileFacts, given: Attributes, *operands: Tensor) -> Tensor:
    """Call torch's."""
    return torch.einsum(given["equation"], *operands)


@operator("QuantizeLinear")
def quantize(_: FileFacts, given: Attributes, x: Tensor, scale: Tensor, zero: Value = None) -> Tensor:
    """Return whole numbers of 8 bits."""
    dtype = torch.uint8 if zero is None else zero.dtype
    return torch.round(x / _along(scale, x, given)).to(dtype)


@operator("DequantizeLinear")
def dequantize(_: FileFacts, given: Attributes, x: Tensor, scale: Tensor, *_zero: Value) -> Tensor:
    """Return real numbers."""
    return x.to(scale.dtype) * _along(scale, x, given)


def _along(scale: Tensor, x: Tensor, given: Attributes) -> Tensor:
    """Return scales that go along an axis, one per channel."""
    if scale.numel() == 1:
        return scale.reshape(())
    return scale.reshape([-1 if dim == given.get("axis", 1) % x.dim() else 1 for dim in range(x.dim())])


@operator("QLinearConv")
def quantized_conv(context: FileFacts, given: Attributes, *operands: Tensor) -> Tensor:
    """Convolve whole numbers of 8 bits; operands are the input with scale and zero, then the weight with both."""
    x, weight = operands[0], operands[3]
    result: Tensor = conv(context, given, x, weight.to(x.dtype))
    return result


@operator("QLinearMatMul")
def quantized_matmul(_: FileFacts, _attributes: Attributes, *operands: Tensor) -> Tensor:
    """Multiply matrices of whole numbers of 8 bits; operands as for QLinearConv."""
    return torch.matmul(operands[0], operands[3].to(operands[0].dtype))


@operator("ConvInteger")
def integer_conv(context: FileFacts, given: Attributes, x: Tensor, weight: Tensor, *_others: Value) -> Tensor:
    """Convolve whole numbers of 8 bits into 32."""
    result: Tensor = conv(context, given, x.to(torch.int32), weight.to(torch.int32))
    return result


@operator("MatMulInteger")
def integer_matmul(_: FileFacts, _attributes: Attributes, x: Tensor, y: Tensor, *_others: Value) -> Tensor:
    """Multiply matrices of whole numbers of 8 bits into 32."""
    return torch.matmul(x.to(torch.int32), y.to(torch.int32))


def unknown(context: FileFacts, step: NodeSpec, operands: list[Value]) -> Tensor | tuple[Tensor, ...]:
    """Stand for an operator that has no function here: its results have the shapes that onnx infers.

    Raises:
        RequestError: onnx infers none.
    """
    results = []
    for name in step.results:
        if name not in context.shapes:
            raise RequestError(
                f"{step.operator} of the node {step.name!r} is not known, and the file does not say its result's shape"
            )
        sides, dtype = context.shapes[name]
        results.append(_operator_of(step.operator)([one for one in operands if one is not None], list(sides), dtype))
    return tuple(results)


_UNKNOWN: dict[str, Function] = {}


def _operator_of(name: str) -> Function:
    """Return an operator of torch's registry under ONNX's name, without a counting rule."""
    if name not in _UNKNOWN:
        plain = name.replace(".", "_")
        library: Any = torch.library.Library("onnx", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch leaves it so
        library.define(f"{plain}(Tensor[] operands, int[] sides, ScalarType dtype) -> Tensor")
        library.impl(plain, lambda _, sides, dtype: torch.zeros(sides, dtype=dtype), "CompositeExplicitAutograd")
        library.impl(plain, lambda _, sides, dtype: torch.empty(sides, dtype=dtype, device="meta"), "Meta")
        _LIBRARIES.append(library)
        _UNKNOWN[name] = getattr(torch.ops.onnx, plain)
    return _UNKNOWN[name]


_LIBRARIES: list[Any] = []
"""Kept, because an operator lives as long as its library."""
