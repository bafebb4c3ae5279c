"""Reads an ONNX file: nodes, weights and inputs; nothing in it is run.

Reference: the Open Neural Network Exchange's intermediate representation (onnx/docs/IR.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from netcost.text.errors import TargetError
from netcost.text.tables import printable
from netcost.tracing import InputSpec
from netcost.tracing.memory import dtype_name

TYPES = {
    1: torch.float32,
    2: torch.uint8,
    3: torch.int8,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
    16: torch.bfloat16,
}
"""Element types by their number in onnx.proto."""

LARGEST_ELEMENTS = 2**36
"""Elements of one tensor, above which a file is not believed."""

BATCH_NAMES = ("n", "b", "batch", "batch_size", "unk__", "s0", "s77")
"""Names of a first dimension that is left open, which stands for a batch of 1."""


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor that the file holds.

    Args:
        name: in the file.
        shape: sizes.
        dtype: element type.
        proto: of the file.
        folder: of the file, for weights that lie beside it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    proto: Any
    folder: Path

    def values(self) -> Tensor:
        """Return the values.

        Raises:
            TargetError: they lie in a file that is not there, or outside of the folder, or are not as many.
        """
        helper = import_module("onnx.numpy_helper")
        try:
            array = helper.to_array(self.proto, str(self.folder))
            return torch.tensor(array.tolist() if array.dtype.kind not in "fiub" else array, dtype=self.dtype)
        except Exception as error:  # of onnx, of the file system, of numpy
            raise TargetError(f"the weight {printable(self.name)!r} cannot be read: {_first_line(error)}") from error


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node: an operator with its operands, by name; "" for one that is left out."""

    operator: str
    name: str
    operands: tuple[str, ...]
    results: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The contents of a file.

    Args:
        path: of the file.
        inputs: that are no weights, in order; None for a shape that the file leaves open.
        outputs: names.
        shapes: of results, where the file or its types say them, for operators that are not known.
        opset: version of the standard operators.
    """

    path: Path
    steps: tuple[NodeSpec, ...]
    weights: dict[str, Weight]
    inputs: tuple[tuple[str, InputSpec | None], ...]
    outputs: tuple[str, ...]
    shapes: dict[str, tuple[tuple[int, ...], torch.dtype]]
    opset: int


def read(text: str, path: Path) -> OnnxFile:
    """Read a file.

    Raises:
        TargetError: onnx is not installed, or the file is missing, damaged or makes no sense.
    """
    try:
        onnx = import_module("onnx")
    except ImportError as error:
        raise TargetError(f"{text!r} needs onnx, not installed here; run: pip install 'netcost[onnx]'") from error
    try:
        written = path.read_bytes()
    except OSError as error:
        raise TargetError(f"{text!r} cannot be read: {error.strerror}") from error
    try:
        model = onnx.ModelProto()
        model.ParseFromString(written)
        return _file(onnx, model, path)
    except TargetError as error:
        raise TargetError(f"{text!r}: {error}") from error
    except Exception as error:  # of protobuf, and of onnx's own inference
        raise TargetError(f"{text!r} is damaged or no ONNX file: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0])[:160] or type(error).__name__


def _file(onnx: Any, model: Any, path: Path) -> OnnxFile:
    if not model.graph.node:
        raise TargetError("the file has no nodes; expected an ONNX model")
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    weights = {proto.name: _weight(proto, path.parent) for proto in model.graph.initializer}
    steps = tuple(_steps(onnx, model.graph.node))
    inputs = [(info.name, _input(info)) for info in model.graph.input if info.name not in weights]
    outputs = tuple(info.name for info in model.graph.output)
    known = {*weights, *(name for name, _ in inputs), ""}
    for step in steps:
        for operand in step.operands:
            if operand not in known:
                raise TargetError(f"the node {step.name!r} reads {printable(operand)!r}, which none before writes")
        known.update(step.results)
    missing = [name for name in outputs if name not in known]
    if missing or not outputs:
        raise TargetError(f"nothing writes the output {missing}" if missing else "the file has no outputs")
    shapes = _shapes(onnx, model)
    return OnnxFile(path, steps, weights, tuple(inputs), outputs, shapes, opset)


def _weight(proto: Any, folder: Path) -> Weight:
    shape = tuple(proto.dims)
    if proto.data_type not in TYPES:
        raise TargetError(f"the weight {printable(proto.name)!r} has the element type {proto.data_type}, unknown here")
    if any(side < 0 for side in shape) or prod(shape) > LARGEST_ELEMENTS:
        raise TargetError(f"the weight {printable(proto.name)!r} has the shape {shape}, which cannot be")
    return Weight(proto.name, shape, TYPES[proto.data_type], proto, folder)


def _steps(onnx: Any, nodes: Sequence[Any]) -> Iterator[NodeSpec]:
    for number, node in enumerate(nodes):
        attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}
        plain = {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()}
        domain = "" if node.domain in ("", "ai.onnx") else f"{node.domain}."
        name = printable(node.name) or f"{node.op_type}_{number}"
        yield NodeSpec(f"{domain}{node.op_type}", name, tuple(node.input), tuple(node.output), plain)


def _input(info: Any) -> InputSpec | None:
    """Return the input's shape; a first dimension that is left open is a batch of 1."""
    tensor = info.type.tensor_type
    if not info.type.HasField("tensor_type") or tensor.elem_type not in TYPES:
        raise TargetError(f"the input {printable(info.name)!r} is no tensor of a known element type")
    sides = []
    for place, side in enumerate(tensor.shape.dim):
        if side.HasField("dim_value") and 0 < side.dim_value < LARGEST_ELEMENTS:
            sides.append(side.dim_value)
        elif place == 0 and side.dim_param.lower().startswith(BATCH_NAMES):
            sides.append(1)
        else:
            return None
    return InputSpec(tuple(sides), dtype_name(TYPES[tensor.elem_type]))


def _shapes(onnx: Any, model: Any) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Return the shapes of results that onnx infers; a damaged model has none."""
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception:  # too large to be copied, or of operators without inference
        graph = model.graph
    shapes = {}
    for info in (*graph.value_info, *graph.output):
        tensor = info.type.tensor_type
        sides = tuple(side.dim_value if side.HasField("dim_value") else 0 for side in tensor.shape.dim)
        if tensor.elem_type in TYPES and all(side > 0 for side in sides):
            shapes[info.name] = (sides, TYPES[tensor.elem_type])
    return shapes
