"""Operators and graphs written down by hand, so that counting is tested in milliseconds and without torch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from netcost.graph.graph import CONSTANT, MODEL_INPUT, Graph, Op, TensorSpec

Written = TensorSpec | Sequence[int] | Sequence[Sequence[int]] | Sequence[TensorSpec]


def tensor(*shape: int, dtype: str = "float32", broadcast: int = 1) -> TensorSpec:
    """A tensor of one of the element types that tests use."""
    itemsize = {"float32": 4, "float16": 2, "int64": 8, "bool": 1}[dtype]
    return TensorSpec(shape, dtype, itemsize, broadcast)


def tensors(written: Any) -> list[TensorSpec]:
    """`written` as tensors: one as it is, a tuple of sizes as a tensor of floats, a list as several of them."""
    if isinstance(written, TensorSpec):
        return [written]
    return [tensor(*written)] if isinstance(written, tuple) else [spec for item in written for spec in tensors(item)]


def call(name: str, output: Written, arguments: Mapping[str, Any] | None = None, /, **inputs: Written) -> Op:
    """One operator call on its own; `inputs` are tensors by the operator's own argument names."""
    named = [(role, spec) for role, written in inputs.items() for spec in tensors(written)]
    return Op(
        name,
        inputs=tuple(spec for _, spec in named),
        outputs=tuple(tensors(output)),
        roles=tuple(role for role, _ in named),
        arguments=dict(arguments or {}),
        sources=(MODEL_INPUT,) * len(named),
        parameters=(None,) * len(named),
    )


class Value(NamedTuple):
    """A tensor on its way through a network: who wrote it, and which parameter it is, if it is one."""

    spec: TensorSpec
    source: int
    parameter: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes, batch first."""
        return self.spec.shape


class Network:
    """A graph written down operator by operator: each method takes values and gives the one that it makes."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.inputs: list[TensorSpec] = []
        self.parameters: dict[str, TensorSpec] = {}

    def input(self, *shape: int) -> Value:
        """What the caller passes in."""
        self.inputs.append(tensor(*shape))
        return Value(self.inputs[-1], MODEL_INPUT)

    def parameter(self, *shape: int) -> Value:
        """A new parameter."""
        name = f"parameter_{len(self.parameters)}"
        self.parameters[name] = tensor(*shape)
        return Value(self.parameters[name], CONSTANT, name)

    def run(
        self,
        name: str,
        output: Sequence[int],
        inputs: Mapping[str, Value | Sequence[Value]],
        arguments: Mapping[str, Any] | None = None,
        *,
        module: str = "",
        is_view: bool = False,
    ) -> Value:
        """Any operator that makes one tensor."""
        named = [
            (role, value)
            for role, given in inputs.items()
            for value in ([given] if isinstance(given, Value) else list(given))
        ]
        values = [value for _, value in named]
        made = tensor(*output)
        self.ops.append(
            Op(
                name,
                inputs=tuple(value.spec for value in values),
                outputs=(made,),
                roles=tuple(role for role, _ in named),
                arguments=dict(arguments or {}),
                sources=tuple(value.source for value in values),
                parameters=tuple(value.parameter for value in values),
                is_view=is_view,
                module=module,
            )
        )
        return Value(made, values[0].source if is_view else len(self.ops) - 1)

    def conv(self, x: Value, channels: int, *, bias: bool = False, weight: Value | None = None, **where: str) -> Value:
        """A 1x1 convolution."""
        weight = weight or self.parameter(channels, x.shape[1], 1, 1)
        operands = {"input": x, "weight": weight} | ({"bias": self.parameter(channels)} if bias else {})
        return self.run("aten.conv2d", (x.shape[0], channels, *x.shape[2:]), operands, {"groups": 1}, **where)

    def norm(self, x: Value, *, training: bool = False, **where: str) -> Value:
        """A batch norm: scale and shift are learnt, mean and variance are buffers."""
        learnt = {role: self.parameter(x.shape[1]) for role in ("weight", "bias")}
        kept = {role: Value(tensor(x.shape[1]), CONSTANT) for role in ("running_mean", "running_var")}
        return self.run("aten.batch_norm", x.shape, {"input": x} | learnt | kept, {"training": training}, **where)

    def relu(self, x: Value, **where: str) -> Value:
        """A ReLU."""
        return self.run("aten.relu", x.shape, {"self": x}, **where)

    def relu_(self, x: Value, **where: str) -> Value:
        """A ReLU in place: it becomes the writer of that memory."""
        return self.run("aten.relu_", x.shape, {"self": x}, **where)

    def add(self, a: Value, b: Value, **where: str) -> Value:
        """A sum of two tensors of one shape."""
        return self.run("aten.add", a.shape, {"self": a, "other": b}, **where)

    def cat(self, values: Sequence[Value], **where: str) -> Value:
        """Tensors joined along their channels."""
        first = values[0].shape
        channels = sum(value.shape[1] for value in values)
        return self.run("aten.cat", (first[0], channels, *first[2:]), {"tensors": values}, {"dim": 1}, **where)

    def pool(self, x: Value, **where: str) -> Value:
        """A 3x3 max pooling that keeps the size."""
        return self.run("aten.max_pool2d", x.shape, {"self": x}, {"kernel_size": [3, 3]}, **where)

    def view(self, x: Value, **where: str) -> Value:
        """A flattening that moves nothing."""
        rows, *rest = x.shape
        flat = 1
        for size in rest:
            flat *= size
        return self.run("aten.flatten", (rows, flat), {"self": x}, is_view=True, **where)

    def graph(self, *outputs: Value) -> Graph:
        """The network as one forward pass that gives back `outputs`."""
        return Graph(
            tuple(self.ops),
            inputs=tuple(self.inputs),
            outputs=tuple(output.spec for output in outputs),
            output_sources=tuple(output.source for output in outputs),
            parameters=dict(self.parameters),
        )


def wired(
    sources: Iterable[Sequence[int]], outputs: Sequence[int], views: Iterable[int] = (), modules: Sequence[str] = ()
) -> Graph:
    """A graph of which only the wiring matters: who reads from whom."""
    looks = frozenset(views)
    ops = tuple(
        Op(f"op{index}", sources=tuple(reads), is_view=index in looks, module=modules[index] if modules else "")
        for index, reads in enumerate(sources)
    )
    return Graph(ops, output_sources=tuple(outputs))
