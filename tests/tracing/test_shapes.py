"""Each shape rule against torch's kernel for the CPU: over random inputs it lays out the same tensor, or no answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from netcost.graph.graph import Op, TensorSpec
from netcost.tracing import shapes
from netcost.tracing.shapes import BINARY, COMPARISONS, SHAPE_RULES, UNARY, VALUE_READERS, WORKSPACES

Call = tuple[list[Any], dict[str, Any]]
Draw = Callable[[st.SearchStrategy[Any]], Any]

LAYOUTS = ("contiguous",) * 10 + ("channels_last", "permuted", "broadcast", "strided", "half", "swapped", "loose")
TYPES = (torch.float32,) * 20 + (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool)

SPARSE = {"aten.addmm", "aten._sparse_mm", "aten._sparse_addmm"}
"""Rules for sparse operands, which tests of whole networks try: a sparse tensor is never on the meta device here."""
TRAINING = {name for name, rule in SHAPE_RULES.items() if rule.__module__.endswith("shapes_training")}
"""Rules of operators that a forward pass does not have; see test_shapes_training."""
OTHERS = VALUE_READERS | {name for name, rule in SHAPE_RULES.items() if rule.__module__.endswith("quantised")}
"""Rules of operators of which torch has no meta kernel; see test_quantised and test_asked."""
DENSE = [name for name in SHAPE_RULES if name not in SPARSE | TRAINING | OTHERS]

CALLS: dict[str, st.SearchStrategy[Call]] = {}
"""Random arguments of every operator that has a shape rule, right ones mostly."""


def calls(*names: str) -> Callable[[Callable[..., Call]], Callable[..., Call]]:
    """Register how arguments of the named operators are drawn."""

    def register(function: Callable[..., Call]) -> Callable[..., Call]:
        for name in names:
            CALLS[f"aten.{name}"] = st.composite(function)(name)
        return function

    return register


def meta(shape: Sequence[int], dtype: torch.dtype = torch.float32, layout: str = "contiguous") -> Tensor:
    """A tensor without memory, whose elements lie as the layout says."""
    rank = len(shape)
    if layout == "channels_last" and rank in (4, 5):
        order = torch.channels_last if rank == 4 else torch.channels_last_3d
        return torch.empty(shape, dtype=dtype, device="meta", memory_format=order)
    if layout == "permuted" and rank:
        return torch.empty(tuple(shape)[::-1], dtype=dtype, device="meta").permute(*reversed(range(rank)))
    if layout == "broadcast" and rank:
        return torch.empty((1, *shape[1:]), dtype=dtype, device="meta").expand(shape)
    if layout == "strided" and rank:
        return torch.empty((*shape[:-1], 2 * shape[-1]), dtype=dtype, device="meta")[..., ::2]
    if layout == "half" and rank > 1:  # as `chunk` leaves it
        return torch.empty((shape[0], 2 * shape[1], *shape[2:]), dtype=dtype, device="meta")[:, : shape[1]]
    if layout == "swapped" and rank > 2:  # the query in attention
        outer, inner = shape[-3:-1]
        return torch.empty((*shape[:-3], inner, 3, outer, shape[-1]), dtype=dtype, device="meta")[
            ..., 0, :, :
        ].transpose(-3, -2)
    x = torch.empty(shape, dtype=dtype, device="meta")
    if layout == "loose":  # a dimension of one element has a stride that says nothing
        return x.as_strided(shape, [stride if size != 1 else 1 for size, stride in zip(shape, x.stride(), strict=True)])
    return x


def tensor(draw: Draw, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
    return meta(shape, dtype, draw(st.sampled_from(LAYOUTS)))


def shape(draw: Draw, low: int = 0, high: int = 4, largest: int = 4) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(mostly(draw, 1, 0), largest), min_size=low, max_size=high)))


def mostly(draw: Draw, usual: Any, *slips: Any) -> Any:
    """What is right, or now and then one of the slips."""
    return draw(st.sampled_from(slips)) if draw(st.integers(0, 24)) == 17 else usual


def maybe(draw: Draw, value: Any) -> Any:
    return draw(st.sampled_from([None, value]))


def space(draw: Draw, rank: int, low: int, high: int) -> list[int]:
    """One number for all of space, or one a dimension."""
    length = draw(st.sampled_from([1, rank]))
    return draw(st.lists(st.integers(low, high), min_size=length, max_size=length))


@calls("conv1d", "conv2d", "conv3d")
def convolution(draw: Draw, name: str) -> Call:
    rank = int(name[4])
    dtype = draw(st.sampled_from(TYPES))
    groups = draw(st.integers(1, 3))
    per_group, outputs = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    sizes = [draw(st.integers(1, 7)) for _ in range(rank)]
    kernel = [draw(st.integers(1, 3)) for _ in range(mostly(draw, rank, rank - 1, rank + 1))]
    filters = mostly(draw, groups * outputs, groups * outputs + 1)
    channels = mostly(draw, groups * per_group, groups * per_group + 1)
    batch = draw(st.integers(mostly(draw, 1, 0), 2))
    x = tensor(draw, mostly(draw, (batch, channels, *sizes), (channels, *sizes), sizes), dtype)
    weight = tensor(draw, (filters, per_group, *kernel), mostly(draw, dtype, torch.float16))
    bias = tensor(draw, (mostly(draw, filters, filters + 1),), mostly(draw, dtype, torch.float64))
    stride = space(draw, rank, mostly(draw, 1, 0), 3)
    padding = space(draw, rank, mostly(draw, 0, -1), 2)
    dilation = space(draw, rank, mostly(draw, 1, 0), 2)
    return [x, weight, maybe(draw, bias), stride, padding, dilation, mostly(draw, groups, groups + 1, 0)], {}


@calls("batch_norm")
def batch_norm(draw: Draw, _: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    x = tensor(draw, shape(draw, mostly(draw, 2, 1), 5), dtype)
    channels = x.shape[1] if x.dim() > 1 else 2
    learnt = [
        maybe(draw, tensor(draw, (mostly(draw, channels, channels + 1),), mostly(draw, dtype, torch.float64)))
        for _ in range(2)
    ]
    running = [tensor(draw, (mostly(draw, channels, channels + 1),), mostly(draw, dtype, torch.float64)) for _ in "mv"]
    pairs = [running] * 6 + [[None, None], [running[0], None], [None, running[1]]]
    running = draw(st.sampled_from(pairs))
    return [x, *learnt, *running, draw(st.booleans()), 0.1, 1e-5, False], {}


@calls("layer_norm")
def layer_norm(draw: Draw, _: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    x = tensor(draw, shape(draw, mostly(draw, 1, 0), 4), dtype)
    tail = tuple(x.shape[-draw(st.integers(mostly(draw, 1, 0), max(x.dim(), 1))) :])
    tail = mostly(draw, tail, (*tail, 2), (1, *x.shape))
    weight, bias = (
        maybe(draw, tensor(draw, mostly(draw, tail, (*tail, 1), tail[1:]), mostly(draw, dtype, torch.float64)))
        for _ in range(2)
    )
    return [x, tail, weight, bias], {}


@calls("group_norm")
def group_norm(draw: Draw, _: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    groups = draw(st.integers(1, 3))
    channels = mostly(draw, groups * draw(st.integers(1, 2)), groups + 1)
    x = tensor(draw, mostly(draw, (draw(st.integers(1, 2)), channels, *shape(draw, 0, 3)), (channels,)), dtype)
    weight, bias = (
        maybe(
            draw,
            tensor(draw, mostly(draw, (channels,), (channels + 1,), (1, channels)), mostly(draw, dtype, torch.float64)),
        )
        for _ in range(2)
    )
    return [x, mostly(draw, groups, 0, groups + 1), weight, bias], {}


@calls("softmax", "log_softmax")
def softmax(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw), draw(st.sampled_from(TYPES)))
    dim = draw(st.integers(-x.dim() - 1, x.dim()))
    return [x, dim, draw(st.sampled_from([None, None, torch.float32, torch.float64]))], {}


@calls("dropout")
def dropout(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw), draw(st.sampled_from(TYPES)))
    return [x, mostly(draw, 0.5, 0.0, 1.0, 1.5, -0.1), draw(st.booleans())], {}


@calls("linear")
def linear(draw: Draw, _: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    x = tensor(draw, shape(draw, 1, 4), dtype)
    weight_shape = (draw(st.integers(1, 3)), mostly(draw, x.shape[-1], x.shape[-1] + 1))
    weight = tensor(
        draw, mostly(draw, weight_shape, weight_shape[1:], (1, *weight_shape)), mostly(draw, dtype, torch.float64)
    )
    bias_shape = mostly(draw, weight_shape[:1], (weight_shape[0] + 1,), (1,), ())
    return [x, weight, maybe(draw, tensor(draw, bias_shape, mostly(draw, dtype, torch.float64)))], {}


@calls("matmul", "bmm", "mm")
def matmul(draw: Draw, name: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    usual = {"matmul": draw(st.integers(0, 2)), "bmm": 1, "mm": 0}[name]
    batch = shape(draw, *[mostly(draw, usual, 0, 1, 2)] * 2)
    rows, inner, columns = (draw(st.integers(mostly(draw, 1, 0), 3)) for _ in range(3))
    other = mostly(draw, batch, batch[1:], (*batch, 2), (1,) * len(batch))
    a = tensor(draw, mostly(draw, (*batch, rows, inner), (inner,)), dtype)
    b = tensor(
        draw,
        mostly(draw, (*other, inner, columns), (inner,), (*other, inner + 1, columns)),
        mostly(draw, dtype, torch.float64),
    )
    return [a, b], {}


@calls("scaled_dot_product_attention")
def attention(draw: Draw, _: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    batch = shape(draw, *[mostly(draw, 2, 0, 1, 3)] * 2)
    length, source, width, value_width = (draw(st.integers(1, 4)) for _ in range(4))
    key_batch = mostly(draw, batch, batch[:-1], (*batch[:-1], 1), (1, *batch[1:]))
    query = tensor(draw, (*batch, length, width), dtype)
    key = tensor(draw, (*key_batch, source, mostly(draw, width, width + 1)), mostly(draw, dtype, torch.float64))
    value_width = mostly(draw, width, value_width)
    value = tensor(draw, (*mostly(draw, key_batch, batch[1:]), mostly(draw, source, source + 1), value_width), dtype)
    rows = mostly(draw, (length, source), (1, source), (length, 1), (length, source + 1))
    mask_shape = mostly(draw, rows, (*batch, *rows), (1, 1, *rows), (1, *rows))
    mask = tensor(draw, mask_shape, draw(st.sampled_from([torch.bool, dtype, torch.int64])))
    options = {"scale": mostly(draw, None, 0.5), "enable_gqa": draw(st.booleans())}
    return [query, key, value, maybe(draw, mask), mostly(draw, 0.0, 0.5), mostly(draw, False, True)], options


@calls("_grouped_mm")
def grouped(draw: Draw, _: str) -> Call:
    rows, groups, inner, columns = (draw(st.sampled_from([4, 8])) for _ in range(4))
    a = tensor(draw, (rows, mostly(draw, inner, 2 * inner)), mostly(draw, torch.float32, torch.float64))
    b = meta(mostly(draw, (groups, inner, columns), (inner, columns)))
    offs = meta((mostly(draw, groups, groups + 1),), mostly(draw, torch.int32, torch.int64))
    return [a, b, mostly(draw, offs, None)], {}


@calls("embedding")
def embedding(draw: Draw, _: str) -> Call:
    weight = tensor(draw, mostly(draw, (5, draw(st.integers(1, 3))), (5,), (5, 2, 2)), draw(st.sampled_from(TYPES)))
    indices = tensor(
        draw,
        shape(draw, 0, 3),
        mostly(draw, draw(st.sampled_from([torch.int64, torch.int32])), torch.float32, torch.bool),
    )
    return [weight, indices, mostly(draw, -1, 0, 7)], {}


@calls("cat")
def cat(draw: Draw, _: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    first = shape(draw, mostly(draw, 1, 0), 5)
    dim = mostly(draw, draw(st.integers(-len(first), max(len(first) - 1, 0))), len(first), -len(first) - 1)
    tensors = []
    for _ in range(draw(st.integers(mostly(draw, 1, 0), 3))):
        like = list(first)
        if -len(first) <= dim < len(first):
            like[dim] = draw(st.integers(mostly(draw, 1, 0), 3))
        tensors.append(
            tensor(
                draw,
                mostly(draw, like, (0,), [*like, 2], [size + 1 for size in like]),
                mostly(draw, dtype, torch.float64),
            )
        )
    return [tensors, dim], {}


@calls("max_pool2d", "avg_pool2d")
def pool(draw: Draw, name: str) -> Call:
    x = tensor(draw, shape(draw, *[mostly(draw, 4, 3, 2, 5)] * 2, 8), draw(st.sampled_from(TYPES)))
    kernel, stride = space(draw, 2, mostly(draw, 1, 0), 3), mostly(draw, space(draw, 2, 1, 3), [], [0, 1])
    padding, ceil_mode = mostly(draw, [min(kernel) // 2], [1, 0], [2], [-1]), draw(st.booleans())
    if name == "max_pool2d":
        return [x, kernel, stride, padding, space(draw, 2, mostly(draw, 1, 0), 2), ceil_mode], {}
    return [
        x,
        kernel,
        stride,
        padding,
        ceil_mode,
        draw(st.booleans()),
        draw(st.sampled_from([None, None, None, None, 2, 0])),
    ], {}


@calls("adaptive_avg_pool2d")
def adaptive_pool(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, *[mostly(draw, 4, 3, 2, 5)] * 2, 6), draw(st.sampled_from(TYPES)))
    return [x, mostly(draw, [draw(st.integers(1, 4)), draw(st.integers(1, 4))], [1], [0, 1], [-1, 2])], {}


@calls("mean")
def mean(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, 0, 5), draw(st.sampled_from(TYPES)))
    dims = draw(st.one_of(st.none(), st.lists(st.integers(-x.dim(), max(x.dim() - 1, 0)), max_size=3)))
    options = {"dtype": mostly(draw, None, torch.float64)}
    if dims is None:
        return [x], options
    once = list({index % max(x.dim(), 1): index for index in dims}.values())
    return [x, mostly(draw, once, [*dims, *dims], [*dims, x.dim()], [-x.dim() - 1]), draw(st.booleans())], options


@calls("linalg_vector_norm")
def vector_norm(draw: Draw, _: str) -> Call:
    [x, *rest], options = mean(draw, "")
    if not rest:
        return [x], options
    dims, keepdim = rest
    return [x, mostly(draw, 2, 1, 0, 2.5, float("inf")), mostly(draw, dims, None), keepdim], options


@calls("roll")
def roll(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, 0, 5), draw(st.sampled_from(TYPES)))
    dims = draw(st.lists(st.integers(-x.dim(), mostly(draw, max(x.dim() - 1, 0), x.dim())), max_size=3))
    shifts = draw(st.lists(st.integers(-9, 9), min_size=len(dims), max_size=len(dims)))
    return [x, mostly(draw, shifts, [1], [1, 2], []), dims], {}


@calls("contiguous")
def contiguous(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, 0, 4), draw(st.sampled_from(TYPES)))
    order = torch.channels_last if draw(st.booleans()) else torch.contiguous_format
    return [x], draw(st.sampled_from([{}, {"memory_format": order}]))


@calls("reshape")
def reshape(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, 0, 5), draw(st.sampled_from(TYPES)))
    x = x.permute(draw(st.permutations(range(x.dim()))))
    left, sides = x.numel(), []
    while left > 1 and len(sides) < 4:
        sides.append(draw(st.sampled_from([side for side in range(1, left + 1) if left % side == 0])))
        left //= sides[-1]
    sides = draw(st.permutations([*sides, mostly(draw, left, -1, 0, left + 1)]))
    return [x, mostly(draw, sides, [-1, -1])], {}


@calls("index")
def index(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, mostly(draw, 1, 0), 4), draw(st.sampled_from(TYPES)))
    rows = tensor(draw, shape(draw, 0, 3), mostly(draw, torch.int64, torch.int32, torch.float32))
    return [x, mostly(draw, [rows], [None, rows], [rows, rows], [None], [])], {}


@calls("masked_fill")
def masked_fill(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, 0, 4), draw(st.sampled_from(TYPES)))
    mask_shape = mostly(draw, x.shape, x.shape[1:], (2, *x.shape), [1] * x.dim())
    mask = tensor(draw, mask_shape, mostly(draw, torch.bool, torch.float32))
    return [x, mask, mostly(draw, -100.0, 0, True, 1j, torch.empty((), device="meta"))], {}


@calls("clamp", "clamp_min", "clamp_max")
def clamp(draw: Draw, name: str) -> Call:
    x = tensor(draw, shape(draw, 0, 5), draw(st.sampled_from(TYPES)))
    limits = st.sampled_from([0, 0.5, -1.0, *([None, None] if name == "clamp" else [])])
    limit = mostly(draw, draw(limits), True, 1j)
    return [x, limit, draw(limits)] if name == "clamp" and draw(st.booleans()) else [x, limit], {}


@calls(*COMPARISONS)
def comparison(draw: Draw, _: str) -> Call:
    x = tensor(draw, shape(draw, 0, 5), draw(st.sampled_from(TYPES)))
    return [x, mostly(draw, draw(st.sampled_from([0, 0.5])), True, 1j, x)], {}


SETTINGS = {"gelu": "approximate", "hardtanh": (-1.0, 1.0), "leaky_relu": (0.1,), "elu": (1.0, 1.0, 1.0)}


@calls(*UNARY, *(f"{name}_" for name in UNARY))
def unary(draw: Draw, name: str) -> Call:
    x = tensor(draw, shape(draw, 0, 5), draw(st.sampled_from(TYPES)))
    setting = SETTINGS.get(name.removesuffix("_"), ())
    if setting == "approximate":
        return [x], {"approximate": mostly(draw, "none", "tanh", "no such formula")}
    return [x, *(mostly(draw, setting, ()))], {}


@calls(*BINARY, *(f"{name}_" for name in BINARY))
def binary(draw: Draw, name: str) -> Call:
    dtype = draw(st.sampled_from(TYPES))
    common = shape(draw, 0, 5)
    a, b = (
        tensor(
            draw,
            [mostly(draw, draw(st.sampled_from([size, size, 1])), size + 1) for size in common[mostly(draw, 0, 1) :]],
            mostly(draw, dtype, torch.float64),
        )
        for _ in range(2)
    )
    second = mostly(draw, b, 2, 0.5, True, 1j, torch.empty((), dtype=torch.float64, device="meta"))
    if name.startswith("div"):
        return [a, second], mostly(draw, {}, {"rounding_mode": "floor"}, {"rounding_mode": None})
    return [a, second], {"alpha": 2} if name[:3] in ("add", "sub") and draw(st.booleans()) else {}


class Question(TorchDispatchMode):
    """Puts an operator to its shape rule, in the form in which torch hands it to a tracer, and then to torch."""

    def __init__(self) -> None:
        super().__init__()
        self.name = ""
        self.answer: Any = None
        self.first: Any = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.name = func._schema.name.replace("::", ".")
        self.first = args[0]
        try:
            self.answer = SHAPE_RULES[self.name](*args, **(kwargs or {}))
        except Exception as error:
            self.answer = error
        return func(*args, **(kwargs or {}))


def asked(name: str, call: Call) -> tuple[Any, Any, Tensor | None]:
    """What the rule answers, what torch answers (either may be an error), and the first argument."""
    question = Question()
    args, kwargs = call
    with torch.inference_mode(), question:
        try:
            truth: Any = getattr(torch.ops.aten, name.removeprefix("aten."))(*args, **kwargs)
        except Exception as error:
            truth = error
    assert question.name in ("", name)  # "" where torch refused the arguments before it asked anyone
    return question.answer, truth, question.first


def layout(x: Tensor) -> tuple[Any, ...]:
    """Shape, type and strides, those left out that say nothing."""
    strides = [stride for size, stride in zip(x.shape, x.stride(), strict=True) if size > 1] if x.numel() else []
    return tuple(x.shape), x.dtype, strides


SIMPLE = {f"aten.{name}{suffix}" for name in UNARY for suffix in ("", "_")}


@pytest.mark.parametrize("name", [name for name in DENSE if name in SIMPLE])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_shape_rule_of_one_tensor_gives_what_torch_gives_or_no_answer(name: str, data: st.DataObject) -> None:
    check(name, data.draw(CALLS[name]))


@pytest.mark.parametrize("name", [name for name in DENSE if name not in SIMPLE])
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_shape_rule_gives_what_torch_gives_or_no_answer(name: str, data: st.DataObject) -> None:
    check(name, data.draw(CALLS[name]))


def real(x: Any) -> Any:
    """Tensors of ones on the CPU, with the memory layout of those on the meta device; other values as they are."""
    if isinstance(x, list):
        return [real(item) for item in x]
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype).fill_(1) if isinstance(x, Tensor) else x


def computed(name: str, call: Call) -> Any:
    """What torch's kernel for the CPU makes of the arguments; None where it refuses them."""
    args, kwargs = call
    try:
        with torch.inference_mode():
            return getattr(torch.ops.aten, name.removeprefix("aten."))(*real(args), **kwargs)
    except Exception:
        return None


