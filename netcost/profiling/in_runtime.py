"""Profile of a network in a runtime of its own: the kernels that it really ran, joined to the counted graph."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from netcost.counting.analysis import Analysis, analyze
from netcost.counting.breakdown import truncated
from netcost.graph import fusion
from netcost.graph.cost import Kind
from netcost.graph.graph import Op
from netcost.targets import Target
from netcost.text import units
from netcost.text.errors import MeasurementError, RequestError
from netcost.text.tables import Column, Table, from_records
from netcost.text.version import __version__
from netcost.timing import stats
from netcost.timing.arguments import Arguments
from netcost.timing.conversion import quiet_compiler
from netcost.timing.devices import open_device
from netcost.timing.environment import Environment, flushed_denormals, read_environment, thread_number
from netcost.timing.measuring import random_call
from netcost.timing.preparation import evaluating
from netcost.timing.runtimes import RUNTIMES, NetworkCall, onnxruntime, openvino
from netcost.timing.runtimes.kernels import GraphNode, ProfiledNetwork, RanKernel
from netcost.timing.runtimes.runtime import flat_tensors
from netcost.timing.sampling import Progress, Subject, sample_rounds
from netcost.timing.setting import ONNXRUNTIME, OPENVINO, Timing
from netcost.timing.subjects import subject

SCHEMA = 1
PROFILERS: Mapping[str, Callable[[NetworkCall], ProfiledNetwork]] = {
    ONNXRUNTIME: onnxruntime.profiled,
    OPENVINO: openvino.profiled,
}
MOST_RUNS, MOST_ROWS = 200, 20
ALIKE = {
    "conv2d": "convolution",
    "conv1d": "convolution",
    "conv3d": "convolution",
    "addmm": "linear",
    "native_batch_norm_legit_no_training": "batch_norm",
    "native_layer_norm": "layer_norm",
}
"""Operators that torch.export names otherwise than a trace."""

GROUPINGS = ("op", "kind", "module")

FUSION_COLUMNS = (
    Column("pattern", "Pattern"),
    Column("fused_by", "Fused by"),
    Column("places", "Places", "count"),
)


@dataclass(frozen=True, kw_only=True)
class RuntimeProfile:
    """The kernels that a runtime ran for a network.

    Args:
        analysis: the counted graph.
        backend: the runtime.
        details: its version, threads and origin of the file.
        environment: of the measurement.
        plain_s: seconds of each run of the network, with the kernels being timed.
        kernels: in the order in which they ran.
        ops: operators of the graph that each kernel stands for, as far as names reach.
    """

    analysis: Analysis
    backend: str
    details: str
    environment: Environment
    plain_s: tuple[float, ...]
    kernels: tuple[RanKernel, ...]
    ops: tuple[tuple[int, ...], ...]

    @cached_property
    def counted(self) -> list[int]:
        """Operators of the graph that do work: views are none."""
        return [index for index, kind in enumerate(self.analysis.count.kinds) if kind is not Kind.VIEW]

    @cached_property
    def groups(self) -> tuple[int, ...]:
        """The group of each operator after the fusion that `memory_access_fused` assumes."""
        count = self.analysis.count
        access = [cost.memory_access for cost in count.costs]
        return fusion.fuse(count.graph, count.kinds, access, access).group

    @property
    def fused_kernels(self) -> int:
        """Kernels after that fusion."""
        return len({self.groups[index] for index in self.counted})

    @property
    def times_s(self) -> list[float]:
        """The median time of each kernel (seconds)."""
        return [stats.median(kernel.times_s) for kernel in self.kernels]

    @property
    def joined_share(self) -> float:
        """Share of the operators that a kernel was found for."""
        known = {index for own in self.ops for index in own}
        return len(known & {*self.counted}) / max(1, len(self.counted))

    def differences(self) -> list[tuple[str, str, int]]:
        """List where its fusion and ours differ: the operators, the one that fuses them, and the number of places."""
        kernel_of = {index: number for number, own in enumerate(self.ops) for index in own}
        found: Counter[tuple[str, str]] = Counter()
        for own in self.ops:
            heads = dict.fromkeys(self.groups[index] for index in own)
            if len(heads) > 1:
                found[self._pattern(own), self.backend] += 1
        members: dict[int, list[int]] = {}
        for index in self.counted:
            members.setdefault(self.groups[index], []).append(index)
        for group in members.values():
            if len({kernel_of[index] for index in group if index in kernel_of}) > 1:
                found[self._pattern(group), "netcost"] += 1
        return [(pattern, whose, times) for (pattern, whose), times in found.most_common()]

    def _pattern(self, ops: Iterable[int]) -> str:
        names = (self.analysis.graph.ops[index].name.removeprefix("aten.").rstrip("_") for index in sorted(ops))
        return " + ".join(names)

    def records(self) -> Table:
        """Return a row per kernel."""
        return self._table(self._rows("op"), "op")

    def grouped(self, by: str, depth: int | None) -> Table:
        """Return the kernels by "op" (the slowest), "kind" or "module"."""
        rows = self._rows(by, depth)
        if by == "op" and len(rows) > MOST_ROWS:
            kept = sorted(rows, key=lambda row: -row["time_s"])[:MOST_ROWS]
            rows = [row for row in rows if row in kept]
        return self._table(rows, by)

    def differences_table(self) -> Table:
        """Return the places where its fusion and ours differ."""
        records = [{"pattern": p, "fused_by": whose, "places": times} for p, whose, times in self.differences()]
        return from_records(FUSION_COLUMNS, records[:MOST_ROWS], "Fused by one side only")

    def notes(self) -> list[str]:
        """Return the notes under the tables."""
        total = sum(self.times_s)
        return [
            *self.analysis.notes(),
            f"{self.details}: ran {len(self.kernels)} kernels, where netcost counts {self.analysis.kernels}, and "
            f"{self.fused_kernels} after the fusion that memory_access_fused assumes.",
            f"{units.seconds(total)} in kernels; a run takes {units.seconds(stats.median(self.plain_s))} (median of "
            f"{len(self.plain_s)}, while kernels are timed). Names join {units.percent(self.joined_share)} of the "
            "operators to kernels.",
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; times in seconds, one per run."""
        rows = self._rows("op")
        return {
            "schema": SCHEMA,
            "netcost": __version__,
            "environment": self.environment.to_dict(),
            "backend": self.backend,
            "runtime": self.details,
            **self.analysis.to_dict(),
            "kernels_run": len(self.kernels),
            "kernels_fused": self.fused_kernels,
            "joined_share": self.joined_share,
            "plain_s": list(self.plain_s),
            "differences": [{"pattern": p, "fused_by": whose, "places": n} for p, whose, n in self.differences()],
            "kernels_of_runtime": [
                {**row, "samples_s": list(kernel.times_s)} for row, kernel in zip(rows, self.kernels, strict=True)
            ],
        }

    def _rows(self, by: str, depth: int | None = None) -> list[dict[str, Any]]:
        whole = sum(self.times_s)
        rows: dict[Any, dict[str, Any]] = {}
        for number, (kernel, own, time_s) in enumerate(zip(self.kernels, self.ops, self.times_s, strict=True)):
            module = truncated(self.analysis.graph.ops[own[0]].module, depth) if own else "(runtime)"
            key = {"op": number, "kind": kernel.kind, "module": module}[by]
            row = rows.setdefault(key, {"kernel": kernel.kind, "module": module, "runs": 0, "time_s": 0.0})
            work = sum(self.analysis.count.costs[index].mult_adds for index in own)
            row["runs"] += 1
            row["time_s"] += time_s
            row["share"] = row["time_s"] / whole if whole else None
            row["mult_adds"] = row.get("mult_adds", 0) + work
            row["op"] = self._pattern(own) or None
        return list(rows.values())

    def _table(self, rows: Sequence[dict[str, Any]], by: str) -> Table:
        kernel, module = Column("kernel", "Kernel"), Column("module", "Module")
        words = {
            "op": (kernel, Column("op", "Operator"), module),
            "kind": (kernel, Column("runs", "Kernels", "count")),
            "module": (module, Column("runs", "Kernels", "count")),
        }[by]
        figures = (
            Column("time_s", "Time", "seconds"),
            Column("share", "Share", "percent"),
            Column("mult_adds", "Mult-adds", "count"),
        )
        return from_records((*words, *figures), rows, notes=self.notes())


