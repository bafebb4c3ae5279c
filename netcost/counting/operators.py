"""Rows per operator: finer kind, shapes, bytes with and without the batch, layouts, types, casts, copies and groups.

They are what a model of latency needs to know of a network, and no more than shapes and edges tell.

An operator depends on the batch where one of its operands does, directly or through other operators. Its work is then
per sample, but for the weights and tables that it reads; the work of any other operator is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from operator import attrgetter
from typing import NamedTuple

from netcost.counting.breakdown import WHOLE
from netcost.counting.count import Count
from netcost.graph.autocast import BYTES, PRECISIONS, Types, itemsize, types
from netcost.graph.compiled import compiled_groups
from netcost.graph.cost import CONVOLUTIONS, Cost, Kind
from netcost.graph.graph import MODEL_INPUT, Graph, Op, TensorSpec
from netcost.graph.rules.conv import is_transposed
from netcost.text.errors import RequestError
from netcost.text.tables import Column, Table, table_of

STEM_CHANNELS = 4
"""Most channels per group of a stem: images have 3, and libraries pad them to 4."""

RECURRENT = frozenset({"LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"})
"""Modules of torch that run as one kernel of a library, whose steps a trace shows one by one."""

NAMED = {
    **dict.fromkeys(("batch_norm", "native_batch_norm", "_native_batch_norm_legit_no_training"), "batch norm"),
    **dict.fromkeys(("group_norm", "native_group_norm", "instance_norm"), "group norm"),
    **dict.fromkeys(("cat", "stack", "concat"), "concatenation"),
    **dict.fromkeys(("im2col", "col2im"), "resizing"),
    **dict.fromkeys(("index", "_unsafe_index", "index_select", "gather", "roll", "flip", "pad"), "indexing"),
    **dict.fromkeys(("repeat", "repeat_interleave", "tile"), "indexing"),
    "embedding": "embedding",
    "adaptive_avg_pool2d": "global pooling",
    "adaptive_max_pool2d": "global pooling",
}
"""Finer kinds of operators by name, without "aten." and the mark of an in-place form."""

FINER = {
    Kind.LINEAR: "linear",
    Kind.MATMUL: "matrix product",
    Kind.NORMALISATION: "layer norm",
    Kind.SOFTMAX: "softmax",
    Kind.ELEMENTWISE: "element-wise",
    Kind.POOLING: "pooling",
    Kind.REDUCTION: "reduction",
    Kind.MOVEMENT: "copy",
}
"""Finer kinds of all other operators."""

CONTIGUOUS_ONLY = frozenset({"layer norm", "group norm", "softmax"})
"""Kinds whose kernels copy a first operand that is not contiguous."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that are moved.

    Args:
        sample: per sample of the batch.
        constant: whatever the batch.
    """

    sample: float = 0.0
    constant: float = 0.0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.sample + other.sample, self.constant + other.constant)


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """One operator as a device runs it.

    Args:
        index: in the graph.
        op: as it was traced.
        kind: finer than `Kind`.
        cost: by its rule.
        batched: its work grows with the batch.
        types: of its operands and results.
        read: bytes of its operands as it reads them.
        written: bytes of its results.
        casts: reads and writes of each cast that autocast makes of an operand.
        copies: reads and writes of each copy that a kernel makes of an operand that lies otherwise than it wants.
        group: index of the first operator in the group that a compiler would run as one kernel.
    """

    index: int
    op: Op
    kind: str
    cost: Cost
    batched: bool
    types: Types
    read: Traffic
    written: Traffic
    casts: tuple[Traffic, ...]
    copies: tuple[Traffic, ...]
    group: int

    @property
    def kernel(self) -> tuple[int, ...] | None:
        """Sides of the kernel of a convolution."""
        return self.op.inputs[1].shape[2:] if "convolution" in self.kind else None

    @property
    def mixed_layouts(self) -> bool:
        """True where its largest operands lie in different orders."""
        sizes = [(tensor.elements, tensor.layout) for tensor, given in _operands(self.op) if given is None]
        largest = max((elements for elements, _ in sizes), default=0)
        return len({layout for elements, layout in sizes if elements == largest > 1}) > 1

    @property
    def scores(self) -> int:
        """Scores (count) that attention writes down, which it does where its query has not four dimensions."""
        if self.kind != "attention" or len(self.op.inputs[0].shape) == 4:
            return 0
        return prod(self.op.inputs[0].shape[:-1]) * self.op.inputs[1].shape[-2]


def batch_of(graph: Graph) -> int:
    """Return the batch: the first dimension of the first input that has dimensions; 1 where there is none."""
    return next((tensor.shape[0] for tensor in graph.inputs if tensor.shape), 1) or 1


def operator_facts(count: Count, precision: str = "traced") -> list[OperatorFacts]:
    """Make a row per operator that launches work.

    Args:
        precision: "traced", "half" or "amp": autocast to half precision.

    Raises:
        RequestError: the precision is another.
    """
    if precision not in PRECISIONS:
        raise RequestError(f"unknown precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
    graph, batch, batched = count.graph, batch_of(count.graph), _batched(count.graph)
    groups = compiled_groups(graph, count.kinds)
    rows = []
    for index, (op, running) in enumerate(zip(graph.ops, types(graph, precision), strict=True)):
        if count.kinds[index] is Kind.VIEW:
            continue
        kind = _finer(op, count.kinds[index], graph.modules.get(op.module, ""))
        depends = [source == MODEL_INPUT or (source >= 0 and batched[source]) for source in op.sources]
        share, written = _share_read(op, kind, count.costs[index])
        sizes = [
            tensor.elements * itemsize(dtype, tensor.itemsize)
            for tensor, dtype in zip(op.inputs, running.read, strict=True)
        ]
        result = written * itemsize(running.written, op.outputs[0].itemsize if op.outputs else 0)
        rows.append(
            OperatorFacts(
                index,
                op,
                kind,
                count.costs[index],
                batched[index],
                running,
                _traffic([share * size for size in sizes], depends, batch),
                _traffic([result], [batched[index]], batch),
                _casts(op, running, depends, batch),
                _copies(op, kind, running, depends, batch),
                groups[index],
            )
        )
    return rows


def _batched(graph: Graph) -> list[bool]:
    batched: list[bool] = []
    for op in graph.ops:
        batched.append(any(source == MODEL_INPUT or (source >= 0 and batched[source]) for source in op.sources))
    return batched


def _finer(op: Op, kind: Kind, module: str) -> str:
    name = op.name.removeprefix("aten.").rstrip("_")
    if module in RECURRENT:
        return "recurrent"
    if kind in CONVOLUTIONS:
        return _finer_convolution(op, kind)
    if kind is Kind.ATTENTION:
        return "causal attention" if op.arguments.get("is_causal") else "attention"
    if kind is Kind.POOLING and name in ("mean", "amax"):
        return "global pooling"
    if "upsample" in name:
        return "resizing"
    return NAMED.get(name) or FINER.get(kind, str(kind))


def _finer_convolution(op: Op, kind: Kind) -> str:
    weight, groups = op.inputs[1].shape, op.arguments.get("groups", 1)  # (O, C/g, *K)
    if op.name == "torchvision.deform_conv2d":
        return "deformable convolution"
    if is_transposed(op):
        return "transposed convolution"
    if len(weight) == 5:
        return "3-D convolution"
    if kind is Kind.DEPTHWISE_CONVOLUTION:
        return "depthwise convolution"
    if groups > 1:
        return "grouped convolution"
    if kind is Kind.POINTWISE_CONVOLUTION:
        return "1x1 convolution"
    return "stem convolution" if len(weight) == 4 and weight[1] <= STEM_CHANNELS else "dense convolution"


def _share_read(op: Op, kind: str, cost: Cost) -> tuple[float, float]:
    """Return the share of the operands that is read, and the elements written, so that both make the memory access."""
    operands, results = sum(tensor.elements for tensor in op.inputs), sum(tensor.elements for tensor in op.outputs)
    written = cost.memory_access - operands
    if written > 0 and kind not in ("indexing", "embedding", "copy"):
        return 1.0, written
    read = max(cost.memory_access - results, 0)
    share = min(1.0, read / operands) if operands else 0.0
    return share, cost.memory_access - share * operands


def _traffic(sizes: Sequence[float], depends: Sequence[bool], batch: int) -> Traffic:
    sample = sum(size for size, grows in zip(sizes, depends, strict=True) if grows)
    return Traffic(sample / batch, sum(sizes) - sample)


def _casts(op: Op, running: Types, depends: Sequence[bool], batch: int) -> tuple[Traffic, ...]:
    operands = zip(op.inputs, running.given, running.read, depends, strict=True)
    return tuple(
        _traffic([tensor.elements * (BYTES[given] + BYTES[read])], [grows], batch)
        for tensor, given, read, grows in operands
        if given != read and tensor.elements > 1
    )


def _copies(op: Op, kind: str, running: Types, depends: Sequence[bool], batch: int) -> tuple[Traffic, ...]:
    copies = []
    for position, ((tensor, parameter), dtype) in enumerate(zip(_operands(op), running.read, strict=True)):
        if parameter is None and tensor.elements > 1 and _is_copied(kind, position, tensor.layout, len(tensor.shape)):
            moved = 2 * tensor.elements * itemsize(dtype, tensor.itemsize)
            copies.append(_traffic([moved], [depends[position]], batch))
    return tuple(copies)


def _is_copied(kind: str, position: int, layout: str, rank: int) -> bool:
    """True where the kernel of that kind copies an operand of that layout first."""
    if layout == "contiguous":
        return False
    if kind == "matrix product":
        return layout == "strided" and rank >= 4
    if kind == "linear":
        return position == 0 and rank >= 3
    if kind in CONTIGUOUS_ONLY:
        return position == 0
    return "convolution" in kind and position == 0 and layout != "channels_last"


def _operands(op: Op) -> list[tuple[TensorSpec, str | None]]:
    """Pair each operand with the name of the parameter that it is, or None."""
    return list(zip(op.inputs, op.parameters or (None,) * len(op.inputs), strict=True))


class _Run(NamedTuple):
    """One operator at the precision of the trace, and under autocast."""

    plain: OperatorFacts
    autocast: OperatorFacts


def _sides(value: object) -> str | None:
    """Write one number, or one per dimension: `2`, `3x3`."""
    if value is None or value == ():
        return None
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _moved(traffics: Sequence[Traffic], batch: int) -> float:
    return sum(traffic.sample * batch + traffic.constant for traffic in traffics)


def operators_table(count: Count) -> Table:
    """Make the table of `operator_facts`: what `by_op` leaves out, a row per operator that launches work."""
    batch = batch_of(count.graph)
    plain = (
        Column("index", "#", of=lambda row: str(row.index)),
        Column("op", "Operator", of=lambda row: row.op.name),
        Column("finer_kind", "Finer kind", of=lambda row: row.kind),
        Column("module", "Module", of=lambda row: row.op.module or WHOLE),
        Column("operands", "Operands", of=lambda row: " ".join(_sides(item.shape) or "1" for item in row.op.inputs)),
        Column("results", "Results", of=lambda row: " ".join(_sides(item.shape) or "1" for item in row.op.outputs)),
        Column("groups", "Groups", "count", of=lambda row: row.op.arguments.get("groups", 1) if row.kernel else None),
        Column("kernel_size", "Kernel size", of=lambda row: _sides(row.kernel)),
        Column("stride", "Stride", of=lambda row: _sides(row.op.arguments.get("stride", 1)) if row.kernel else None),
        Column("grows_with_batch", "Grows with batch", of=lambda row: "yes" if row.batched else "no"),
        Column("sample_bytes", "Bytes per sample", "bytes", of=lambda row: (row.read + row.written).sample),
        Column("constant_bytes", "Constant bytes", "bytes", of=lambda row: (row.read + row.written).constant),
        Column("operand_layouts", "Layouts", of=lambda row: " ".join(item.layout for item in row.op.inputs)),
        Column("result_layout", "Result layout", of=lambda row: row.op.outputs[0].layout if row.op.outputs else None),
        Column("operand_types", "Types", of=lambda row: " ".join(row.types.read)),
        Column("result_type", "Result type", of=lambda row: row.types.written or None),
        Column("hidden_copies", "Hidden copies", "count", of=lambda row: len(row.copies)),
        Column("hidden_copy_bytes", "Bytes of hidden copies", "bytes", of=lambda row: _moved(row.copies, batch)),
        Column("compiled_group", "Compiled group", of=lambda row: str(row.group)),
    )
    autocast = (
        Column("autocast_operand_types", "Types under autocast", of=lambda row: " ".join(row.types.read)),
        Column("autocast_result_type", "Result type under autocast", of=lambda row: row.types.written or None),
        Column("autocast_casts", "Casts", "count", of=lambda row: len(row.casts)),
        Column("autocast_cast_bytes", "Bytes of casts", "bytes", of=lambda row: _moved(row.casts, batch)),
    )
    columns = [
        *(column.through(attrgetter("plain")) for column in plain),
        *(column.through(attrgetter("autocast")) for column in autocast),
    ]
    return table_of(columns, map(_Run, operator_facts(count), operator_facts(count, "amp")))
