"""Output shapes of the hot operators, computed without torch's meta kernels.

Many meta kernels are Python decompositions that take 0.1 to 1.2 ms per call; a shape rule takes 3 µs. A rule answers
only the cases that it is sure of. It returns None for unusual layouts, mixed types and every mistake, and then torch's
own meta kernel runs, so that errors keep torch's words. Tests over random inputs hold that each rule gives the same
shape, strides and type as torch's kernel.

One error is ours: a convolution with the wrong channels, which torch calls "Invalid channel dimensions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any, TypeVar

import torch
from torch import Tensor

from netcost.graph.graph import Op
from netcost.tracing.answers import THREAD
from netcost.tracing.layouts import arranged, is_channels_last, like, new, same

Maybe = Tensor | None
ShapeRule = Callable[..., Maybe | tuple[Maybe, ...]]
Registered = TypeVar("Registered", bound=ShapeRule)
SHAPE_RULES: dict[str, ShapeRule] = {}

FLOATS = frozenset({torch.float32, torch.float16, torch.bfloat16, torch.float64})
INDICES = frozenset({torch.int64, torch.int32})


def shape_rule(*names: str) -> Callable[[Registered], Registered]:
    """Register the decorated function for the named operators."""

    def register(function: Registered) -> Registered:
        for name in names:
            if name in SHAPE_RULES:
                raise ValueError(f"{name!r} has two shape rules")
            SHAPE_RULES[name] = function
        return function

    return register


def fit(x: Tensor, shape: tuple[int, ...], *weights: Maybe) -> bool:
    """True where each weight or bias that is given has that shape, and the element type of `x`."""
    for weight in weights:  # noqa: SIM110  # a generator would take twice the time
        if weight is not None and (weight.shape != shape or weight.dtype != x.dtype):
            return False
    return True


def spread(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """Return one number per dimension, from one for all of them or one each."""
    if isinstance(value, int):
        return (value,) * rank
    return tuple(value) * rank if len(value) == 1 < rank else tuple(value)


def refuse_mixed(x: Tensor, weight: Tensor) -> None:
    """Raise where an input and a weight have two floating-point types, which kernels refuse and meta kernels do not.

    Autocast, which a trace ignores, would make them equal.
    """
    if x.dtype == weight.dtype or not {x.dtype, weight.dtype} <= FLOATS or THREAD.asked_for_autocast:
        return
    if x.numel() and weight.numel():
        raise RuntimeError(f"expected mat1 and mat2 to have the same dtype, but got: {x.dtype} != {weight.dtype}")


@shape_rule("aten.conv1d", "aten.conv2d", "aten.conv3d")
def convolution(
    x: Tensor, weight: Tensor, bias: Maybe = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Maybe:
    """x (N, C, *S), weight (O, C/g, *K) -> (N, O, *S'), channels last where an image or its weight is."""
    refuse_mixed(x, weight)
    shape, kernel = x.shape, weight.shape
    rank = len(kernel) - 2
    if len(shape) != len(kernel) or isinstance(padding, str) or groups < 1 or x.dtype != weight.dtype:
        return None
    outputs = kernel[0]
    if shape[1] != kernel[1] * groups:
        raise RuntimeError(
            f"convolution takes {kernel[1] * groups} input channels and got {shape[1]} "
            f"(input {tuple(shape)}, weight {tuple(kernel)}, {groups} groups)"
        )
    if outputs % groups or x.dtype not in FLOATS or not fit(x, kernel[:1], bias):
        return None
    strides, pads, dilations = spread(stride, rank), spread(padding, rank), spread(dilation, rank)
    if not len(strides) == len(pads) == len(dilations) == rank or min(strides) < 1 or min(dilations) < 1:
        return None
    lengths = zip(shape[2:], kernel[2:], strides, pads, dilations, strict=True)
    size = [
        (length + 2 * pad - dilation * (side - 1) - 1) // stride + 1 for length, side, stride, pad, dilation in lengths
    ]
    if min(size) < 1:
        return None
    # So the kernels of all devices choose; torch's meta kernel is always contiguous. In three dimensions the size
    # decides as well; in one, the strides of single channels do, which say nothing.
    channels_last = rank > 1 and (is_channels_last(x) or is_channels_last(weight))
    if min(pads) < 0 or (channels_last and rank == 3) or (rank == 1 and _are_loose(x, weight)):
        return None
    return new(x, (shape[0], outputs, *size), channels_last)


def _are_loose(*tensors: Tensor) -> bool:
    """True where a channel of (N, C, L) has another stride than its length."""
    return any(tensor.stride(1) < tensor.shape[2] for tensor in tensors)


@shape_rule("aten.batch_norm")
def batch_norm(x: Tensor, weight: Maybe, bias: Maybe, mean: Maybe, variance: Maybe, training: bool, *_: Any) -> Maybe:
    """x (N, C, *S) -> the same, contiguous or channels last; everything else is (C)."""
    channels = x.shape[1:2]
    if x.dtype not in FLOATS or not fit(x, channels, weight, bias, mean, variance):
        return None
    if (mean is None) != (variance is None) or (mean is None and not training):
        return None
    if x.numel() <= channels.numel():
        return None  # one value per channel has no variance: torch's own error
    is_last = is_channels_last(x)
    if not is_last and 1 in x.shape and not x.is_contiguous():
        return None  # strides of single elements are ambiguous
    return new(x, x.shape, is_last)


@shape_rule("aten.layer_norm")
def layer_norm(x: Tensor, normalized_shape: Sequence[int], weight: Maybe = None, bias: Maybe = None, *_: Any) -> Maybe:
    """x (*, *D) -> the same, contiguous."""
    tail = tuple(normalized_shape)
    if not tail or x.shape[-len(tail) :] != tail or x.dtype not in FLOATS:
        return None
    return new(x, x.shape) if fit(x, tail, weight, bias) else None


@shape_rule("aten.group_norm")
def group_norm(x: Tensor, num_groups: int, weight: Maybe = None, bias: Maybe = None, *_: Any) -> Maybe:
    """x (N, C, *S) -> the same, contiguous."""
    channels = x.shape[1:2]
    if x.dim() < 3 or num_groups < 1 or channels[0] % num_groups or not fit(x, channels, weight, bias):
        return None
    return new(x, x.shape) if x.dtype in FLOATS and x.numel() and x.is_contiguous() else None


@shape_rule("aten.softmax", "aten.log_softmax")
def softmax(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Maybe:
    """x -> the same, contiguous."""
    known = x.dtype in FLOATS and dtype in (None, x.dtype) and -x.dim() <= dim < x.dim()
    return new(x, x.shape) if known and x.is_contiguous() else None


@shape_rule("aten.dropout")
def dropout(x: Tensor, p: float, train: bool) -> Maybe:
    """The input itself in eval, a masked copy in training."""
    return x if not train and 0 <= p <= 1 else None


@shape_rule("aten.linear")
def linear(x: Tensor, weight: Tensor, bias: Maybe = None) -> Maybe:
    """x (*, I), weight (O, I) -> (*, O)."""
    refuse_mixed(x, weight)
    if weight.dim() != 2 or x.dim() < 2 or x.shape[-1] != weight.shape[1] or x.dtype != weight.dtype:
        return None
    return new(x, (*x.shape[:-1], weight.shape[0])) if fit(x, weight.shape[:1], bias) else None


@shape_rule("aten.matmul")
def matmul(a: Tensor, b: Tensor, rank: int | None = None) -> Maybe:
    """a (*, M, K), b (*, K, N) with equal batch dimensions -> (*, M, N); `rank` is the only one taken, if given."""
    refuse_mixed(a, b)
    if a.dim() < 2 or a.dim() != b.dim() or rank not in (None, a.dim()) or a.dtype != b.dtype or a.dtype not in FLOATS:
        return None
    alike = a.shape[:-2] == b.shape[:-2] and a.shape[-1] == b.shape[-2]
    return new(a, (*a.shape[:-1], b.shape[-1])) if alike else None


shape_rule("aten.mm", "aten._sparse_mm")(partial(matmul, rank=2))
shape_rule("aten.bmm")(partial(matmul, rank=3))


@shape_rule("aten.addmm", "aten._sparse_addmm")
def addmm(x: Tensor, a: Tensor, b: Tensor, beta: float = 1, alpha: float = 1) -> Maybe:  # noqa: ARG001  # scale only
    """x that broadcasts to (M, N), a (M, K), b (K, N) -> (M, N)."""
    result = matmul(a, b, rank=2)
    if result is None or a.layout is not torch.strided:
        return result
    return result if x.dtype == a.dtype and broadcast(x.shape, result.shape) == result.shape else None


@shape_rule("aten._grouped_mm")
def grouped_product(a: Tensor, b: Tensor, offs: Maybe = None, *rest: Any) -> Maybe:
    """a (M, K), b (G, K, N) -> (M, N), b (K, N) -> (G, M, N), in float32, which torch's meta kernel does not take."""
    if any(rest) or offs is None or offs.dtype != torch.int32 or offs.dim() != 1 or not a.numel() or not b.numel():
        return None
    if a.dim() != 2 or not a.dtype == b.dtype == torch.float32 or b.dim() not in (2, 3) or a.shape[1] != b.shape[-2]:
        return None
    if b.dim() == 2:
        dense = a.is_contiguous() or a.t().is_contiguous()  # the kernel refuses gaps
        return new(a, (offs.shape[0], a.shape[0], b.shape[1])) if dense else None
    return new(a, (a.shape[0], b.shape[2])) if offs.shape == b.shape[:1] and a.is_contiguous() else None


@shape_rule("aten.scaled_dot_product_attention")
def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Maybe = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    enable_gqa: bool = False,
    **_scale: Any,
) -> Maybe:
    """query (N, H, L, E), key and value (N, H, S, E) -> (N, H, L, E), laid out as the query.

    So the fused kernel of the CPU does. It takes only what is named here; torch's other kernel writes a contiguous
    result, also on the meta device. Reference: `use_flash_attention_cpp` in torch's transformers/sdp_utils_cpp.cpp.
    """
    if (
        query.dim() != 4
        or key.dim() != 4
        or key.shape != value.shape
        or dropout_p
        or not torch._C._get_flash_sdp_enabled()
    ):
        return None
    (batch, heads, length, width), (_, groups, source, _) = query.shape, key.shape
    alike = query.dtype == key.dtype == value.dtype and query.dtype in FLOATS and key.shape[::3] == (batch, width)
    shared = groups in (heads, 1) or (enable_gqa and groups and heads % groups == 0)
    dense = query.stride(-1) == key.stride(-1) == value.stride(-1) == 1
    if not alike or not shared or not dense or not query.numel() or not source:
        return None
    if attn_mask is not None:
        full = (batch, heads, length, source)[-attn_mask.dim() :]
        if is_causal or attn_mask.dim() not in (2, 4) or attn_mask.dtype not in (torch.bool, query.dtype):
            return None
        if any(size not in (1, whole) for size, whole in zip(attn_mask.shape, full, strict=True)):
            return None
    return same(query)


@shape_rule("aten.embedding")
def embedding(weight: Tensor, indices: Tensor, *_: Any) -> Maybe:
    """weight (V, D), indices (*) -> (*, D)."""
    if weight.dim() != 2 or indices.dtype not in INDICES:
        return None
    return new(weight, (*indices.shape, weight.shape[1]))


@shape_rule("aten.cat")
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Maybe:
    """Tensors alike except along `dim` -> their lengths added up there."""
    first = tensors[0] if tensors else None
    if first is None or not -first.dim() <= dim < first.dim():
        return None
    rank = first.dim()
    dim %= rank
    shape = list(first.shape)
    rest = shape[:dim] + shape[dim + 1 :]
    length = 0
    for tensor in tensors:
        size = list(tensor.shape)
        if len(size) != rank:
            return None
        length += size[dim]
        if size[:dim] + size[dim + 1 :] != rest or tensor.dtype != first.dtype or is_channels_last(tensor):
            return None
    shape[dim] = length
    return new(first, shape) if prod(shape) else None


def pooled(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> int:
    """Return the length after pooling; with `ceil_mode`, a last window must start inside the input or its left pad."""
    span = length + 2 * padding - dilation * (kernel - 1) - 1
    steps = -(-span // stride) if ceil_mode else span // stride
    if ceil_mode and steps * stride >= length + padding:
        steps -= 1
    return steps + 1


@shape_rule("aten.max_pool2d")
def max_pool2d(
    x: Tensor, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Maybe:
    """x (N, C, H, W) -> (N, C, H', W')."""
    kernel, pads, dilations = spread(kernel_size, 2), spread(padding, 2), spread(dilation, 2)
    strides = spread(stride, 2) if stride or isinstance(stride, int) else kernel
    if x.dim() != 4 or x.dtype not in FLOATS or not x.is_contiguous() or is_channels_last(x) or not x.numel():
        return None
    if any(pad < 0 or 2 * pad > side for pad, side in zip(pads, kernel, strict=True)):
        return None
    if min(*kernel, *strides, *dilations) < 1:
        return None
    lengths = zip(x.shape[2:], kernel, strides, pads, dilations, strict=True)
    size = [pooled(*length, ceil_mode) for length in lengths]
    return new(x, (*x.shape[:2], *size)) if min(size) > 0 else None


@shape_rule("aten.avg_pool2d")
def avg_pool2d(
    x: Tensor, kernel_size: Any, stride: Any = (), padding: Any = 0, ceil_mode: bool = False, *divisor: Any
) -> Maybe:
    """x (N, C, H, W) -> the same as max pooling; `divisor` is count_include_pad and divisor_override."""
    if divisor[1:] not in ((), (None,)):
        return None
    return max_pool2d(x, kernel_size, stride, padding, 1, ceil_mode)


@shape_rule("aten.adaptive_avg_pool2d")
def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Maybe:
    """x (N, C, H, W) -> (N, C, *output_size)."""
    size = output_size
    if x.dim() != 4 or len(size) != 2 or min(size) < 1 or x.dtype not in FLOATS or not x.numel():
        return None
    return new(x, (*x.shape[:2], *size), is_channels_last(x))


@shape_rule("aten.contiguous")
def contiguous(x: Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> Maybe:
    """x -> the tensor itself, if it is contiguous, or a copy that is."""
    if memory_format is not torch.contiguous_format or x.dtype.is_complex:  # which may be conjugated only when read
        return None
    return x if x.is_contiguous() else new(x, x.shape)


@shape_rule("aten.reshape")
def reshape(x: Tensor, shape: Sequence[int]) -> Maybe:
    """x -> a contiguous copy, where no view of that shape is possible; a view is torch's own."""
    known = prod([size for size in shape if size != -1])
    if x.is_contiguous() or x.dtype.is_complex or not known or not x.numel() or x.numel() % known:
        return None
    whole = [x.numel() // known if size == -1 else size for size in shape]
    return new(x, whole) if prod(whole) == x.numel() and not has_view(x, whole) else None


def has_view(x: Tensor, shape: Sequence[int]) -> bool:
    """True where a tensor of that shape, with as many elements, can share the memory of `x`.

    Each run of dimensions that lie in memory as one must be split anew, and no run be joined to another.

    Reference: `computeStride_impl` in torch's aten/src/ATen/TensorUtils.cpp.
    """
    sides = list(shape)
    runs: list[int] = []
    expected = 0  # stride of a dimension that goes on with the last run
    for size, stride in zip(reversed(x.shape), reversed(x.stride()), strict=True):
        if size > 1:
            run = runs.pop() if runs and stride == expected else 1
            runs.append(run * size)
            expected = stride * size
    for run in runs:
        covered = 1
        while covered < run and sides:
            covered *= sides.pop()
        if covered != run:
            return False
    return True


@shape_rule("aten.mean")
def mean(x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None) -> Maybe:
    """x -> without the dimensions averaged over, or with them at length 1."""
    rank = x.dim()
    if dim is None or dtype is not None or x.dtype not in FLOATS or not x.is_contiguous():
        return None
    dims = [dim] if isinstance(dim, int) else list(dim)
    if not dims or not all(-rank <= index < rank for index in dims):
        return None
    gone = {index % rank for index in dims}
    shape = [1 if index in gone else size for index, size in enumerate(x.shape) if keepdim or index not in gone]
    return new(x, shape) if len(gone) == len(dims) else None


@shape_rule("aten.linalg_vector_norm")
def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Maybe:
    """x -> without the dimensions that the norm covers, or with them at length 1."""
    return mean(x, dim, keepdim, dtype=dtype) if ord == 2 else None


@shape_rule("aten.roll")
def roll(x: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Maybe:
    """Any shape -> the same."""
    inside = all(-x.dim() <= dim < x.dim() for dim in dims)
    return new(x, x.shape) if inside and len(shifts) == len(dims) > 0 and x.is_contiguous() and x.numel() else None


@shape_rule("aten.index")
def index(x: Tensor, indices: Sequence[Maybe]) -> Maybe:
    """x (N, C), one index (*I) -> (*I, C)."""
    [rows] = indices if len(indices) == 1 else [None]
    if rows is None or rows.dtype is not torch.int64 or x.dim() != 2 or not x.is_contiguous() or not x.numel():
        return None
    return new(x, (*rows.shape, *x.shape[1:])) if rows.is_contiguous() and rows.numel() else None


@shape_rule("aten.masked_fill")
def masked_fill(x: Tensor, mask: Tensor, value: Any) -> Maybe:
    """x, a mask of the same shape -> the same."""
    plain = x.dtype in FLOATS and mask.dtype is torch.bool and type(value) in (int, float)
    alike = x.shape == mask.shape and x.is_contiguous() and mask.is_contiguous()
    return new(x, x.shape) if plain and alike else None


@shape_rule("aten.clamp", "aten.clamp_min", "aten.clamp_max")
def clamp(x: Tensor, *limits: Any) -> Maybe:
    """Any shape -> the same, if the limits are numbers."""
    given = {type(limit) for limit in limits if limit is not None}
    return like(x) if x.dtype in FLOATS and given and given <= {int, float} else None


VALUE_READERS = frozenset({"aten._pack_padded_sequence", "aten._pad_packed_sequence"})
"""Operators whose rule reads the values of an operand: the lengths of sequences, or the sizes of their steps."""


@shape_rule("aten._pack_padded_sequence")
def pack_padded_sequence(x: Tensor, lengths: Tensor, batch_first: bool) -> tuple[Tensor, Tensor] | None:
    """x (N, T, *) or (T, N, *), lengths (N) -> one row per step that is run (R, *), and the rows of each step (T')."""
    if lengths.is_meta:
        return None
    one = torch.zeros(1).expand(x.shape[:2])  # per row, for torch's own kernel, which checks the lengths
    rows, sizes = torch._pack_padded_sequence(one, lengths, batch_first)
    return new(x, (rows.shape[0], *x.shape[2:])), sizes


@shape_rule("aten._pad_packed_sequence")
def pad_packed_sequence(
    x: Tensor, batch_sizes: Tensor, batch_first: bool, padding_value: float, total_length: int
) -> tuple[Tensor, Tensor] | None:
    """x (R, *), the rows of each step (T) -> (T, N, *), with the batch first if asked, and the lengths (N)."""
    if batch_sizes.is_meta:
        return None
    rows = torch.zeros(1).expand(x.shape[:1])
    padded, lengths = torch._pad_packed_sequence(rows, batch_sizes, False, padding_value, total_length)
    result = new(x, (*padded.shape[:2], *x.shape[1:]))
    return result.transpose(0, 1) if batch_first else result, lengths


COMPARISONS = "eq ne lt le gt ge".split()


@shape_rule(*(f"aten.{name}" for name in COMPARISONS))
def comparison(x: Tensor, other: Any) -> Maybe:
    """Any shape and a number -> truth values of the same shape."""
    return like(x, torch.bool) if x.dtype in FLOATS and type(other) in (int, float) else None


UNARY = """
    relu gelu silu sigmoid tanh hardswish hardsigmoid hardtanh relu6 leaky_relu elu
    mish exp sqrt rsqrt neg abs square
""".split()
BINARY = "add sub mul div pow".split()
APPROXIMATIONS = ("none", "tanh")  # of gelu


@shape_rule(*(f"aten.{name}" for name in UNARY))
def unary(x: Tensor, *_: Any, approximate: str = "none") -> Maybe:
    """Any shape -> the same."""
    return like(x) if x.dtype in FLOATS and approximate in APPROXIMATIONS else None


@shape_rule(*(f"aten.{name}_" for name in UNARY))
def unary_in_place(x: Tensor, *_: Any, approximate: str = "none") -> Maybe:
    """The tensor itself."""
    return x if x.dtype in FLOATS and approximate in APPROXIMATIONS else None


@shape_rule(*(f"aten.{name}" for name in BINARY))
def binary(a: Any, b: Any, **options: Any) -> Maybe:
    """Two tensors of one type, broadcast, or a tensor and a real number."""
    if not isinstance(a, Tensor) or a.dtype not in FLOATS or options.get("rounding_mode"):
        return None
    if not isinstance(b, Tensor):
        return like(a) if isinstance(b, int | float) else None
    if a.dtype != b.dtype:
        return None
    if a.shape == b.shape and a.stride() == b.stride():
        return like(a)
    shape = broadcast(a.shape, b.shape)
    return None if shape is None else arranged(shape, a, b)


@shape_rule(*(f"aten.{name}_" for name in BINARY))
def binary_in_place(a: Tensor, b: Any, **options: Any) -> Maybe:
    """The first tensor itself, if the second broadcasts to it."""
    if a.dtype not in FLOATS or options.get("rounding_mode"):
        return None
    if not isinstance(b, Tensor):
        return a if isinstance(b, int | float) else None
    return a if a.dtype == b.dtype and broadcast(a.shape, b.shape) == a.shape else None


def broadcast(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...] | None:
    """Return the common shape, aligned from the last dimension, or None."""
    if len(a) < len(b):
        a, b = b, a
    padded = (1,) * (len(a) - len(b)) + tuple(b)
    if any(x != y and x != 1 and y != 1 for x, y in zip(a, padded, strict=True)):
        return None
    return tuple([y if x == 1 else x for x, y in zip(a, padded, strict=True)])


def max_pool_indices(op: Op) -> int:
    """Return the bytes of the 64-bit indices that max pooling writes on every device and drops."""
    return 8 * op.outputs[0].numel


WORKSPACES = {"aten.max_pool2d": max_pool_indices, "aten.max_pool3d": max_pool_indices}
"""Bytes that an operator allocates beside its output, and frees before the next operator runs."""
