"""Analysis of a network: the cost of every operator, and of kinds, modules, blocks and the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from torch import nn

from netcost.counting import breakdown
from netcost.counting.count import Count, count
from netcost.counting.figures import Figures, input_text
from netcost.counting.language import LanguageCount
from netcost.counting.operators import operators_table
from netcost.counting.training import StepCount
from netcost.graph import bits, liveness
from netcost.graph.cost import Cost, total
from netcost.graph.graph import Graph
from netcost.targets.libraries.caches import Caches
from netcost.targets.naming import Target, resolve
from netcost.text import frames, units
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.metrics import LANGUAGE_METRICS, METRICS, NARROW_METRICS, TRAIN_METRICS
from netcost.text.shown import Shown
from netcost.text.tables import Column, Section, Table, table_of
from netcost.tracing import TrainStep, call_arguments, input_specs, paused_collection, trace_call, trace_step
from netcost.tracing.inputs import Input, drawing, drawing_indices, notes_on, written_inputs

if TYPE_CHECKING:
    import pandas


BRIEF = ("params", "mult_adds", "memory_access", "kernels", "depth", "peak_memory_bytes")
"""Metrics that name a network in one line."""

DETECTOR_NOTE = (
    "The network proposes boxes and drops those that overlap (nms): what it does per box hangs on the values of its "
    "weights and its input, here random."
)


@dataclass(frozen=True, repr=False)
class Analysis(Shown):
    """Cost of one forward pass of a network.

    Args:
        count: the counted graph.
        model: the name of the network, as the user gave it.
        inputs: as `written_inputs` makes them; None for the shapes of the graph's inputs.
        input_notes: what stands for inputs that were given by shape.
        training: the training step, where one was asked for.
        language: the figures of a step of a language model, where one was asked for.
        step_caches: the model's caches then.
    """

    count: Count
    model: str = ""
    inputs: tuple[Any, ...] | None = None
    input_notes: tuple[str, ...] = ()
    training: StepCount | None = None
    language: LanguageCount | None = None
    step_caches: Caches | None = None

    @property
    def graph(self) -> Graph:
        """The forward pass as it was traced."""
        return self.count.graph

    @cached_property
    def total(self) -> Cost:
        """The sum of all operators' costs."""
        return total(self.count.costs)

    @cached_property
    def unknown_ops(self) -> dict[str, int]:
        """Operators without a counting rule, and the runs of each: the totals leave their work out."""
        return self.count.unknown_ops

    @property
    def params(self) -> int:
        """Unique parameters that the forward pass uses (count)."""
        return self.total.params

    @property
    def params_total(self) -> int:
        """Unique parameters of the module, auxiliary heads included (count)."""
        return self.graph.params_total

    @property
    def mult_adds(self) -> int:
        """Multiply-accumulates (count)."""
        return self.total.mult_adds

    @property
    def flops(self) -> int:
        """Floating-point operations (count)."""
        return self.total.flops

    @property
    def memory_access(self) -> int:
        """Elements read + written, unfused: the paper's MAC (elements)."""
        return self.total.memory_access

    @property
    def memory_access_bytes(self) -> int:
        """Bytes read + written, unfused."""
        return self.total.memory_access_bytes

    @property
    def memory_access_fused(self) -> int:
        """Elements read + written after fusion (elements)."""
        return self.total.memory_access_fused

    @property
    def memory_access_fused_bytes(self) -> int:
        """Bytes read + written after fusion."""
        return self.total.memory_access_fused_bytes

    @property
    def activations(self) -> int:
        """Elements written by convolutions, linear layers and matrix products (elements)."""
        return self.total.activations

    @property
    def elementwise_access(self) -> int:
        """The part of `memory_access` due to point-wise operators (elements)."""
        return self.total.elementwise_access

    @property
    def kernels(self) -> int:
        """Operators that launch work (count)."""
        return self.total.kernels

    @property
    def depth(self) -> int:
        """Longest chain of compute operators (count)."""
        return self.count.structure.depth

    @property
    def parallelism(self) -> float | None:
        """Compute operators / depth (ratio)."""
        return self.count.structure.parallelism

    @property
    def max_fragments(self) -> int | None:
        """Compute operators in the largest building block (count); None if nothing cuts the network into blocks."""
        return self.count.structure.max_fragments

    @cached_property
    def peak_memory_bytes(self) -> int:
        """Weights + the largest sum of live activations (bytes)."""
        return liveness.peak_memory_bytes(self.graph)

    @property
    def intensity(self) -> float | None:
        """FLOPs per byte of memory access (ratio)."""
        return self.flops / self.memory_access_bytes if self.memory_access_bytes else None

    @cached_property
    def bit_operations(self) -> int | None:
        """Multiply-adds x bits of both operands (count); None where none has fewer than 16 bits."""
        return bits.bit_operations(self.graph, self.count.costs)

    def metrics(self) -> dict[str, Any]:
        """Return every metric by its identifier, with those of narrow numbers and of steps if there are."""
        of_step = {} if self.training is None else self.training.metrics()
        narrow = {} if self.bit_operations is None else {name: getattr(self, name) for name in NARROW_METRICS}
        of_language = {} if self.language is None else self.language.metrics()
        return {**{name: getattr(self, name) for name in METRICS}, **narrow, **of_step, **of_language}

    @property
    def figures(self) -> Figures:
        """The figures alone, without the graph."""
        inputs = tuple(spec.shape for spec in self.graph.inputs) if self.inputs is None else self.inputs
        training = None if self.training is None else self.training.to_dict()
        return Figures(self.model, inputs, self.metrics(), self.unknown_ops, self._count_notes(), training)

    def _count_notes(self) -> tuple[str, ...]:
        is_detector = any(op.name == "torchvision.nms" for op in self.graph.ops)
        taken = ", ".join(name for name in self.graph.leftovers if not name.endswith("?"))
        stuck = ", ".join(name.removesuffix("?") for name in self.graph.leftovers if name.endswith("?"))
        kept = "The network's code kept tensors of the count, which have no values, in"
        return (
            *self.input_notes,
            *(() if self.language is None else self.language.notes),
            *([DETECTOR_NOTE] if is_detector else []),
            *self.graph.notes,
            *([f"{kept} {taken}; they were taken out."] if taken else []),
            *([f"{kept} {stuck}, and they are still there: results of the network may now be wrong."] if stuck else []),
        )

    @property
    def input_values(self) -> tuple[str, ...]:
        """The inputs that are no tensors, as text."""
        return tuple(input_text(written) for written in self.inputs or () if not isinstance(written, tuple))

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers under the JSON keys."""
        return self.figures.to_dict()

    def summary(self) -> Table:
        """Make a row per metric, for people."""
        figures = self.figures
        metrics = METRICS if self.bit_operations is None else METRICS | NARROW_METRICS
        metrics = metrics if self.training is None else metrics | TRAIN_METRICS
        metrics = metrics if self.language is None else metrics | LANGUAGE_METRICS
        columns = (
            Column("metric", self.model or "model", of=lambda name: metrics[name].heading),
            Column("value", "", "mixed", of=figures.shown),
        )
        table = table_of(columns, metrics, notes=self.notes())
        return replace(table, row_units=tuple(metric.unit for metric in metrics.values()))

    def _brief(self) -> str:
        figures = self.figures
        shown = (f"{METRICS[name].heading} {units.text(figures.shown(name), METRICS[name].unit)}" for name in BRIEF)
        return f"{self.model or 'a function'}: {', '.join(shown)}"

    def _parts(self, format_name: str) -> Sequence[Section]:  # noqa: ARG002  # the same in all formats
        return [Section("", tables=(self.summary(),))]

    def notes(self) -> list[str]:
        """Make the notes under every table of this analysis."""
        return self.figures.notes()

    def require_timeable(self) -> Analysis:
        """Return the analysis; refuse to time the network in this process where its code still holds a shape.

        Raises:
            MeasurementError: a tensor of the count, which has no values, could not be taken out of its holder.
        """
        holders = [name.removesuffix("?") for name in self.graph.leftovers if name.endswith("?")]
        if holders:
            raise MeasurementError(
                f"{self.model}: {', '.join(holders)} still holds a tensor of the count, which has no values; time the "
                "network in another process, with --isolate"
            )
        return self

    def by_module(self, depth: int | None = None, *, calls: bool = False) -> pandas.DataFrame:
        """Return a row per module, in the order of first use; `depth` levels of modules, or all for None.

        With `calls`, return a row per call of a module, numbered from 1: a shared module works once per call.
        """
        return frames.frame(self._noted(breakdown.by_module(self.count, depth, calls)))

    def by_op(self) -> pandas.DataFrame:
        """Return a row per operator, in the order in which they ran."""
        return frames.frame(self.table("op"))

    def by_kind(self) -> pandas.DataFrame:
        """Return a row per kind of operator."""
        return frames.frame(self.table("kind"))

    def by_block(self) -> pandas.DataFrame:
        """Return a row per building block."""
        return frames.frame(self.table("block"))

    def operators(self) -> pandas.DataFrame:
        """Return a row per operator that launches work, with what a model of latency needs to know of it.

        Finer kind, shapes, groups, kernel, stride, bytes that grow with the batch and bytes that do not, layouts,
        types and casts under autocast, hidden copies, and the group that a compiler would run as one kernel.
        """
        return frames.frame(operators_table(self.count))

    def table(self, by: str, depth: int | None = None) -> Table:
        """Return the cost by "module", "kind", "block" or "op" as a table; its rows add up to the whole.

        Raises:
            RequestError: `by` is another grouping.
        """
        return self._noted(breakdown.table(self.count, by, depth))

    def _noted(self, rows: Table) -> Table:
        return replace(rows, notes=(*self.notes(), *rows.notes))


@paused_collection()
def analyze(
    model: nn.Module | Callable[..., Any] | str | Target,
    inputs: Any = None,
    *,
    mode: str = "eval",
    concrete: bool = False,
    step: TrainStep | None = None,
) -> Analysis:
    """Count one forward pass of `model`; no tensor of its size is allocated or computed.

    Args:
        model: an nn.Module, a method of one, a function of tensors, or a target such as "torchvision:resnet50".
        inputs: all that the forward takes, as `call_arguments` describes it: a shape (1, 3, 224, 224) or a tensor; a
            tuple or list of these and of any other values, one per positional input, () for none; or a mapping of
            them by keyword. None for a target's own input.
        mode: "eval" or "train".
        concrete: run on real tensors, for a forward pass that looks at values.
        step: a training step, to be counted as well: `analyze(model, shape, step=TrainStep("adamw")).training`.

    Raises:
        RequestError: the target is unknown, the input missing or malformed, or the model's code raised.
    """
    if isinstance(model, str):
        model = resolve(model, inputs=() if inputs is None else input_specs(inputs))
    target = model if isinstance(model, Target) else None
    name, model, specs, args, kwargs = built(model, inputs, concrete=concrete)
    written = written_inputs((*args, *kwargs.values()))
    graph = trace_call(model, args, kwargs, mode=mode, concrete=concrete)
    training = None
    if step is not None:
        training = StepCount.of(trace_step(model, args, kwargs, step, concrete=concrete), step)
    notes = (*(target.notes if target else ()), *notes_on(specs))
    analysis = Analysis(count(graph), name, written, notes, training)
    if target is None or target.step is None:
        return analysis
    batch = next(spec.shape[0] for spec in specs if (spec.name or "").endswith("input_ids"))
    language = LanguageCount.of(analysis.count, target.step, batch, analysis.mult_adds)
    return replace(analysis, language=language, step_caches=target.step.caches)


def built(
    model: nn.Module | Callable[..., Any] | str | Target,
    inputs: Any,
    *,
    caller: str = "analyze",
    concrete: bool = False,
    while_building: AbstractContextManager[Any] | None = None,
) -> tuple[str, nn.Module | Callable[..., Any], tuple[Input, ...], tuple[Any, ...], dict[str, Any]]:
    """Return the name, the model, its inputs, and the positional and keyword arguments of its forward pass.

    Args:
        model: as for `analyze`, as are `inputs` and `concrete`.
        caller: the function that needs the inputs, for the message.
        while_building: open while a target is built.

    Raises:
        RequestError: the target is unknown, the input missing or malformed, or the constructor raised.
    """
    name = ""
    if isinstance(model, str):
        model = resolve(model, inputs=() if inputs is None else input_specs(inputs))
    if isinstance(model, Target):
        name = model.name
        inputs = model.required_inputs() if inputs is None else inputs
        with while_building or nullcontext():
            model = model.build() if concrete else model.build_weightless()
    if inputs is None:
        raise RequestError(f"{caller} needs the inputs of the model: a shape like (1, 3, 224, 224), or tensors")
    specs = input_specs(inputs)
    args, kwargs = call_arguments(specs, drawing(model) if concrete else drawing_indices(model))
    return name or getattr(model, "__qualname__", type(model).__name__), model, specs, args, kwargs


@paused_collection()
def count_step(target: Target, step: TrainStep) -> StepCount:
    """Count a training step of a target alone, without its forward pass on its own.

    Raises:
        RequestError: as for `analyze`.
    """
    model = target.build_weightless()
    args, kwargs = call_arguments(target.required_inputs(), drawing_indices(model))
    return StepCount.of(trace_step(model, args, kwargs, step), step)