def check(name: str, call: Call) -> None:
    """The rule gives the tensor that torch's kernel for the CPU gives, or no answer; none, too, where torch has none.

    A kernel of the CPU may refuse a call that the meta device takes (half precision); then that one is asked.
    """
    answer, truth, first = asked(name, call)
    if isinstance(answer, Exception):
        assert isinstance(answer, RuntimeError), answer
        if "same dtype" in str(answer):  # which torch's meta kernels do not refuse
            assert computed(name, call) is None
        else:
            assert "input channels" in str(answer) and isinstance(truth, Exception), answer
    elif answer is not None:
        in_memory = computed(name, call)
        expected = truth if in_memory is None else in_memory
        assert isinstance(expected, Tensor), expected
        assert layout(answer) == layout(expected)
        assert (answer is first) == (truth is first)
        assert answer.device.type == "meta"


ORDINARY: dict[str, Call] = {
    "aten.conv1d": ([meta((2, 4, 9)), meta((6, 2, 3)), meta((6,)), [2], [1], [1], 2], {}),
    "aten.conv2d": ([meta((2, 4, 9, 9)), meta((6, 4, 3, 3)), None, [1, 1], [1, 1]], {}),
    "aten.conv3d": ([meta((2, 4, 5, 9, 9)), meta((6, 4, 1, 3, 3))], {}),
    "aten.batch_norm": ([meta((2, 4, 9, 9)), *[meta((4,))] * 4, False, 0.1, 1e-5, True], {}),
    "aten.layer_norm": ([meta((2, 5, 8)), [8], meta((8,)), meta((8,))], {}),
    "aten.group_norm": ([meta((2, 4, 9, 9)), 2, meta((4,)), meta((4,))], {}),
    "aten.softmax": ([meta((2, 4, 5)), -1], {}),
    "aten.log_softmax": ([meta((2, 10)), 1], {}),
    "aten.dropout": ([meta((2, 10)), 0.5, False], {}),
    "aten.linear": ([meta((2, 5, 8)), meta((3, 8)), meta((3,))], {}),
    "aten.matmul": ([meta((2, 3, 4, 5)), meta((2, 3, 5, 6))], {}),
    "aten.bmm": ([meta((2, 4, 5)), meta((2, 5, 6))], {}),
    "aten.mm": ([meta((4, 5)), meta((5, 6))], {}),
    "aten.scaled_dot_product_attention": ([meta((1, 2, 5, 8)), meta((1, 2, 7, 8)), meta((1, 2, 7, 8))], {}),
    "aten._grouped_mm": ([meta((16, 8)), meta((2, 8, 4)), meta((2,), torch.int32)], {}),
    "aten.embedding": ([meta((10, 8)), meta((2, 5), torch.int64)], {}),
    "aten.cat": ([[meta((2, 3, 4)), meta((2, 5, 4))], 1], {}),
    "aten.max_pool2d": ([meta((1, 3, 9, 9)), [3, 3], [2, 2], [0, 0], [1, 1], True], {}),
    "aten.avg_pool2d": ([meta((1, 3, 9, 9)), [3, 3], [1, 1], [1, 1]], {}),
    "aten.adaptive_avg_pool2d": ([meta((1, 3, 9, 9)), [1, 1]], {}),
    "aten.mean": ([meta((1, 3, 9, 9)), [2, 3]], {}),
    "aten.linalg_vector_norm": ([meta((1, 3, 9, 9)), 2.0, [-1], True], {}),
    "aten.roll": ([meta((1, 9, 9, 3)), [-3, 3], [1, 2]], {}),
    "aten.contiguous": ([meta((2, 3, 4), layout="permuted")], {}),
    "aten.reshape": ([meta((2, 3, 4), layout="permuted"), [6, -1]], {}),
    "aten.index": ([meta((9, 3)), [meta((25,), torch.int64)]], {}),
    "aten.masked_fill": ([meta((4, 9, 9)), meta((4, 9, 9), torch.bool), -100.0], {}),
    "aten.clamp": ([meta((3, 1, 1)), None, 4.6], {}),
    "aten.clamp_min": ([meta((3, 1, 1)), 1e-12], {}),
    "aten.clamp_max": ([meta((3, 1, 1)), 4], {}),
    **{f"aten.{name}": ([meta((4, 9, 9)), 0], {}) for name in COMPARISONS},
    **{f"aten.{name}": ([meta((2, 3, 4, 4))], {}) for name in UNARY},
    **{f"aten.{name}_": ([meta((2, 3, 4, 4))], {}) for name in UNARY},
    **{f"aten.{name}": ([meta((2, 3, 4, 4)), meta((2, 3, 1, 1))], {}) for name in BINARY},
    **{f"aten.{name}_": ([meta((2, 3, 4, 4)), meta((3, 1, 1))], {}) for name in BINARY},
}
ORDINARY["aten.sub"] = ([meta((4, 1, 9)), meta((4, 9, 1))], {})
ORDINARY["aten.mul"] = ([meta((1, 3, 4, 4), layout="channels_last"), meta((3, 1, 1))], {})