@dataclass(frozen=True, slots=True)
class ShownRuntimeProfile:
    """The result of `netcost profile --backend onnxruntime`: by default by kind, by kernel, and the differences."""

    profile: RuntimeProfile
    by: str | None = None
    depth: int = 1

    def to_dict(self) -> dict[str, Any]:
        """Return every kernel with its raw times."""
        return self.profile.to_dict()

    def records(self) -> Table:
        """Return a row per kernel, or per group."""
        return self.profile.records() if self.by in (None, "op") else self.profile.grouped(self.by or "op", self.depth)

    def tables(self) -> list[Table]:
        """Return the rows by the grouping asked for; else kinds, slowest kernels, and what one side alone fuses."""
        if self.by is not None:
            return [self.profile.grouped(self.by, self.depth)]
        kinds, kernels = (self.profile.grouped(by, None) for by in ("kind", "op"))
        differences = self.profile.differences_table()
        bare = Table(kinds.columns, kinds.rows)
        return [bare, *([differences] if differences.rows else []), kernels]


def profile_in_runtime(
    model: str | Target, timing: Timing, *, concrete: bool = False, progress: Progress | None = None
) -> RuntimeProfile:
    """Measure the kernels that a runtime runs for a network.

    Raises:
        RequestError: the runtime has no profile, or its packages are missing.
        MeasurementError: the network does not convert, or failed.
    """
    if timing.backend not in PROFILERS:
        raise RequestError(f"a profile has no --backend {timing.backend}; expected one of {', '.join(PROFILERS)}")
    target = subject(model, None, timing)
    analysis = analyze(target, concrete=concrete).require_timeable()
    device = open_device("cpu")
    built = target.build()
    call = random_call(target.required_inputs(), model=built)
    budget_s, precision = timing.goal(10.0, 0.01)
    with device.active(), thread_number(timing.threads) as threads, flushed_denormals(), evaluating(built):
        with torch.inference_mode():
            outputs = flat_tensors(Arguments(call).bound(built)())
        network = NetworkCall(built, Arguments(call), device, threads, outputs, timing.dtype)
        with quiet_compiler(RUNTIMES[timing.backend].title):
            profiled = PROFILERS[timing.backend](network)
        rounds = sample_rounds(
            [Subject(analysis.model, profiled.run, prepare=lambda: None)],
            clock=time.perf_counter,
            budget_s=budget_s,
            precision=precision,
            max_rounds=MOST_RUNS,
            progress=progress,
        )
        [series] = rounds.series
        if series.error is not None:
            raise series.error
        kernels = profiled.kernels()
    if not kernels:
        raise MeasurementError(f"{analysis.model}: {timing.backend} timed no kernel")
    taken = len(series.times_s)
    kept = tuple(RanKernel(one.name, one.kind, one.nodes, one.times_s[-taken:]) for one in kernels)
    found = matched(profiled.nodes, analysis.graph.ops, analysis.count.kinds)
    return RuntimeProfile(
        analysis=analysis,
        backend=timing.backend,
        details=profiled.details,
        environment=read_environment("cpu", threads),
        plain_s=series.times_s,
        kernels=kept,
        ops=tuple(tuple(sorted(index for node in one.nodes for index in found[node])) for one in kept),
    )


