"""Quantised networks: the weights that torch packs, and the shapes of the operators that take them.

A shape-only tensor that stands for a quantised one has the element type float32, which torch's meta kernels take; its
spec has the true type. Torch packs the weights of a quantised layer into an object of its own, with a new wrapper for
each call, so that a layer's weight is known again by its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from netcost.graph.graph import TensorSpec
from netcost.tracing.answers import on_own_device
from netcost.tracing.layouts import META, new
from netcost.tracing.memory import spec_of
from netcost.tracing.shapes import Maybe, shape_rule

QUANTISERS = frozenset({"aten.quantize_per_tensor", "aten.quantize_per_tensor_dynamic", "aten.quantize_per_channel"})
"""Operators that quantise a tensor, to the type that they are told."""

DEQUANTISER = "aten.dequantize"

ATTRIBUTES = ("groups", "stride", "padding", "dilation", "output_padding", "transpose")
"""Methods of packed convolutions that return what the operator of a float convolution takes as arguments."""


def is_quantised(spec: TensorSpec) -> bool:
    """True for a tensor of one of torch's quantised types: qint8, quint8, qint32, quint4x2."""
    return spec.dtype[0] == "q"


def as_quantised(spec: TensorSpec, dtype: str) -> TensorSpec:
    """Return the spec of a stand-in with its true type; tensors of other types are no stand-ins."""
    return spec._replace(dtype=dtype, itemsize=4 if dtype == "qint32" else 1) if spec.dtype == "float32" else spec


def packed_objects(value: Any) -> list[Any]:
    """Return the packed parameters in an argument: itself, or the items of a list."""
    return [
        item for item in (value if isinstance(value, list | tuple) else (value,)) if type(item) is torch.ScriptObject
    ]