SLIPS: list[tuple[str, list[Any]]] = [
    ("conv2d", [meta((2, 3, 4, 4)), meta((4, 3, 2, 2), layout="channels_last")]),
    ("conv2d", [meta((2, 3, 4, 4)), meta((4, 3, 1, 1)), None, [0]]),
    ("conv2d", [meta((2, 3, 4, 4)), meta((4, 3, 1, 1)), meta((4,), torch.float64)]),
    ("max_pool2d", [meta((1, 1, 4, 4)), [2], [1], [0], [0]]),
    ("avg_pool2d", [meta((1, 1, 4, 4)), [2], [1], [0], False, True, 0]),
    ("adaptive_avg_pool2d", [meta((1, 1, 4, 4)), [1]]),
    ("batch_norm", [meta((2, 3)), None, None, None, None, False, 0.1, 1e-5, False]),
    ("batch_norm", [meta((1, 3)), *[meta((3,))] * 4, True, 0.1, 1e-5, False]),
    ("batch_norm", [meta((1, 2, 1, 2), layout="permuted"), None, None, *[meta((2,))] * 2, False, 0.1, 1e-5, False]),
    ("layer_norm", [meta((2, 3)), [3], meta((1, 3))]),
    ("layer_norm", [meta((2, 3)), []]),
    ("group_norm", [meta((2, 4, 0)), 2]),
    ("group_norm", [meta((2, 4, 3)), 0]),
    ("dropout", [meta((2, 3)), 1.5, False]),
    ("bmm", [meta((2, 3)), meta((3, 2))]),
    ("mm", [meta((1, 2, 3)), meta((1, 3, 2))]),
    ("embedding", [meta((5, 2)), meta((3,))]),
    ("cat", [[]]),
    ("cat", [[meta((2,)), meta(())], 0]),
    ("cat", [[meta((1, 1, 1, 2), layout="channels_last")] * 2, 1]),
    ("adaptive_avg_pool2d", [meta((1, 2, 1, 1), layout="channels_last"), [2, 2]]),
    ("add", [meta((1, 2, 1)), meta((1, 2, 1, 1), layout="channels_last")]),
    ("add", [meta((1, 2, 1)), meta((1, 2, 1, 2), layout="loose")]),
    ("gelu", [meta((2, 3))]),
]