def matched(nodes: Sequence[GraphNode], ops: Sequence[Op], kinds: Sequence[Kind]) -> list[list[int]]:
    """Match the nodes of a file with the operators of the graph: by module, name and order.

    An operator of a module whose parameters a node reads belongs to that node too: a batch norm is folded into it.
    """
    free = {index: None for index, kind in enumerate(kinds) if kind is not Kind.VIEW}
    by_module: dict[str, list[int]] = {}
    for index in free:
        by_module.setdefault(ops[index].module, []).append(index)
    found: list[list[int]] = [[] for _ in nodes]

    def take(number: int, module: str | None, function: str | None) -> None:
        for index in by_module.get(module or "", ()) if module is not None else ():
            if index in free and (function is None or _function(ops[index].name) == ALIKE.get(function, function)):
                del free[index]
                found[number].append(index)
                return

    for number, node in enumerate(nodes):
        if node.function is not None:
            take(number, node.module, node.function.rstrip("_").lstrip("_"))
    for number, node in enumerate(nodes):
        for owner in node.owners:
            take(number, owner, None)
    for number, node in enumerate(nodes):
        if not found[number] or node.function is None:
            for _ in by_module.get(node.module or "", ()) if node.function is None else (None,):
                take(number, node.module, None)
    return found


def _function(name: str) -> str:
    bare = name.removeprefix("aten.").strip("_")
    return ALIKE.get(bare, bare)
