"""Output shapes of the operators that a training step has beside those of a forward pass; see `shapes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from netcost.graph.graph import aten
from netcost.tracing.layouts import arranged, is_channels_last, like, new
from netcost.tracing.shapes import FLOATS, Maybe, convolution, shape_rule

Several = tuple[Maybe, ...] | None


def _are_plain(*tensors: Maybe) -> bool:
    """True where all are contiguous, and none is channels last as well."""
    return all(tensor is None or (tensor.is_contiguous() and not is_channels_last(tensor)) for tensor in tensors)


@shape_rule("aten.convolution")
def whole_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Maybe,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    _output_padding: Sequence[int],
    groups: int,
) -> Maybe:
    """x (N, C, *S), weight (O, C/g, *K) -> (N, O, *S')."""
    return None if transposed else convolution(x, weight, bias, stride, padding, dilation, groups)


@shape_rule("aten.convolution_backward")
def convolution_backward(
    gradient: Tensor, x: Tensor, weight: Tensor, bias_sizes: Sequence[int] | None, *rest: Any
) -> Several:
    """Gradients of input, weight and bias, those that are asked for, laid out as the operands."""
    of_input, of_weight, of_bias = rest[-1]
    if not _are_plain(x, weight) or not gradient.dtype == x.dtype == weight.dtype:
        return None
    channels = bias_sizes or gradient.shape[1:2]
    return (
        new(x, x.shape) if of_input else None,
        new(weight, weight.shape) if of_weight else None,
        new(gradient, channels) if of_bias else None,
    )


def _statistics(x: Tensor, weight: Maybe) -> Tensor | None:
    """Return a tensor of the type of the statistics: full precision for an input in half precision."""
    if weight is None and x.dtype is not torch.float32:
        return None
    return x if weight is None else weight


@shape_rule("aten.native_batch_norm")
def native_batch_norm(
    x: Tensor, weight: Maybe, _bias: Maybe, _mean: Maybe, _variance: Maybe, training: bool, *_: Any
) -> Several:
    """x (N, C, *S) -> the same, and the mean and inverse deviation (C) that backward needs."""
    result, kind = like(x) if x.dtype in FLOATS else None, _statistics(x, weight)
    if result is None or kind is None or x.dim() < 2 or (training and x.numel() <= x.shape[1]):
        return None
    channels = x.shape[1:2] if training else (0,)
    return result, new(kind, channels), new(kind, channels)


@shape_rule("aten.native_batch_norm_backward")
def native_batch_norm_backward(_gradient: Tensor, x: Tensor, weight: Maybe, *rest: Any) -> Several:
    """Gradients of x (N, C, *S), scale and shift (C), those that are asked for."""
    result, kind = like(x) if x.dtype in FLOATS else None, _statistics(x, weight)
    if result is None or kind is None:
        return None
    of_input, of_weight, of_bias = rest[-1]
    channels = x.shape[1:2]
    return (
        result if of_input else None,
        new(kind, channels) if of_weight else None,
        new(kind, channels) if of_bias else None,
    )


@shape_rule("aten.native_layer_norm")
def native_layer_norm(x: Tensor, normalized_shape: Sequence[int], weight: Maybe, bias: Maybe, _eps: float) -> Several:
    """x (*, *D) -> the same, and mean and inverse deviation (*, 1...)."""
    if x.dtype is not torch.float32 or any(part is not None and part.dtype != x.dtype for part in (weight, bias)):
        return None
    rows = (*x.shape[: -len(normalized_shape)], *(1,) * len(normalized_shape))
    return new(x, x.shape), new(x, rows), new(x, rows)


@shape_rule("aten.native_layer_norm_backward")
def native_layer_norm_backward(
    _gradient: Tensor,
    x: Tensor,
    normalized_shape: Sequence[int],
    _mean: Tensor,
    _deviation: Tensor,
    weight: Maybe,
    bias: Maybe,
    mask: Sequence[bool],
) -> Several:
    """Gradients of x (*, *D), scale and shift (*D), those that are asked for."""
    if x.dtype is not torch.float32:
        return None
    asked = (mask[1] and weight is not None, mask[2] and bias is not None)
    return (
        new(x, x.shape) if mask[0] else None,
        *(new(x, normalized_shape) if is_asked else None for is_asked in asked),
    )


@shape_rule(
    *aten("threshold_backward hardtanh_backward hardswish_backward hardsigmoid_backward leaky_relu_backward"),
    *aten("silu_backward gelu_backward sigmoid_backward tanh_backward"),
)
def pointwise_backward(gradient: Tensor, x: Tensor, *_: Any, **_options: Any) -> Maybe:
    """gradient, and the input or output of the operator -> the same shape."""
    if gradient.dtype != x.dtype or gradient.shape != x.shape:
        return None
    return new(x, x.shape) if _are_plain(gradient, x) else arranged(x.shape, gradient, x)


@shape_rule(*aten("_softmax _log_softmax"))
def whole_softmax(x: Tensor, _dim: int, half_to_float: bool) -> Maybe:
    """x -> the same."""
    return new(x, x.shape) if _are_plain(x) and not half_to_float else None


@shape_rule(*aten("_softmax_backward_data _log_softmax_backward_data"))
def softmax_backward(gradient: Tensor, result: Tensor, _dim: int, dtype: torch.dtype) -> Maybe:
    """gradient, and the result of the forward pass -> the same."""
    alike = gradient.dtype == result.dtype == dtype
    return new(result, result.shape) if alike and _are_plain(gradient, result) else None


@shape_rule(*aten("avg_pool2d_backward max_pool2d_with_indices_backward _adaptive_avg_pool2d_backward"))
def pool_backward(gradient: Tensor, x: Tensor, *_: Any) -> Maybe:
    """gradient, and the input of the pooling -> the same as the input."""
    return new(x, x.shape) if gradient.dtype == x.dtype and _are_plain(x) else None


@shape_rule("aten.select_backward", "aten.slice_backward")
def slice_backward(gradient: Tensor, sizes: Sequence[int], *_: Any) -> Maybe:
    """gradient of the part -> that of the whole."""
    return new(gradient, sizes)


@shape_rule("aten.embedding_dense_backward")
def embedding_backward(gradient: Tensor, _indices: Tensor, rows: int, *_: Any) -> Maybe:
    """gradient (*, D) -> that of the table (V, D)."""
    return new(gradient, (rows, gradient.shape[-1]))


@shape_rule("aten.lerp_", "aten.addcmul_", "aten.addcdiv_")
def optimizer_step(x: Tensor, first: Tensor, second: Any, **_options: Any) -> Maybe:
    """The first tensor itself, if the others have its shape and type, as those of an optimizer."""
    others = [other for other in (first, second) if isinstance(other, Tensor)]
    return x if all(other.shape == x.shape and other.dtype == x.dtype for other in others) else None