@pytest.mark.parametrize(("name", "args"), SLIPS)
def test_slips_that_shape_rules_have_made_are_not_made_again(name: str, args: list[Any]) -> None:
    check(f"aten.{name}", (args, {"approximate": "no such formula"} if name == "gelu" else {}))


@pytest.mark.parametrize("name", DENSE)
def test_a_shape_rule_answers_its_ordinary_case(name: str) -> None:
    assert isinstance(asked(name, ORDINARY[name])[0], Tensor)
    check(name, ORDINARY[name])


@pytest.mark.parametrize(
    ("shape", "layout_of_query", "order"),
    [
        ((2, 3, 5, 8), "contiguous", (0, 1, 2, 3)),
        ((2, 3, 5, 8), "swapped", (0, 2, 1, 3)),  # (N, L, H, E) in memory, as projections leave it
        ((1, 3, 5, 8), "swapped", (0, 2, 1, 3)),
    ],
)
@pytest.mark.parametrize("mask", [None, meta((5, 5)), meta((1, 1, 1, 5), torch.bool)])
def test_attention_is_laid_out_as_its_query_so_that_heads_are_joined_without_a_copy(
    shape, layout_of_query, order, mask
):
    query = meta(shape, layout=layout_of_query)
    call = ([query, query, query, mask], {})
    answer = asked("aten.scaled_dot_product_attention", call)[0]
    assert answer.permute(order).is_contiguous()
    check("aten.scaled_dot_product_attention", call)