def unpacked(packed: Any) -> list[tuple[str, Tensor, TensorSpec]]:
    """Return the weights inside packed parameters: role, values, and what is stored of them.

    Elements of fewer than 8 bits are stored several to a byte. Weights in half precision come out as float32.
    """
    if not packed._has_method("unpack"):  # of a recurrent layer: both weights, packed each
        _, tensors, _, _, members = packed.__getstate__()[0]
        biases = [("bias", tensor, spec_of(tensor)) for tensor in tensors]
        return [
            (role, tensor, spec)
            for member in members
            for role, tensor, spec in unpacked(member)
            if role == "weight" or not biases
        ] + biases
    found = packed.unpack()
    weight, bias = found if isinstance(found, tuple | list) else (found, None)
    spec = spec_of(weight)
    if packed._has_method("bit_rate"):
        spec = TensorSpec((*spec.shape[:-1], spec.shape[-1] * packed.bit_rate() // 8), "quint8", 1)
    elif not is_quantised(spec):
        spec = spec._replace(dtype="float16", itemsize=2)
    spec = TensorSpec(spec.shape, spec.dtype, spec.itemsize)
    return [("weight", weight, spec), *([] if bias is None else [("bias", bias, spec_of(bias))])]


def packed_arguments(packed: Iterable[Any]) -> dict[str, Any]:
    """Return what packed convolutions know of stride, padding and groups, as the arguments of a float one."""
    return {
        "transposed" if name == "transpose" else name: getattr(item, name)()
        for item in packed
        for name in ATTRIBUTES
        if item._has_method(name)
    }


def fingerprint(tensor: Tensor) -> tuple[Any, ...]:
    """Return a key by which a weight is known again, however often torch unpacks it."""
    values = tensor.detach()
    values = values.int_repr() if values.is_quantized else values
    return (tuple(tensor.shape), hash(values.contiguous().view(-1).view(torch.uint8).numpy().tobytes()))


def packed_weights(members: Mapping[str, nn.Module]) -> Iterator[tuple[str, Tensor, TensorSpec]]:
    """Yield the name, values and storage of each weight that the modules hold packed."""
    kinds = {type(module) for module in members.values()}
    holding = {kind for kind in kinds if kind.__module__.startswith("torch.ao.") or issubclass(kind, GraphModule)}
    for path, module in members.items() if holding else ():
        for name, value in vars(module).items() if type(module) in holding else ():
            if type(value) is not torch.ScriptObject:
                continue
            weights = unpacked(value)
            owner = [word for word in [*path.split("."), name] if word and word != "_packed_params"]
            for index, (role, tensor, spec) in enumerate(weights):
                is_second = any(other == role for other, _, _ in weights[:index])
                yield ".".join([*owner, f"{role}_hh" if is_second else role]), tensor, spec


def _stand_in(x: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.float32, device=META)


@shape_rule(*QUANTISERS)
def quantise(x: Tensor, *_: Any, **__: Any) -> Maybe:
    """Any shape -> the same."""
    return _stand_in(x)


@shape_rule(DEQUANTISER)
def dequantise(x: Tensor | Sequence[Tensor]) -> Maybe | tuple[Maybe, ...]:
    """Any shape, or several tensors -> the same in float32."""
    if isinstance(x, Tensor):
        return _stand_in(x)
    return tuple(map(_stand_in, x))


_LINEAR = "linear linear_relu linear_leaky_relu linear_tanh linear_dynamic linear_relu_dynamic linear_dynamic_fp16"


@shape_rule(*(f"quantized.{name}" for name in f"{_LINEAR} linear_relu_dynamic_fp16".split()))
def packed_linear(x: Tensor, packed: Any, *_: Any, **__: Any) -> Maybe:
    """x (*, I), a packed weight (O, I) -> (*, O)."""
    outputs, inputs = packed.unpack()[0].shape
    if x.dtype is not torch.float32 or x.shape[-1:] != (inputs,):
        raise RuntimeError(f"expected float32 of (*, {inputs}), got {x.dtype} of {tuple(x.shape)}")
    return new(x, (*x.shape[:-1], outputs))


_CONVOLUTIONS = [
    f"conv{transposed}{rank}d{suffix}"
    for transposed in ("", "_transpose")
    for rank in (1, 2, 3)
    for suffix in ("", "_relu", "_dynamic")
]


@shape_rule(*(f"quantized.{name}" for name in _CONVOLUTIONS))
def packed_convolution(x: Tensor, packed: Any, *_: Any, **__: Any) -> Maybe:
    """x (N, C, *S), a packed weight (O, C/g, *K) -> (N, O, *S'), channels last."""
    weight = torch.empty(packed.unpack()[0].shape, device=META)
    missing = weight.dim() - x.dim()  # torch packs one dimension as two
    wide = x.unsqueeze(2) if missing else x
    arguments = [getattr(packed, name)() for name in ("stride", "padding", "dilation", "transpose", "output_padding")]
    result = on_own_device(torch.convolution, (wide, weight, None, *arguments, packed.groups()), {})
    batch, channels, *size = result.shape
    return torch.empty((batch, *size[missing:], channels), dtype=x.dtype, device=META).movedim(-1, 1)


@shape_rule("quantized.conv2d_add", "quantized.conv2d_add_relu")
def packed_convolution_and_sum(x: Tensor, other: Tensor, packed: Any, *_: Any, **__: Any) -> Maybe:  # noqa: ARG001
    """The same, and a tensor that is added to it."""
    return packed_convolution(x, packed)


@shape_rule("quantized.embedding_byte", "quantized.embedding_4bit")
def packed_embedding(packed: Any, indices: Tensor, *_: Any, **__: Any) -> Maybe:
    """A packed table (V, D), indices (*) -> (*, D)."""
    return torch.empty((*indices.shape, packed.unpack().shape[-1]), device=META)


@shape_rule("quantized.embedding_bag_byte", "quantized.embedding_bag_4bit")
def packed_embedding_bag(
    packed: Any, indices: Tensor, offsets: Maybe = None, *rest: Any, include_last_offset: bool = False, **_: Any
) -> Maybe:
    """A packed table (V, D), indices (B, L), or (*) and offsets of B bags -> (B, D)."""
    is_open = include_last_offset or (len(rest) > 5 and bool(rest[5]))
    bags = indices.shape[0] if offsets is None else offsets.shape[0] - is_open
    return torch.empty((bags, packed.unpack().shape[-1]), device=META)


@shape_rule(
    *(
        f"quantized.{name}"
        for name in "hardswish leaky_relu sigmoid elu celu relu6 threshold prelu clamp softmax".split()
    ),
    *(f"quantized.{name}" for name in "dropout layer_norm group_norm instance_norm".split()),
    *(f"quantized.batch_norm{rank}{suffix}" for rank in ("", "1d", "2d", "3d") for suffix in ("", "_relu")),
)
def quantised_unary(x: Tensor, *_: Any, **__: Any) -> Maybe:
    """Any shape -> the same."""
    return _stand_in(x)


@shape_rule(
    *(f"quantized.{name}" for name in "add add_relu mul mul_relu add_scalar add_scalar_relu mul_scalar".split())
)
def quantised_binary(a: Any, b: Any, *_: Any, **__: Any) -> Maybe:
    """Two tensors that broadcast, or a tensor and a number."""
    result: Tensor = on_own_device(torch.add, (a, b), {})
    return result


@shape_rule("quantized.cat", "quantized.cat_relu")
def quantised_cat(tensors: Sequence[Tensor], dim: int, *_: Any, **__: Any) -> Maybe:
    """Tensors alike except along `dim` -> their lengths added up there."""
    result: Tensor = on_own_device(torch.cat, (list(tensors), dim), {})
    return result


@shape_rule("quantized.matmul")
def quantised_matmul(a: Tensor, b: Tensor, *_: Any, **__: Any) -> Maybe:
    """a (*, M, K), b (*, K, N) -> (*, M, N)."""
    result: Tensor = on_own_device(torch.matmul, (a, b), {})
    return result


@shape_rule("quantized.max_pool1d", "quantized.max_pool2d")
def quantised_max_pool(
    x: Tensor, kernel: Sequence[int], stride: Sequence[int], padding: Any, dilation: Any, ceil_mode: bool
) -> Maybe:
    """x (N, C, *S) -> (N, C, *S')."""
    pool = nn.functional.max_pool1d if len(kernel) == 1 else nn.functional.max_pool2d
    sizes = (list(kernel), list(stride) or list(kernel), list(padding), list(dilation))
    result: Tensor = on_own_device(pool, (x, *sizes, ceil_mode), {})
    return result


@shape_rule("aten.q_scale")
def scale(_: Tensor) -> Any:
    """Any number will do: nothing is computed."""
    return 1.0


@shape_rule("aten.q_zero_point")
def zero_point(_: Tensor) -> Any:
    """Any number will do."""
    return 0


def _hidden(packed: Sequence[Any]) -> int:
    """Return the size of the hidden state, from the weight for it: (gates * H, H)."""
    return [tensor for role, tensor, _ in unpacked(packed[0]) if role == "weight"][1].shape[1]


@shape_rule("aten.quantized_lstm")
def packed_lstm(x: Tensor, second: Any, third: Any, *rest: Any, **_: Any) -> tuple[Maybe, ...] | None:
    """x (T, N, I) or a batch of steps (R, I) with sizes, hidden and cell state -> the outputs, both states."""
    results = _recurrent(x, second, third, rest)
    return None if results is None else (*results, torch.empty_like(results[1], device=META))


@shape_rule("aten.quantized_gru")
def packed_gru(x: Tensor, second: Any, third: Any, *rest: Any) -> tuple[Tensor, Tensor] | None:
    """x (T, N, I) or a batch of steps (R, I) with sizes, hidden state -> the outputs, the state."""
    return _recurrent(x, second, third, rest)


def _recurrent(x: Tensor, second: Any, third: Any, rest: Sequence[Any]) -> tuple[Tensor, Tensor] | None:
    """Read (input, hx, params, has_biases, layers, …) or (data, batch_sizes, hx, params, has_biases, layers, …)."""
    if packed_objects(third):
        packed, state, directions = third, second, 1 + bool(rest[4])
    elif rest and packed_objects(rest[0]):
        packed, state, directions = rest[0], third, 1 + bool(rest[5])
    else:
        return None  # of a form that torch no longer makes
    state = state[0] if isinstance(state, list | tuple) else state
    outputs = torch.empty((*x.shape[:-1], directions * _hidden(packed)), device=META)
    return outputs, torch.empty(tuple(state.shape), device=META)


@shape_rule("quantized.quantized_lstm_cell_dynamic")
def packed_lstm_cell(x: Tensor, state: Sequence[Tensor], *_: Any, **__: Any) -> tuple[Tensor, ...]:  # noqa: ARG001
    """x (N, I), hidden and cell state (N, H) -> both."""
    return tuple([torch.empty(tuple(tensor.shape), device=META) for tensor in state])


@shape_rule(
    "quantized.quantized_gru_cell_dynamic",
    "quantized.quantized_rnn_tanh_cell_dynamic",
    "quantized.quantized_rnn_relu_cell_dynamic",
)
def packed_cell(x: Tensor, state: Tensor, *_: Any, **__: Any) -> Tensor:  # noqa: ARG001
    """x (N, I), hidden state (N, H) -> the next state."""
    return torch.empty(tuple(state.shape), device=META)