def test_every_shape_rule_is_put_to_the_test() -> None:
    assert set(CALLS) == set(ORDINARY) == set(DENSE)


@pytest.mark.parametrize("name", [*(f"aten.{name}" for name in (*UNARY, *BINARY)), "aten.batch_norm"])
def test_point_wise_rules_answer_for_channels_last_too(name: str) -> None:
    x = meta((2, 3, 4, 5), layout="channels_last")
    args: list[Any] = [x, x] if name.removeprefix("aten.") in BINARY else [x]
    if name == "aten.batch_norm":
        args = [x, *[meta((3,))] * 4, False, 0.1, 1e-5, True]
    answer, truth, _ = asked(name, (args, {}))
    assert isinstance(answer, Tensor)
    assert answer.stride() == truth.stride() == (3 * 4 * 5, 1, 3 * 5, 3)


def test_a_convolution_with_the_wrong_channels_says_which_came_and_which_it_takes() -> None:
    with pytest.raises(RuntimeError, match=r"takes 6 input channels and got 4 .*\(2, 4, 9\), weight \(6, 3, 1\), 2 gr"):
        shapes.convolution(meta((2, 4, 9)), meta((6, 3, 1)), groups=2)


def test_an_operator_cannot_have_two_shape_rules() -> None:
    with pytest.raises(ValueError, match=r"'aten.conv2d' has two shape rules"):
        shapes.shape_rule("aten.conv2d")(lambda x: x)


@pytest.mark.parametrize("name", WORKSPACES)
def test_max_pooling_works_beside_64_bit_indices_of_its_output(name: str) -> None:
    op = Op(name, outputs=(TensorSpec((2, 3, 4, 4), "float16", 2),))
    assert WORKSPACES[name](op) == 8 * prod((2, 3, 4, 4))
